"""What there is to say of a word of a flow: a property, a type, a value, a name in an expression. Works on text that is not whole YAML, and never raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.flows.catalogue import Catalogue
from service.flows.completion import descriptions, documentation
from service.flows.editing.expressions import choices
from service.flows.editing.inside import inside
from service.flows.editing.names import Name, Names
from service.flows.editing.parts import Described, Part
from service.flows.editing.schedules import schedule_words
from service.flows.editing.sketch import Entry, Sketch, sketch
from service.flows.editing.spot import Cursor, Span, cursor
from service.flows.schema.words import kind_of

_CALLED = frozenset({"function", "filter", "test", "macro", "tag"})
_WORD, _ID = re.compile(r"\w*"), re.compile(r"[\w-]*")


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown, and the piece of the line that it is about. `target` is where a name that the flow itself gives is defined."""

    markdown: str
    span: Span
    target: Span | None = None


def hover(text: str, line: int, column: int, catalogue: Catalogue, now: datetime | None = None) -> Hover | None:
    """What there is to say of the word at a line and column, both from 1. With `now` (aware) a schedule says when it fires next."""
    place = cursor(text, line, column)
    if place is None:
        return None
    whole = sketch(place.lines)
    if inside(place, whole) is not None:
        return _in_expression(place, whole, catalogue)
    return _of_yaml(place, whole, catalogue, now)


def _in_expression(place: Cursor, whole: Sketch, catalogue: Catalogue) -> Hover | None:
    """A word with letters, digits and underscores; where that is none, an id with hyphens."""
    return next((found for word in (_WORD, _ID) if (found := _of_word(place, whole, catalogue, word)) is not None), None)


def _of_word(place: Cursor, whole: Sketch, catalogue: Catalogue, word: re.Pattern[str]) -> Hover | None:
    rest = word.match(place.after)
    end = place.column + (len(rest[0]) if rest else 0)
    inner = inside(replace(place, column=end), whole)
    if inner is None:
        return None
    found = choices(inner.expression, Names(whole, (place.line, end), catalogue))
    named = next((one.name for one in found.choices if found.typed and one.name.name == found.typed), None)
    if named is None or end - len(found.typed) > place.column:
        return None
    target = None if named.place is None else Span(place.first + named.place[0] + 1, named.place[1] + 1, named.place[1] + 1 + len(named.name))
    where = f"\n\nDefined in line {target.line}." if target is not None else ""
    return Hover(_named(named) + where, Span(place.first + place.line + 1, end - len(found.typed) + 1, end + 1), target)


def _named(name: Name) -> str:
    """A name of an expression; what is part of the language with how it is written and what it gives."""
    if name.kind in _CALLED and name.detail:
        words, _, examples = name.words.partition("\n\n")
        shown = f"\n\n```\n{examples.strip()}\n```" if examples.strip() else ""
        return f"**{name.detail}** {name.kind}\n\n{' '.join(words.split())}{shown}"
    detail = f" {name.detail}" if name.detail else ""
    return f"**{name.name}** {name.kind}{detail}" + (f"\n\n{name.words}" if name.words else "")


def _of_yaml(place: Cursor, whole: Sketch, catalogue: Catalogue, now: datetime | None) -> Hover | None:
    entry, is_key = _at(place, whole)
    if entry is None:
        return None
    language = descriptions(catalogue)
    line = place.first + place.line + 1
    found = language.property(language.at(whole.root, entry.path[:-1]), str(entry.key)) if isinstance(entry.key, str) else None
    if is_key:
        return Hover(_described(found), Span(line, entry.place[1] + 1, entry.end[1] + 1)) if found is not None else None
    value = entry.value
    if value is None:
        return None
    words = _of_value(language.at(whole.root, entry.path), value.text) or _of_cron(entry, value.text, whole, catalogue, now)
    if words is None and found is None:
        return None
    return Hover(words or _described(found), Span(line, value.place[1] + 1, value.end[1] + 1))


def _of_cron(entry: Entry, text: str, whole: Sketch, catalogue: Catalogue, now: datetime | None) -> str | None:
    if entry.path[-1] != "cron" or "triggers" not in entry.path[:1]:
        return None
    beside = {other.path[-1]: other.value.text for other in whole.entries if other.path[:-1] == entry.path[:-1] and other.value is not None}
    return schedule_words(text, beside.get("timezone") or None, catalogue, now)


def _at(place: Cursor, whole: Sketch) -> tuple[Entry | None, bool]:
    """The key or the value that the place lies on."""
    for entry in whole.entries:
        if isinstance(entry.key, str) and entry.place[0] == place.line and entry.place[1] <= place.column <= entry.end[1]:
            return entry, True
        value = entry.value
        if value is None or value.kind != "scalar" or value.block is not None or value.place[0] != place.line:
            continue
        if value.place[1] <= place.column <= value.end[1]:
            return entry, False
    return None, False


def _described(found: Described | None) -> str:
    if found is None:
        return ""
    required = ", required" if found.required else ""
    return f"**{found.name}** {kind_of(found.part)}{required}\n\n{documentation(found.part)}"


def _of_value(parts: Sequence[Part], text: str) -> str | None:
    """The words of a choice that has some, such as a type."""
    for part in parts:
        if text in part.get("enum", ()) and "markdownEnumDescriptions" in part:
            return f"**{text}**\n\n{part['markdownEnumDescriptions'][part['enum'].index(text)]}"
    return None
