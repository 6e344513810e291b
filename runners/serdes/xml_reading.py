"""XML to maps and lists, element by element.

A text alone is a value: number, boolean, or text. Attributes and elements are fields of a map, elements of one name a list; text beside them is `content`.
No document type may declare an entity, nothing outside of the file is read, and what one row may hold is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from xml.parsers import expat

from runners.protocol import Unusable

DEEPEST = 100
MOST, LONGEST = 1_000_000, 16 << 20  #: elements and attributes of a row, and its characters

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(?P<fraction>\.[0-9]{1,100})?(?P<power>[eE][+-]?[0-9]{1,3})?")
_STEP = re.compile(r"\*|[^/\[\]@()=*'\"|]+")
_WORDS = {"true": True, "false": False, "null": None}


def steps(query: str) -> tuple[str, ...]:
    """The names of a path such as `/catalog/book`. Raises Unusable for what else XPath has."""
    names = tuple(query.strip().strip("/").split("/"))
    if not query.strip().startswith("/") or not all(_STEP.fullmatch(name) for name in names):
        raise Unusable(f"`query` is `{query[:100]}`; it must be a path of names from the root, such as /catalog/book, where * stands for any name")
    return names


class XmlRows:
    """The elements of one path, each a row; of no path, the document is the only one."""

    def __init__(self, path: Sequence[str], lists: Collection[str]) -> None:
        self._path, self._lists = path, lists
        self._names: list[str] = []
        self._open: list[_Element] = []
        self._found: list[Any] = []
        self._count = self._size = self._fed = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._entity

    def read(self, pieces: Iterable[bytes | str]) -> Iterator[Any]:
        """The rows. Raises Unusable with the place."""
        for piece in pieces:
            self._feed(piece, last=False)
            yield from self._taken()
        self._feed(b"", last=True)
        yield from self._taken()

    def _feed(self, piece: bytes | str, *, last: bool) -> None:
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as wrong:
            raise self._wrong(expat.ErrorString(wrong.code)) from None
        self._fed += len(piece)
        if self._fed - self._parser.CurrentByteIndex > 4 * LONGEST:
            raise self._wrong(f"something is longer than {LONGEST:,} characters, or it is never closed")

    def _taken(self) -> list[Any]:
        found, self._found = self._found, []
        return found

    def _wrong(self, why: str) -> Unusable:
        return Unusable(f"the file can't be read as XML: {why} at line {self._parser.CurrentLineNumber:,}, column {self._parser.CurrentColumnNumber + 1:,}")

    def _entity(self, *_: Any) -> None:
        raise self._wrong("it declares an entity, and these are not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._names.append(name)
        if len(self._names) > DEEPEST:
            raise self._wrong(f"it is nested deeper than {DEEPEST} levels")
        if not self._open:
            if not self._is_row():
                return
            self._count = self._size = 0
        self._pay(1 + len(attributes), len(name) + sum(len(key) + len(value) for key, value in attributes.items()))
        self._open.append(_Element(name, attributes, self._lists))

    def _is_row(self) -> bool:
        if not self._path:
            return len(self._names) == 1
        return len(self._names) == len(self._path) and all(step in ("*", name) for step, name in zip(self._path, self._names, strict=True))

    def _text(self, text: str) -> None:
        if self._open:
            self._pay(0, len(text))
            self._open[-1].texts.append(text)

    def _pay(self, count: int, size: int) -> None:
        self._count, self._size = self._count + count, self._size + size
        if self._count > MOST or self._size > LONGEST:
            raise self._wrong(f"a row holds more than {MOST:,} elements or {LONGEST:,} characters: `query` can name the elements that are rows")

    def _end(self, name: str) -> None:
        self._names.pop()
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            self._open[-1].add(name, element.value())
        else:
            value = element.value()
            self._found.append(value if self._path else {name: [value] if name in self._lists else value})


class _Element:
    """One that has begun. `_repeated` are the fields that came more than once."""

    def __init__(self, name: str, attributes: dict[str, str], lists: Collection[str]) -> None:
        self.texts: list[str] = []
        self._lists = lists
        self._fields: dict[str, Any] = {}
        self._repeated: set[str] = set()
        for key, value in attributes.items():
            self.add(key, plain(value))

    def add(self, name: str, value: Any) -> None:
        if name not in self._fields:
            forced = name in self._lists
            self._fields[name] = [value] if forced else value
            self._repeated |= {name} if forced else set()
        elif name in self._repeated:
            self._fields[name].append(value)
        else:
            self._fields[name] = [self._fields[name], value]
            self._repeated.add(name)

    def value(self) -> Any:
        text = "".join(self.texts).strip()
        if not self._fields:
            return plain(text)
        if text:
            self.add("content", plain(text))
        return self._fields


def plain(text: str) -> Any:
    """What a text stands for."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return _WORDS.get(text.lower(), text) if len(text) <= 5 else text
    make: Callable[[str], Any] = Decimal if found["fraction"] or found["power"] else int
    return make(text)
