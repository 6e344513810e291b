"""From bytes, in chunks of any size, to lines of text.

A line longer than the cap keeps its head: memory stays bounded whatever a program prints, an endless line included. The cap is far above
what a log entry may hold, so that masking sees a secret whole before the entry is cut.
"""

from __future__ import annotations

#: The longest line that is looked at, in bytes; also the largest `::{…}::` message.
LINE_CAP = 1 << 20


class Splitter:
    """The lines of one stream. Bytes that are not UTF-8 become U+FFFD; a carriage return before the newline goes."""

    def __init__(self, cap: int = LINE_CAP) -> None:
        self._cap = cap
        self._held = bytearray()
        self._open = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete with this chunk."""
        lines: list[str] = []
        if self._open:
            first, newline, chunk = chunk.partition(b"\n")
            self._hold(first)
            if not newline:
                return lines
            lines.append(self._take())
        whole, _, tail = chunk.rpartition(b"\n")
        if len(tail) < len(chunk):
            lines += self._split(whole)
        if tail:
            self._hold(tail)
            self._open = True
        return lines

    def rest(self) -> list[str]:
        """The last line, where the stream ended without a newline."""
        return [self._take()] if self._open else []

    def _split(self, whole: bytes) -> list[str]:
        if len(whole) > self._cap:
            return [part[: self._cap].decode("utf-8", "replace").removesuffix("\r") for part in whole.split(b"\n")]
        # At once: a newline is no part of another character, so bytes that are wrong stay wrong within their own line.
        lines = whole.decode("utf-8", "replace").split("\n")
        return [line.removesuffix("\r") for line in lines] if b"\r" in whole else lines

    def _hold(self, part: bytes) -> None:
        self._held += part[: self._cap - len(self._held)]

    def _take(self) -> str:
        line = self._held.decode("utf-8", "replace").removesuffix("\r")
        self._held.clear()
        self._open = False
        return line
