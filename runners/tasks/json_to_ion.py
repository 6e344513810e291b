"""JSON to rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic
from runners.protocol import Unusable
from runners.serdes import BadRow, OnBadLines, ToIon, kept
from runners.serdes.texts import chunks, lines
from runners.serdes.values import CHARSET, Charset
from runners.task import Work

_LONGEST = 16 << 20  #: characters of one element
_SPACE = re.compile(r"[ \t\r\n]*")
#: A value that is cut off fails this near to its end, unless it is in a text.
_NEAR = 16


class JsonToIon(ToIon):
    """Reads JSON: a value on each line, or one document, of which an array gives a row for each element."""

    TYPE = "io.kestra.plugin.serdes.json.JsonToIon"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.serdes.json.JsonReader",)

    new_line: Dynamic[bool] = Field(True, description="Whether each line is a value (JSON Lines); if not, the file is one document.")
    on_bad_lines: OnBadLines = Field("ERROR", description="What becomes of a line that is wrong: the task fails (ERROR), or it is left out (WARN, SKIP).")
    charset: Charset = CHARSET

    def rows(self, work: Work, source: Path) -> Iterator[Any]:
        """Value by value."""
        if not self.new_line:
            return _Document(chunks(source, self.charset)).rows()
        return kept(work, _by_line(lines(source, self.charset)), self.on_bad_lines)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def _by_line(texts: Iterator[str]) -> Iterator[Callable[[], Any]]:
    for number, text in enumerate(texts, start=1):
        if not text.isspace():
            yield partial(_value, text, number)


def _value(text: str, line: int) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        hint = ": is the file one document? Then set `newLine: false`" if line == 1 and not text[wrong.pos :].strip() else ""
        raise BadRow(f"{wrong.msg} at line {line:,}, column {wrong.pos + 1}{hint}") from None
    except ValueError as wrong:
        raise BadRow(f"{wrong} (line {line:,})") from None
    except RecursionError:
        raise BadRow(f"it is nested too deeply (line {line:,})") from None


class _Document:
    """One document that comes in pieces; of an array, no more than an element is held."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._text, self._at = "", 0
        self._line, self._column = 1, 1  #: of the text's first character
        self._ended = False

    def rows(self) -> Iterator[Any]:
        if self._next() != "[":
            yield from self._values()
            return
        self._at += 1
        if self._next() == "]":
            self._at += 1
        else:
            while True:
                yield self._element(",]")
                self._at += 1
                if self._text[self._at - 1] == "]":
                    break
        if self._next():
            raise self._wrong("something follows the array", self._at)

    def _values(self) -> Iterator[Any]:
        """Not an array: one value, or several after each other."""
        while self._next():
            yield self._element("")

    def _element(self, closed: str) -> Any:
        """The value that begins here. A number may go on in the next piece, so what follows a value is looked at too."""
        self._next()
        tried = 0
        while True:
            try:
                if self._ended or len(self._text) - self._at >= 2 * tried:
                    tried = len(self._text) - self._at
                    value, end = _DECODER.raw_decode(self._text, self._at)
                    if self._follows(end, closed):
                        return value
            except RecursionError:
                raise self._wrong("it is nested too deeply", self._at) from None
            except json.JSONDecodeError as wrong:
                cut_off = wrong.msg.startswith("Unterminated") or wrong.pos > len(self._text) - _NEAR
                if self._ended or not cut_off:
                    raise self._wrong(wrong.msg, wrong.pos) from None
            except ValueError as wrong:
                raise self._wrong(str(wrong), self._at) from None
            self._more()

    def _follows(self, end: int, closed: str) -> bool:
        """Whether the value has ended; what follows it is next."""
        behind = _SPACE.match(self._text, end).end()  # type: ignore[union-attr] # it matches nothing, too
        if behind == len(self._text) and not self._ended:
            return False
        if closed and self._text[behind : behind + 1] not in tuple(closed):
            raise self._wrong("a `,` or `]` is missing", behind)
        self._at = behind if closed else end
        return True

    def _next(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr] # it matches nothing, too
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def _more(self) -> None:
        piece = next(self._pieces, None)
        self._ended = piece is None
        self._line, self._column = self._place(self._at)
        self._text, self._at = self._text[self._at :] + (piece or ""), 0
        if len(self._text) > _LONGEST + (4 << 20):
            raise self._wrong(f"an element is longer than {_LONGEST:,} characters, or it is never closed", 0)

    def _place(self, at: int) -> tuple[int, int]:
        last = self._text.rfind("\n", 0, at)
        return self._line + self._text.count("\n", 0, at), at - last if last >= 0 else self._column + at

    def _wrong(self, why: str, at: int) -> Unusable:
        line, column = self._place(at)
        return Unusable(f"the file is not JSON: {why} at line {line:,}, column {column:,}")
