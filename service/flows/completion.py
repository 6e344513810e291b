"""What can be written at a place of a flow: keys, values, ids, and names inside expressions. Works on text that is not whole YAML yet, and never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from runners.times import ZONE, zone_names
from service.flows.catalogue import Catalogue
from service.flows.editing.expressions import Choices, choices
from service.flows.editing.inside import inside
from service.flows.editing.names import Names
from service.flows.editing.parts import Described, Descriptions, Part
from service.flows.editing.sketch import sketch
from service.flows.editing.spot import Cursor, Span, Spot, below, cursor, is_mark, spot
from service.flows.reference import example
from service.flows.schema import flow_schema, named_schema
from service.flows.schema.words import choices_of, kind_of

_PLAIN = re.compile(r"[A-Za-z_/.][\w./ -]*[\w/.]|\w|-?\d+(?:\.\d+)?")
_OFFERED = ("task", "trigger", "condition")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be written. `insert` takes the place of `span`; its further lines are indented already, and where it is a `snippet`, `$1`, `${2:word}`
    are the places to fill in."""

    label: str
    insert: str
    kind: str
    span: Span
    detail: str = ""
    documentation: str = ""
    snippet: bool = False


def complete(text: str, line: int, column: int, catalogue: Catalogue) -> list[Item]:
    """What can be written at a line and column, both from 1; what fits best comes first. Nothing for a text of more than 200,000 characters."""
    place = cursor(text, line, column)
    if place is None:
        return []
    whole = sketch(place.lines)
    inner = inside(place, whole)
    if inner is not None:
        return _expression(choices(inner.expression, Names(whole, (place.line, place.column), catalogue)), place, inner.quote)
    found = spot(place)
    if found is None:
        return []
    return _ranked(_Completer(found, catalogue).items(), found.typed)


@lru_cache(maxsize=4)
def descriptions(catalogue: Catalogue) -> Descriptions:
    """The language of a catalogue, to be looked up by place."""
    return Descriptions(flow_schema(catalogue))


def _expression(found: Choices, place: Cursor, quote: str) -> list[Item]:
    """`quote` is that of the scalar: a single one in it is written twice."""
    line, end = place.first + place.line + 1, place.column + 1
    items = [
        Item(
            one.name.name,
            one.insert.replace("'", "''") if quote == "'" else one.insert,
            one.name.kind,
            Span(line, max(end - one.width, 1), end),
            one.name.detail,
            one.name.words,
            "$1" in one.insert,
        )
        for one in found.choices
    ]
    return _ranked(items, found.typed)


def _ranked(items: Iterable[Item], typed: str) -> list[Item]:
    """Those that fit what is typed; a name's last part counts as much as its beginning."""
    wanted = typed.strip().lower()
    fitting = [(rank, item) for item in dict.fromkeys(items) if (rank := _rank(item.label.lower(), wanted)) is not None]
    return [item for _, item in sorted(fitting, key=lambda pair: pair[0])]


def _rank(label: str, wanted: str) -> int | None:
    if label.rpartition(".")[2].startswith(wanted) or label.startswith(wanted):
        return 0
    return 1 if wanted in label else None


