"""Which template a place of a flow lies in: the text of its scalar up to there, whatever style that is written in, and however much of it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.flows.editing.sketch import Entry, Node, Place, Sketch
from service.flows.editing.spot import Cursor
from service.flows.editing.templates import Unfinished, unfinished

#: Entries that are looked at from the place upwards: lines that go on may look like keys.
_LOOKED_AT = 40
_ESCAPE = re.compile(r"\\(?:\n[ \t]*|(.))")
_QUOTED = re.compile(r"[ \t]*:[ \t]+(?=[\"'])")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Inside:
    """An unfinished expression, and the quote of the scalar that it stands in: what is written there must double or escape it."""

    expression: Unfinished
    quote: str


def inside(place: Cursor, whole: Sketch) -> Inside | None:
    """The expression that a place is in; None outside of expressions."""
    block = _block(place, whole)
    if block is not None:
        return _open("\n".join((*place.lines[block.place[0] + 1 : place.line], place.before)), "")
    if place.before.lstrip().startswith("#"):
        return None
    scalar = _scalar(place, whole)
    if scalar is None:
        return _open(place.before, "")
    line, column = scalar
    text = place.before[column:] if line == place.line else "\n".join((place.lines[line][column:], *place.lines[line + 1 : place.line], place.before))
    quote = text[0] if text[:1] in ("'", '"') else ""
    return _open(_meant(text[len(quote) :], quote), quote)


def _open(text: str, quote: str) -> Inside | None:
    found = unfinished(text)
    return Inside(found, quote) if found is not None else None


def _block(place: Cursor, whole: Sketch) -> Node | None:
    for entry in whole.entries:
        value = entry.value
        if value is not None and value.block is not None and value.place[0] < place.line <= value.end[0]:
            return value
    return None


def _scalar(place: Cursor, whole: Sketch) -> Place | None:
    """Where the plain or quoted scalar begins that the place is in: the first one whose further lines, all deeper than its key, reach so far."""
    before = [entry for entry in whole.entries if entry.place <= (place.line, place.column)][-_LOOKED_AT:]
    found: Place | None = None
    line, indent = place.line, 1_000_000
    for entry in reversed(before):
        start = _start(entry, place.lines)
        if start is None or start > (place.line, place.column):
            continue
        while line > start[0]:
            indent = min(indent, _indent(place.lines[line]))
            line -= 1
        if start[0] == place.line or entry.place[1] < indent:
            found = start
    return found


def _start(entry: Entry, lines: Sequence[str]) -> Place | None:
    """Where an entry's scalar begins. One in quotes may have lines that look like keys, and was taken for a map."""
    value = entry.value
    if value is not None and value.kind == "scalar":
        return value.place if value.block is None else None
    line, column = entry.end
    quoted = _QUOTED.match(lines[line], column)
    return (line, quoted.end()) if quoted else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if line.strip() else 1_000_000


def _meant(text: str, quote: str) -> str:
    """The text of a scalar without the escapes of its style."""
    if quote == "'":
        return text.replace("''", "'")
    return _ESCAPE.sub(lambda match: _MEANT.get(match[1], match[1]) if match[1] else "", text) if quote else text
