"""Which character of a file stands for which character of a scalar's text.

Reads a scalar once more as libyaml does, and notes where each piece of the text comes from: folded lines, indentation, escapes and doubled quotes take more
room in the file than in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

_BLANK, _BREAKS = " \t", "\n\r\x85\u2028\u2029"
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_LINE = re.compile("[^\n\r\x85\u2028\u2029]*")
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+(?:#[^\r\n]*)?)*)*")
_HEADER = re.compile("[|>][^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])")
_WORD = {style: re.compile(rf"[^ \t\n\r\x85\u2028\u2029{sign}]+") for style, sign in (('"', r"\\"), ("'", "'"), ("", ""))}
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)


class Unfolded:
    """One scalar of a file. `true` says that its text was found again; where it was not, no place in it is known."""

    def __init__(self, file: str, event: Any) -> None:
        self._file, self._value = file, event.value
        self._starts: list[int] = []
        self._sources: list[int] = []
        self._parts: list[str] = []
        self._length = 0
        properties = _PROPERTIES.match(file, event.start_mark.index)
        start = properties.end() if properties else event.start_mark.index
        if event.style in ("|", ">"):
            self._block(start, event.end_mark.index, event.style == ">")
        else:
            quote = 1 if event.style else 0
            self._flow(start + quote, event.end_mark.index - quote, event.style or "")
        self.true = "".join(self._parts) == self._value

    def index(self, offset: int) -> int:
        """Where in the file the character stands that has this offset in the text."""
        number = bisect_right(self._starts, offset) - 1
        return self._sources[number] + offset - self._starts[number] if number >= 0 else 0

    def _add(self, text: str, source: int) -> None:
        """A piece of the text. One that is longer than a character stands in the file as it is."""
        if text:
            self._starts.append(self._length)
            self._sources.append(source)
            self._parts.append(text)
            self._length += len(text)

    def _add_all(self, breaks: list[tuple[str, int]]) -> None:
        for text, source in breaks:
            self._add(text, source)

    # blocks

    def _block(self, start: int, end: int, folded: bool) -> None:
        header = _HEADER.match(self._file, start)
        if header is None:
            return
        lines = list(self._lines(header.end(), end))
        indent = self._indent(lines)
        breaks: list[tuple[str, int]] = []
        was_more = False
        for at, line, ending in lines:
            content = line[indent:]
            if content:
                more = content[0] in _BLANK
                self._join(breaks, folded and not was_more and not more and self._length > 0)
                self._add(content, at + indent)
                was_more, breaks = more, []
            breaks.append((ending, at + len(line)))
        # How many line ends are kept at the end is said by the header; here they are of no account but for their number.
        for text, source in breaks:
            if self._length < len(self._value):
                self._add(text, source)

    def _join(self, breaks: list[tuple[str, int]], folds: bool) -> None:
        if folds and breaks and breaks[0][0] == "\n":
            self._add_all(breaks[1:] or [(" ", breaks[0][1])])
        else:
            self._add_all(breaks)

    def _lines(self, start: int, end: int) -> Iterator[tuple[int, str, str]]:
        """Offset, text and line end of each line."""
        while start < end:
            line = _LINE.match(self._file, start)
            assert line is not None  # it matches nothing, too
            ending = _BREAK.match(self._file, line.end())
            yield start, line[0], _read(ending[0]) if ending else ""
            start = ending.end() if ending else len(self._file)

    def _indent(self, lines: list[tuple[int, str, str]]) -> int:
        """How far the block is indented: as far as its first line is more than the text's."""
        for _, line, _ in lines:
            if line.strip(" "):
                text = self._value.lstrip("\n")
                return (len(line) - len(line.lstrip(" "))) - (len(text) - len(text.lstrip(" ")))
        return 0

    # quoted and plain texts

    def _flow(self, at: int, end: int, style: str) -> None:
        file = self._file
        while at < end:
            word = _WORD[style].match(file, at, end)
            if word is not None:
                self._add(word[0], at)
                at = word.end()
            elif file[at] == "\\" and file[at + 1] in _BREAKS:
                at = self._space(at + 1, end, continued=True)
            elif file[at] == "\\":
                escape = _ESCAPE.match(file, at)
                self._add(self._value[self._length : self._length + 1], at)
                at = escape.end() if escape else end
            elif file[at] == "'":
                self._add("'", at)
                at += 2
            else:
                at = self._space(at, end, continued=False)

    def _space(self, at: int, end: int, continued: bool) -> int:
        """White space: as it is within a line, else what folding leaves of it."""
        start, breaks = at, list[tuple[str, int]]()
        while at < end and self._file[at] in _BLANK + _BREAKS:
            found = _BREAK.match(self._file, at)
            if found:
                breaks.append((_read(found[0]), at))
            at = found.end() if found else at + 1
        if continued:
            self._add_all(breaks[1:])
        elif breaks:
            self._join(breaks, True)
        else:
            self._add(self._file[start:at], start)
        return at


def _read(ending: str) -> str:
    """A line end as the text has it."""
    return ending if ending in "\u2028\u2029" else "\n"
