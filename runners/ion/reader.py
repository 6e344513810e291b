"""Ion text to plain values.

Rows are long and alike, so a field whose value is plain (text without escapes, a short number, a timestamp, a word) is read by one match of one regular
expression, delimiter included. Whatever does not match goes the long way, value by value, with the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from runners.ion import tokens
from runners.ion.errors import IonError, error_at
from runners.ion.tokens import GAP, KEYWORDS, NULL_TYPES, NUMBER, NUMBERS, OPERATORS, SPACE

DEEPEST = 100

_UP_TO_18 = r"(?:0|[1-9][0-9]{0,17})"
_VALUE = (
    rf'(?:"({tokens.PLAIN})"|(-?{_UP_TO_18})|(true|false|null)|(-?{_UP_TO_18}(?:\.[0-9]{{0,17}})?[eE][+-]?[0-9]{{1,3}})'
    rf"|(-?{_UP_TO_18}\.[0-9]{{0,17}})|([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:T[0-9:.]{{5,18}}(?:Z|[+-][0-9]{{2}}:[0-5][0-9]))?))"
)
_FIELD = re.compile(rf"{SPACE}*+(?:((?!(?:null|true|false|nan)\b|\$[0-9]){tokens.NAME})|\"({tokens.PLAIN})\"){SPACE}*+:{SPACE}*+{_VALUE}{SPACE}*+[,}}]")
_ITEM = re.compile(rf"{SPACE}*+{_VALUE}{SPACE}*+[,\]]")
_WORDS = {"true": True, "false": False, "null": None}
#: What reads each group of the two expressions.
_ITEM_KINDS: tuple[Callable[[str], Any], ...] = (str, str, int, _WORDS.__getitem__, float, Decimal, tokens.timestamp)
_FIELD_KINDS: tuple[Callable[[str], Any], ...] = (str, str, *_ITEM_KINDS)
_FIELD_TEXT = 3
_BARE = re.compile(tokens.NAME)
_SYMBOL_ID = re.compile(r"\$[0-9]++")
_SYSTEM = ("", "$ion", "$ion_1_0", "$ion_symbol_table", "name", "version", "imports", "symbols", "max_id", "$ion_shared_symbol_table")
_SLOW = 8  #: steps of work that a value costs on the long way


def _free(_steps: int) -> None:
    pass


def rows(text: str, depth: int = DEEPEST, pay: Callable[[int], None] = _free) -> Iterator[Any]:
    """The values of a text, one after the other. Raises IonError, and whatever `pay` raises: it is called with the steps of work (a third of a
    microsecond each) that come on top of what the length of the text lets expect."""
    return Reader(text, depth, pay).rows()


def read(text: str, depth: int = DEEPEST, pay: Callable[[int], None] = _free) -> Any:
    """The first value of a text; what follows it isn't looked at. Raises IonError, also where there is none."""
    for value in rows(text, depth, pay):
        return value
    raise IonError("there is no value in this text")


