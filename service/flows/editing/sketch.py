"""The shape of a text that may not be YAML (yet): its maps, lists and scalars with their places, by indentation and brackets.

Nothing here is refused, and nothing raises: what fits nowhere is put where it is most likely meant. Lines and columns count from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Place = tuple[int, int]

#: Longer lines hold no keys that anybody types.
_LONGEST = 2_000
_DEEPEST = 64
_LINE = re.compile(r"( *)((?:-(?: +|$))*)(.*)", re.DOTALL)
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>%@`"'\[\]{},?-][^#]*?|-[^\s#-][^#]*?)[ \t]*:(?:\s|$)""")
_BLOCK = re.compile(r"(?:[&!]\S+ +)*[|>][-+0-9]*\s*(?:#.*)?")
_QUOTED = re.compile(r"""'(?:[^']|'')*'?|"(?:[^"\\]|\\.)*"?""")
_COMMENT = re.compile(r"\s#")
_PLAIN_END = re.compile(r"[,\[\]{}]|:(?=\s|$)|\s#")


@dataclass(slots=True, eq=False)
class Node:
    """A map, a list or a scalar. `flow` ones stand in brackets, `closed` or not; a block scalar's lines are all deeper than `block`."""

    kind: Literal["map", "list", "scalar"]
    place: Place
    end: Place
    entry: Entry | None = None
    entries: list[Entry] = field(default_factory=list)
    text: str = ""
    flow: bool = False
    closed: bool = False
    block: int | None = None

    def get(self, key: str) -> Node | None:
        """The value of a key of a map."""
        return next((entry.value for entry in self.entries if entry.key == key), None)

    @property
    def values(self) -> list[Node]:
        """What is in it."""
        return [entry.value for entry in self.entries if entry.value is not None]

    @property
    def keys(self) -> list[str]:
        """The keys of a map."""
        return [str(entry.key) for entry in self.entries]


@dataclass(slots=True, eq=False)
class Entry:
    """A key of a map, or a place of a list, with what stands there; `place` and `end` are those of the key, or of the dash."""

    key: str | int
    holder: Node
    place: Place
    end: Place
    value: Node | None = None

    @property
    def path(self) -> tuple[str | int, ...]:
        """The keys from the top down to this one."""
        steps: list[str | int] = []
        at: Entry | None = self
        while at is not None:
            steps.append(at.key)
            at = at.holder.entry
        return tuple(reversed(steps))


@dataclass(slots=True)
class Sketch:
    """A text's root and, in the order of the text, everything in it."""

    root: Node
    entries: list[Entry] = field(default_factory=list)


def sketch(lines: Sequence[str]) -> Sketch:
    """The shape of a text, of which these are the lines."""
    builder = _Builder(lines)
    number = 0
    while number < len(lines):
        number = builder.put(number)
    return builder.found


@dataclass(slots=True)
class _Open:
    column: int
    node: Node


class _Builder:
    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        root = Node("map", (0, 0), (0, 0))
        self.found = Sketch(root)
        self._stack = [_Open(0, root)]

    def put(self, number: int) -> int:
        """Takes one line, or all of what begins there; the number of the next line."""
        line = self.lines[number]
        if not line.strip() or line.lstrip()[0] == "#" or len(line) > _LONGEST:
            return number + 1
        match = _LINE.match(line)
        if match is None:
            return number + 1
        column = len(match[1])
        for dash in re.finditer("-", match[2][: 2 * _DEEPEST]):
            self._item(number, column + dash.start())
        return self._content(number, match.start(3), match[3])

    def _item(self, number: int, column: int) -> None:
        holder = self._container("list", number, column)
        self._add(holder, len(holder.entries), (number, column), (number, column + 1))

    def _content(self, number: int, column: int, content: str) -> int:
        match = _KEY.match(content)
        if match is None:
            return self._value(number, column, content, self._stack[-1].column) if content and self._waits() else number + 1
        holder = self._container("map", number, column)
        self._add(holder, _unquoted(match[1]), (number, column), (number, column + len(match[1])))
        value = content[match.end() :].lstrip()
        return self._value(number, column + len(content) - len(value), value, column) if value else number + 1

    def _waits(self) -> bool:
        """Whether an item of a list has nothing in it so far."""
        top = self._stack[-1].node
        return top.kind == "list" and bool(top.entries) and top.entries[-1].value is None

    def _container(self, kind: Literal["map", "list"], number: int, column: int) -> Node:
        """The map or list that goes on, or begins, in this column."""
        stack = self._stack
        while len(stack) > 1 and (stack[-1].column > column or (stack[-1].column == column and (stack[-1].node.kind, kind) == ("list", "map"))):
            stack.pop()
        top = stack[-1]
        if not top.node.entries and top.node.kind == kind:
            top.column = column
        if top.column >= column and top.node.kind == kind:
            return top.node
        entry = top.node.entries[-1] if top.node.entries else self._add(top.node, "", (number, column), (number, column))
        if entry.value is None or entry.value.kind != kind:
            entry.value = Node(kind, (number, column), (number, column), entry)
        stack.append(_Open(column, entry.value))
        return entry.value

    def _add(self, holder: Node, key: str | int, place: Place, end: Place) -> Entry:
        entry = Entry(key, holder, place, end)
        holder.entries.append(entry)
        self.found.entries.append(entry)
        return entry

    def _value(self, number: int, column: int, text: str, owner: int) -> int:
        """A value that begins on the line of its key or dash; `owner` is the column of that."""
        entry = self._stack[-1].node.entries[-1]
        if _BLOCK.fullmatch(text):
            last = self._block_end(number, owner)
            entry.value = Node("scalar", (number, column), (last, len(self.lines[last])), entry, block=owner)
            return last + 1
        if text[0] in "{[":
            flow = _Flow(self, number, column, owner)
            entry.value = flow.value(entry, 0)
            return max(number, flow.line) + 1
        comment = None if text[0] in "'\"" else _COMMENT.search(text)
        plain = (text[: comment.start()] if comment else text).rstrip()
        entry.value = Node("scalar", (number, column), (number, column + len(plain)), entry, text=_unquoted(plain))
        return number + 1

    def _block_end(self, number: int, owner: int) -> int:
        """The last line of a block scalar."""
        last = number
        for below in range(number + 1, len(self.lines)):
            line = self.lines[below]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= owner:
                break
            last = below
        return last

    def put_entry(self, holder: Node, key: str | int, place: Place, end: Place) -> Entry:
        """One more in a map or list in brackets."""
        return self._add(holder, key, place, end)


