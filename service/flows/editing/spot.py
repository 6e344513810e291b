"""Where in a flow somebody is writing: which key or value of which map, found by trying what the text would be with a mark in that place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.flows.editing.sketch import Entry, Node, Sketch, sketch

#: A private character of Unicode, which nobody types.
_MARK = "\ue000"
#: Nobody writes by hand in longer texts.
LONGEST = 200_000
#: On longer lines nobody writes keys.
_LONGEST_LINE = 2_000
_BREAK = re.compile(r"\r\n|\n|\r")
_HEAD = re.compile(r" *(?:- +)*")
_KEYED = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s'"#{\[][^#]*?)[ \t]*:[ \t]+""")
_FLOW_PART = re.compile(r"(?:[{\[,]|:(?=\s))[ \t]*((?:\"[^\"]*|'[^']*|[^{}\[\],:\"']*))$")
_QUOTES = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_WORD = re.compile(r"[^\s,\]}#:]*")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line; line and columns count from 1, and the end is the column behind it."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class Spot:
    """What is being written: a key, or a value. `holder` is the map or list that it stands in, `path` leads to it with its own key at the end.

    `typed` is what is there of it before the cursor, `span` what it is to replace. For a key `indent` is its column from 0, and `keyed` says that its colon is
    there already.
    """

    what: Literal["key", "value"]
    path: tuple[str | int, ...]
    holder: Node
    root: Node
    typed: str
    span: Span
    indent: int
    keyed: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a text, within its bounds. `lines` are those of the document that it is in; line and column count from 0."""

    lines: tuple[str, ...]
    line: int
    column: int
    first: int  #: the number of the document's first line in the text

    @property
    def before(self) -> str:
        """What stands on its line before it."""
        return self.lines[self.line][: self.column]

    @property
    def after(self) -> str:
        """What stands on its line behind it."""
        return self.lines[self.line][self.column :]


def cursor(text: str, line: int, column: int) -> Cursor | None:
    """The place with this line and column, from 1; the nearest one where there is none. None where the text is too long."""
    if len(text) > LONGEST:
        return None
    lines = _BREAK.split(text.replace(_MARK, " "))
    at = min(max(line, 1), len(lines)) - 1
    first = next((number + 1 for number in range(at, -1, -1) if lines[number].startswith("---")), 0)
    first = min(first, at)
    last = next((number for number in range(at + 1, len(lines)) if lines[number].startswith("---")), len(lines))
    return Cursor(tuple(lines[first:last]), at - first, min(max(column, 1) - 1, len(lines[at])), first)


def spot(place: Cursor) -> Spot | None:
    """What is being written at a place; None in comments, in text of several lines, and where there is nothing to say."""
    if len(place.lines[place.line]) > _LONGEST_LINE:
        return None
    if "#" in place.before and re.search(r"(?:^|\s)#", _QUOTES.sub("", place.before)):
        return None
    whole = sketch(place.lines)
    if _in_block(whole, place):
        return None
    if _in_brackets(whole, place):
        return _flow_spot(place)
    return _block_spot(place)


def _in_block(whole: Sketch, place: Cursor) -> bool:
    """Whether the place is in the lines of a block scalar; blank lines below it may begin something else."""
    for entry in whole.entries:
        value = entry.value
        if value is not None and value.block is not None and value.place[0] < place.line <= value.end[0]:
            return bool(place.lines[place.line].strip()) or place.column > value.block
    return False


def _in_brackets(whole: Sketch, place: Cursor) -> bool:
    at = (place.line, place.column)
    flows = (entry.value for entry in whole.entries if entry.value is not None and entry.value.flow)
    return any(value.place < at and (at < value.end or (at == value.end and not value.closed)) for value in flows)


def _flow_spot(place: Cursor) -> Spot | None:
    part = _FLOW_PART.search(place.before)
    start = part.start(1) if part else len(place.before) - len(place.before.lstrip())
    typed = place.before[start:]
    rest = _WORD.match(place.after)
    width = len(rest[0]) if rest else 0
    behind = place.after[width:]
    is_value = part is not None and part[0].startswith(":")
    keyed = behind.lstrip().startswith(":")
    filled = _MARK if is_value or keyed else f"{_MARK}: "
    return _found(place, start, place.column + width, typed, filled, keyed)


def _block_spot(place: Cursor) -> Spot | None:
    head = _HEAD.match(place.before)
    start = head.end() if head else 0
    fragment = place.before[start:]
    keyed = _KEYED.match(fragment)
    if keyed is not None:
        return _value_spot(place, start + keyed.end())
    if fragment.endswith(":") or fragment == "-":
        return None
    after = re.match(r"[\w.$-]*", place.after)
    width = len(after[0]) if after else 0
    behind = place.after[width:]
    colon = re.match(r"[ \t]*:(?=\s|$)", behind)
    filled = _MARK if colon else f"{_MARK}:"
    return _found(place, start, place.column + width, fragment, filled, colon is not None)


def _value_spot(place: Cursor, start: int) -> Spot | None:
    """The value behind a key on the same line."""
    typed = place.before[start:]
    behind = re.match(r"[^#]*?(?=\s+#|\s*$)", place.after)
    return _found(place, start, place.column + (len(behind[0]) if behind else 0), typed, _MARK, False)


def _found(place: Cursor, start: int, end: int, typed: str, filled: str, keyed: bool) -> Spot | None:
    """Puts the mark into the text, and looks where it is."""
    line = place.lines[place.line]
    marked = [*place.lines[: place.line], line[:start] + filled + line[end:], *place.lines[place.line + 1 :]]
    whole = sketch(marked)
    entry = _marked(whole, place.line)
    if entry is None:
        return None
    is_key = entry.key == _MARK
    span = Span(place.first + place.line + 1, start + 1, end + 1)
    return Spot("key" if is_key else "value", entry.path, entry.holder, whole.root, typed.lstrip("\"'"), span, start, keyed)


def _marked(whole: Sketch, line: int) -> Entry | None:
    for entry in whole.entries:
        if entry.key == _MARK or (entry.value is not None and entry.value.place[0] == line and entry.value.text.startswith(_MARK)):
            return entry
    return None


def is_mark(key: str | int) -> bool:
    """Whether this is the key that is being written."""
    return key == _MARK


def below(root: Node, path: Sequence[str | int]) -> Node | None:
    """What stands at a path."""
    node: Node | None = root
    for step in path:
        found = next((entry for entry in node.entries if entry.key == step), None) if node is not None else None
        node = found.value if found else None
    return node