class Reader:
    """One text. Each method takes the offset where something begins, and gives it with the offset behind it.

    `symbols` are those that the text before it has declared, where it is a part of a longer one.
    """

    def __init__(self, text: str, depth: int, pay: Callable[[int], None] = _free, symbols: list[str] | None = None) -> None:
        self._text, self._depth, self._pay = text, depth, pay
        self.symbols = symbols or list(_SYSTEM)
        self._ways: dict[str, Callable[[int, int], tuple[Any, int]]] = {
            "{": self._brace,
            "[": self._list,
            "(": self._expression,
            '"': self._short,
            "'": self._quote,
        }

    def rows(self) -> Iterator[Any]:
        """The values, one after the other."""
        at = self._gap(0)
        while at < len(self._text):
            value, end = self._value(at, self._depth)
            named = self._text.startswith("$ion", at)
            if named and self._text[at:end] == "$ion_1_0":
                self.symbols = list(_SYSTEM)
            elif named and self._text.startswith("$ion_symbol_table", at) and isinstance(value, dict):
                self._declare(value)
            else:
                yield value
            at = self._gap(end)

    def _declare(self, table: dict[str, Any]) -> None:
        names = table.get("symbols")
        if table.get("imports") != "$ion_symbol_table":
            self.symbols = list(_SYSTEM)
        self.symbols += [name if isinstance(name, str) else "" for name in (names if isinstance(names, list) else ())]

    def _gap(self, at: int) -> int:
        match = GAP.match(self._text, at)
        return match.end() if match else at

    def _wrong(self, at: int, message: str = "") -> IonError:
        if at >= len(self._text):
            return error_at(self._text, len(self._text), message or "the text ends in the middle of a value")
        return error_at(self._text, at, message or f"`{self._text[at]}` can't stand here")

    def _value(self, at: int, levels: int) -> tuple[Any, int]:
        self._pay(_SLOW)
        while True:
            at = self._gap(at)
            way = self._ways.get(self._text[at : at + 1])
            value, end = way(at, levels) if way else self._word(at)
            behind = self._annotated(at, end)
            if behind == end:
                return value, end
            self._pay(_SLOW)
            at = behind

    def _annotated(self, at: int, end: int) -> int:
        """The offset behind `::`, if what has been read is an annotation."""
        behind = self._gap(end)
        if not self._text.startswith("::", behind):
            return end
        if not self._is_symbol(at, end):
            raise self._wrong(behind)
        return behind + 2

    def _is_symbol(self, at: int, end: int) -> bool:
        token = self._text[at:end]
        return (token[0] == "'" and not token.startswith("'''")) or (_BARE.fullmatch(token) is not None and token not in KEYWORDS)

    # --- single values

    def _word(self, at: int) -> tuple[Any, int]:
        match = _BARE.match(self._text, at)
        if match is None:
            return self._number(at)
        word, end = match[0], match.end()
        if word == "null" and self._text.startswith(".", end):
            return self._typed_null(at, end + 1)
        if word in _WORDS:
            return _WORDS[word], end
        if word == "nan":
            return float("nan"), end
        return self._resolved(word, at), end

    def _typed_null(self, at: int, dot: int) -> tuple[None, int]:
        match = _BARE.match(self._text, dot)
        if match is None or match[0] not in NULL_TYPES:
            raise self._wrong(at, "there is no such type of null")
        return None, match.end()

    def _resolved(self, word: str, at: int) -> str:
        if word[0] != "$" or not _SYMBOL_ID.fullmatch(word):
            return word
        number = int(word[1:8])
        if len(word) > 8 or not 0 < number < len(self.symbols):
            raise self._wrong(at, f"the symbol {word[:10]} is in no table of this text")
        return self.symbols[number]

    def _number(self, at: int) -> tuple[Any, int]:
        match = NUMBER.match(self._text, at)
        if match is None:
            raise self._wrong(at, "this is no number" if self._text[at : at + 1].isdigit() else "")
        return self._made(at, NUMBERS[match.lastgroup or ""], match[0]), match.end()

    def _made(self, at: int, make: Callable[[str], Any], token: str) -> Any:
        try:
            return make(token)
        except ValueError as wrong:
            raise self._wrong(at, str(wrong)) from None

    def _short(self, at: int, _levels: int) -> tuple[str, int]:
        match = tokens.SHORT_TEXT.match(self._text, at)
        if match is None:
            raise self._wrong(at, "this text has no end on its line")
        return self._made(at, tokens.unescaped, match[1]), match.end()

    def _quote(self, at: int, _levels: int) -> tuple[str, int]:
        if self._text.startswith("'''", at):
            return self._long(at)
        match = tokens.SYMBOL.match(self._text, at)
        if match is None:
            raise self._wrong(at, "this symbol has no end on its line")
        return self._made(at, tokens.unescaped, match[1]), match.end()

    def _long(self, at: int) -> tuple[str, int]:
        parts, end = [], at
        while self._text.startswith("'''", at):
            match = tokens.LONG_TEXT.match(self._text, at)
            if match is None:
                raise self._wrong(at, "this text has no end")
            parts.append(self._made(at, tokens.unescaped, match[1]))
            self._pay(_SLOW)
            end = match.end()
            at = self._gap(end)
        return "".join(parts), end

    # --- what holds others

    def _brace(self, at: int, levels: int) -> tuple[Any, int]:
        if not self._text.startswith("{{", at):
            return self._struct(at, levels)
        match = tokens.BLOB.match(self._text, at)
        if match:
            return self._made(at, tokens.blob, match[1]), match.end()
        start = self._spaces(at + 2)
        way = self._ways.get(self._text[start : start + 1])
        if way not in (self._short, self._quote):
            raise self._wrong(start, "between `{{` and `}}` stands Base64 or one text")
        body, end = self._short(start, levels) if way == self._short else self._long(start)
        end = self._spaces(end)
        if not self._text.startswith("}}", end):
            raise self._wrong(end)
        return self._made(at, tokens.clob, body), end + 2

    def _spaces(self, at: int) -> int:
        while self._text[at : at + 1] in (" ", "\t", "\n", "\r", "\v", "\f"):
            at += 1
        return at

    def _deeper(self, at: int, levels: int) -> int:
        if levels <= 0:
            raise self._wrong(at, f"the text is nested deeper than {self._depth} levels")
        return levels - 1

    def _struct(self, at: int, levels: int) -> tuple[dict[str, Any], int]:
        text, match_field, levels, at = self._text, _FIELD.match, self._deeper(at, levels), at + 1
        found: dict[str, Any] = {}
        while True:
            while match := match_field(text, at):
                kind = match.lastindex or 0
                token = match[kind]
                # Text is the most frequent, and the one kind that needs nothing.
                found[match[1] or match[2] or ""] = token if kind == _FIELD_TEXT else self._made(match.start(kind), _FIELD_KINDS[kind], token)
                at = match.end()
                if text[at - 1] == "}":
                    return found, at
            if text.startswith("}", at := self._gap(at)):
                return found, at + 1
            name, at = self._field_name(at)
            found[name], at = self._value(at, levels)
            at, last = self._delimited(at, "}")
            if last:
                return found, at

    def _field_name(self, at: int) -> tuple[str, int]:
        first = self._text[at : at + 1]
        if first in ('"', "'") and first:
            name, end = self._ways[first](at, 0)
        else:
            match = _BARE.match(self._text, at)
            if match is None or match[0] in KEYWORDS:
                raise self._wrong(at, f"`{match[0]}` must be quoted as a name" if match else "")
            name, end = self._resolved(match[0], at), match.end()
        end = self._gap(end)
        if not self._text.startswith(":", end) or self._text.startswith("::", end):
            raise self._wrong(end, "a `:` is missing behind the name of a field" if end < len(self._text) else "")
        return name, end + 1

    def _list(self, at: int, levels: int) -> tuple[list[Any], int]:
        text, levels, at = self._text, self._deeper(at, levels), at + 1
        found: list[Any] = []
        while True:
            while match := _ITEM.match(text, at):
                kind = match.lastindex or 0
                found.append(self._made(match.start(kind), _ITEM_KINDS[kind], match[kind]))
                at = match.end()
                if text[at - 1] == "]":
                    return found, at
            if text.startswith("]", at := self._gap(at)):
                return found, at + 1
            value, at = self._value(at, levels)
            found.append(value)
            at, last = self._delimited(at, "]")
            if last:
                return found, at

    def _delimited(self, at: int, close: str) -> tuple[int, bool]:
        """The offset behind `,` or the closing bracket, and whether it was the bracket."""
        at = self._gap(at)
        if self._text.startswith((",", close), at):
            return at + 1, self._text[at] == close
        raise self._wrong(at, f"a `,` or `{close}` is missing" if at < len(self._text) else "")

    def _expression(self, at: int, levels: int) -> tuple[list[Any], int]:
        levels, at = self._deeper(at, levels), at + 1
        found: list[Any] = []
        while not self._text.startswith(")", at := self._gap(at)):
            operator = None if NUMBER.match(self._text, at) else OPERATORS.match(self._text, at)
            if operator:
                self._pay(_SLOW)
                value, at = operator[0], operator.end()
            else:
                value, at = self._value(at, levels)
            found.append(value)
        return found, at + 1