class _Completer:
    """Keys and values of one place."""

    def __init__(self, found: Spot, catalogue: Catalogue) -> None:
        self._spot, self._catalogue = found, catalogue
        self._descriptions = descriptions(catalogue)

    def items(self) -> Iterator[Item]:
        """Everything that may stand there."""
        here = self._spot
        yield from self._ids()
        if here.what == "value":
            yield from self._values(self._descriptions.at(here.root, here.path))
            return
        parts = self._descriptions.at(here.root, here.path[:-1])
        if isinstance(here.path[-2] if len(here.path) > 1 else None, int) and len(here.holder.entries) == 1:
            yield from self._values(parts)
        yield from self._keys(parts)
        yield from self._beginnings(parts)

    # keys

    def _keys(self, parts: Sequence[Part]) -> Iterator[Item]:
        here = self._spot
        present = {str(entry.key) for entry in here.holder.entries if not is_mark(entry.key)}
        for found in self._descriptions.properties(parts, here.holder):
            if found.name in present or found.old:
                continue
            insert = found.name if here.keyed else self._key(found)
            detail = f"{kind_of(found.part)}{', required' if found.required else ''}"
            yield Item(found.name, insert, "property", here.span, detail, documentation(found.part))

    def _key(self, found: Described) -> str:
        """A key with what stands behind it: a space, or the indentation of what goes below."""
        deeper = " " * (self._spot.indent + 2)
        kind = kind_of(found.part)
        if self._spot.holder.flow or not kind.startswith(("list", "map")):
            return f"{found.name}: "
        return f"{found.name}:\n{deeper}- " if kind.startswith("list") else f"{found.name}:\n{deeper}"

    # whole tasks

    def _beginnings(self, parts: Sequence[Part]) -> Iterator[Item]:
        """A new task, trigger, … where a map of one is only begun, or a list of them."""
        here = self._spot
        if here.keyed or here.holder.flow or len(here.holder.entries) > 1:
            return
        if any("items" in part for part in parts):
            items = self._descriptions.at(here.root, (*here.path[:-1], 0))
            yield from self._whole(items, "- ")
            yield from (Item(item.label, f"- {item.insert}", item.kind, item.span, item.detail, item.documentation) for item in self._values(items))
        elif len(here.path) > 1 and isinstance(here.path[-2], int | str):
            yield from self._whole(parts, "")

    def _whole(self, parts: Sequence[Part], dash: str) -> Iterator[Item]:
        here = self._spot
        for part in parts:
            if str(part.get("title", "")).lower() not in _OFFERED:
                continue
            for name, words in _types_offered(part):
                lines = _snippet(name, self._catalogue)
                insert = f"\n{' ' * (here.indent + len(dash))}".join(lines)
                yield Item(name.rpartition(".")[2], f"{dash}{insert}", "snippet", here.span, name, words, snippet=True)

    # values

    def _values(self, parts: Sequence[Part]) -> Iterator[Item]:
        here = self._spot
        for part in parts:
            if part.get("format") == ZONE:
                yield from (Item(name, name, "value", here.span, "time zone") for name in zone_names())
            if "deprecationMessage" in part:
                continue
            words = part.get("markdownEnumDescriptions", ())
            kind = "type" if words else "value"
            for number, label in enumerate(choices_of({key: part[key] for key in ("type", "enum") if key in part})):
                yield Item(
                    label, label if "enum" not in part or part.get("type") != "string" else _yaml(label), kind, here.span, "", words[number] if words else ""
                )
            yield from (Item(str(value), _yaml(str(value)), "value", here.span, "for example") for value in part.get("examples", ()) if isinstance(value, str))

    def _ids(self) -> Iterator[Item]:
        """Ids of what may be depended on."""
        here = self._spot
        if "dependsOn" not in here.path:
            return
        at = len(here.path) - 1 - here.path[::-1].index("dependsOn")
        taken = {node.text for node in here.holder.values} | ({node.text for node in here.holder.entry.holder.values} if here.holder.entry else set())
        holders = below(here.root, here.path[: at - 1])
        for one in holders.values if holders is not None and at >= 2 else ():
            around = one is below(here.root, here.path[:at])
            held = one.get("task") or one
            id = held.get("id") or held.get("name")
            if id is not None and id.text and not around and id.text not in taken:
                kind = held.get("type")
                yield Item(id.text, id.text, "id", here.span, kind.text.rpartition(".")[2] if kind is not None else "")


def _types_offered(part: Part) -> Iterator[tuple[str, str]]:
    """The names of a family's types, with what they are."""
    types = part["properties"]["type"]
    newest = types["anyOf"][0] if "anyOf" in types else types
    return zip(newest["enum"], newest["markdownEnumDescriptions"], strict=True)


@lru_cache(maxsize=256)
def _snippet(name: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The lines of a new map of a type, with places to fill in."""
    document = named_schema(catalogue, name)
    lines = example(document) if document is not None else []
    count = 0
    found = []
    for line in lines:
        key, colon, value = line.partition(": ")
        free = colon and key.strip(" -") != "type"
        count += bool(free)
        if line.endswith("- …"):
            count += 1
            found.append(line.replace("…", f"${count}"))
        else:
            found.append(f"{key}: ${{{count}:{value.replace('…', '')}}}" if free else line)
    return tuple(found)


def documentation(part: Part) -> str:
    """The words of a property, and its default."""
    words = str(part.get("description", ""))
    default = part.get("default")
    if default in (None, "", [], {}):
        return words
    return f"{words}\n\nDefault: `{json.dumps(default, ensure_ascii=False) if not isinstance(default, str) else default}`"


def _yaml(value: str) -> str:
    """Text as YAML has it, in quotes where it needs them."""
    return value if _PLAIN.fullmatch(value) and value not in ("true", "false", "null") else json.dumps(value, ensure_ascii=False)