class _Flow:
    """Reads `{…}` and `[…]`, closed or not. Only lines that are deeper than the `owner` of the brackets belong to them, and those that close them."""

    def __init__(self, builder: _Builder, line: int, column: int, owner: int) -> None:
        self._builder, self._lines, self._owner = builder, builder.lines, owner
        self.line, self._column = line, column

    def value(self, entry: Entry, depth: int) -> Node | None:
        """What begins here; None where nothing does."""
        sign = self._skip()
        if sign in ("{", "[") and sign and depth < _DEEPEST:
            return self._collection(entry, sign, depth)
        if not sign or sign in ",]}":
            return None
        place, text = self._scalar()
        return Node("scalar", place, (self.line, self._column), entry, text=_unquoted(text))

    def _collection(self, entry: Entry, sign: str, depth: int) -> Node:
        node = Node("map" if sign == "{" else "list", (self.line, self._column), (self.line, self._column), entry, flow=True)
        self._column += 1
        while (sign := self._skip()) and sign not in "]}":
            before = (self.line, self._column)
            if sign != ",":
                self._entry(node, depth)
            if sign == "," or (self.line, self._column) == before:
                self._column += 1
        node.closed = bool(sign)
        self._column += node.closed
        node.end = (self.line, self._column)
        return node

    def _entry(self, node: Node, depth: int) -> None:
        if node.kind == "list":
            found = self._builder.put_entry(node, len(node.entries), (self.line, self._column), (self.line, self._column))
        else:
            place, text = self._scalar()
            found = self._builder.put_entry(node, _unquoted(text), place, (self.line, self._column))
            if self._skip() != ":":
                return
            self._column += 1
        found.value = self.value(found, depth + 1)

    def _skip(self) -> str:
        """The next sign that is no space, comment or end of a line; nothing at the end."""
        while True:
            line = self._lines[self.line]
            while self._column < len(line) and line[self._column].isspace():
                self._column += 1
            comment = self._column < len(line) and line[self._column] == "#" and (self._column == 0 or line[self._column - 1].isspace())
            if self._column < len(line) and not comment:
                return line[self._column]
            self._column = len(line)
            if not self._goes_on():
                return ""
            self.line, self._column = self.line + 1, 0

    def _goes_on(self) -> bool:
        if self.line + 1 >= len(self._lines):
            return False
        line = self._lines[self.line + 1]
        text = line.lstrip(" ")
        return not text or len(line) - len(text) > self._owner or text[0] in "}]"

    def _scalar(self) -> tuple[Place, str]:
        """A scalar on one line, with its place."""
        line, start = self._lines[self.line], self._column
        quoted = _QUOTED.match(line, start)
        stop = None if quoted else _PLAIN_END.search(line, start)
        self._column = quoted.end() if quoted else stop.start() if stop else len(line)
        return (self.line, start), line[start : self._column].rstrip()


def _unquoted(text: str) -> str:
    """A scalar as it is meant; escapes of double quotes stay."""
    if text[:1] == "'":
        return text[1:].removesuffix("'").replace("''", "'")
    return text[1:].removesuffix('"') if text[:1] == '"' else text


def scalars(found: Sketch) -> Iterator[Entry]:
    """The entries whose value is a scalar."""
    return (entry for entry in found.entries if entry.value is not None and entry.value.kind == "scalar")
