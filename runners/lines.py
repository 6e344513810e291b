"""From bytes, in chunks of any size, to lines of text.

A line longer than the cap keeps its head: memory stays bounded whatever a program prints, an endless line included. The cap is far above
what a log entry may hold, so that masking sees a secret whole before the entry is cut.
"""

from __future__ import annotations

from collections.abc import Iterator

#: The longest line that is looked at, in bytes; also the largest `::{…}::` message.
LINE_CAP = 1 << 20


class Splitter:
    """The lines of one stream. Bytes that are not UTF-8 become U+FFFD; a carriage return before the newline goes."""

    def __init__(self, cap: int = LINE_CAP) -> None:
        self._cap = cap
        self._held = bytearray()
        self._open = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that are complete with this chunk. Exhaust it before the next call."""
        *whole, tail = chunk.split(b"\n")
        for part in whole:
            self._hold(part)
            yield self._take()
        if tail:
            self._hold(tail)
            self._open = True

    def rest(self) -> Iterator[str]:
        """The last line, where the stream ended without a newline."""
        if self._open:
            yield self._take()

    def _hold(self, part: bytes) -> None:
        self._held += part[: self._cap - len(self._held)]

    def _take(self) -> str:
        line = self._held.decode("utf-8", "replace").removesuffix("\r")
        self._held.clear()
        self._open = False
        return line
