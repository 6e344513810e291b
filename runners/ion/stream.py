"""Files of Ion text, value by value: a file of any length costs the memory of its longest value.

Rows stand on a line of their own, as every writer of them makes them; those lines are read one by one. A value over several lines is gathered first: its
brackets, texts and comments are followed to its end, each character once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from runners.ion.errors import IonError
from runners.ion.reader import DEEPEST, Reader

LONGEST = 16 << 20  #: characters of one value

_TEXTS = r"\"(?>(?:[^\"\\\n]++|\\.)*)\"|'(?!'')(?>(?:[^'\\\n]++|\\.)*)'"
_PARTS = re.compile(rf"{_TEXTS}|//[^\n]*+|(?P<comment>/\*)|(?P<long>''')|(?P<open>[{{\[(])|(?P<close>[}}\])])", re.DOTALL)
_LONG_END = re.compile(r"(?>(?:[^'\\]++|\\.|'(?!''))*)'''", re.DOTALL)


def stream(lines: Iterable[str], depth: int = DEEPEST) -> Iterator[Any]:
    """The values of a file, given line by line. Raises IonError with the line in the file."""
    reading = _Reading(depth)
    for line in lines:
        yield from reading.follow(line)
    yield from reading.rest()


class _Reading:
    """One file. `_parts` are the lines of a value that has begun, `_before` the number of lines above them."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._symbols: list[str] | None = None
        self._parts: list[str] = []
        self._before, self._lines, self._size = 0, 0, 0
        self._follower = _Follower()

    def follow(self, line: str) -> Iterable[Any]:
        """The values that have come to their end with this line."""
        if not self._parts:
            self._before, self._size = self._lines, 0
        self._lines += 1
        self._size += len(line)
        if self._size > LONGEST:
            raise IonError(f"a value is longer than {LONGEST:,} characters: that is the limit", self._before + 1, 1)
        if not self._parts and line.endswith("}\n"):
            # Most lines are one row: reading it is quicker than following its brackets first.
            try:
                return self._read(line)
            except IonError:
                pass
        self._parts.append(line)
        self._follower.follow(line)
        return () if self._follower.inside else self.rest()

    def rest(self) -> Iterable[Any]:
        """What has begun, up to here."""
        text, self._parts = "".join(self._parts), []
        try:
            return self._read(text)
        except IonError as wrong:
            raise IonError(wrong.message, wrong.line + self._before if wrong.line else 0, wrong.column) from None

    def _read(self, text: str) -> list[Any]:
        reader = Reader(text, self._depth, symbols=self._symbols)
        found = list(reader.rows())
        self._symbols = reader.symbols
        return found


class _Follower:
    """Where in a value a text has come to."""

    def __init__(self) -> None:
        self._depth = 0
        self._within = ""  #: `comment` or `long`: what has begun and not ended
        self._joined = False

    @property
    def inside(self) -> bool:
        """Whether what comes next may belong to the value that has begun."""
        return self._depth > 0 or bool(self._within) or self._joined

    def follow(self, line: str) -> None:
        """One line more."""
        at = 0
        while True:
            if self._within:
                at = self._left(line, at)
                if at < 0:
                    return
            found = _PARTS.search(line, at)
            if found is None:
                break
            at = found.end()
            self._enter(found.lastgroup)
        # An annotation belongs to the value after it, and long texts that follow each other are one.
        bare = line.rstrip()
        self._joined = bare.endswith(("::", "'''")) or (self._joined and (not bare or bare.lstrip().startswith("//")))

    def _enter(self, group: str | None) -> None:
        if group in ("comment", "long"):
            self._within = group or ""
        elif group:
            self._depth = max(self._depth + (1 if group == "open" else -1), 0)

    def _left(self, line: str, at: int) -> int:
        """Behind the end of what it is in; below 0 where that isn't on this line."""
        if self._within == "comment":
            end = line.find("*/", at)
            end = end + 2 if end >= 0 else -1
        else:
            match = _LONG_END.match(line, at)
            end = match.end() if match else -1
        if end >= 0:
            self._within = ""
        return end
