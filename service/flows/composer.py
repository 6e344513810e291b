"""libyaml's events to plain values with their places, under caps.

PyYAML's own composer and constructor are not used: they recurse as deep as the text wants, keep the last of two equal keys, build what tags ask
for and expand aliases without end. Here every cap is checked on the event, before anything is built, and each mistake is a `Problem`. What
can't be read further (broken syntax, a cap) ends the reading; everything else is noted and the reading goes on, so that all mistakes are shown
at once. A value that was noted so is replaced by `BROKEN`, and nobody complains about it a second time.

Supported beyond plain data: anchors and aliases (capped), merge keys (`<<: *base`, `<<: [*a, *b]`; a merged map may itself have been merged).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from yaml._yaml import CParser
from yaml.events import AliasEvent, DocumentStartEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, StreamEndEvent

from service.flows.findings import Findings
from service.flows.problems import Severity, escaped
from service.flows.scalars import OutOfRange, plain, reads_as_value, reads_differently
from service.flows.source import BROKEN, Source, at, place_of
from service.flows.syntax import UNSPACED

DEEPEST = 64
MOST_NODES = 50_000
MOST_ALIASES = 100
MOST_ALIASED = 10_000


class Stop(Exception):
    """Nothing more can be read; the reason has been noted."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: Any
    event: Any
    size: int


@dataclass(frozen=True, slots=True)
class _Open:
    """An anchor whose node is still being read: an alias to it would make a circle."""


_BEGIN = {"flow": "begin with `id:`, `namespace:` and `tasks:`", "": "begin with `id:` and `type:`"}


class Composer:
    """One document out of libyaml's events."""

    def __init__(self, text: str, findings: Findings) -> None:
        self.text = text
        self.findings = findings
        self.next: Callable[[], Any] = CParser(text).get_event
        self.tables: dict[int, Any] = {}
        # Values that were dropped (a duplicate, a key) stay alive as long as their tables: ids are reused otherwise.
        self.dropped: list[Any] = []
        self.anchors: dict[str, _Anchor | _Open] = {}
        self.nodes = self.aliases = self.aliased = 0

    def value(self) -> Any:
        """Any value. Raises Stop, and YAMLError of what libyaml refuses."""
        self.next()
        if type(self.next()) is StreamEndEvent:
            return None
        value = self._node(self.next(), 0)
        self.next()
        self._check_end()
        return value

    def document(self, what: str) -> Source | None:
        """A mapping; None, and noted, where the text is none. Raises Stop, and YAMLError of what libyaml refuses."""
        self.next()
        start = self.next()
        if type(start) is StreamEndEvent:
            self.findings.add("HG-0001", at(1, 1), f"the file is empty; a {what} is expected", _BEGIN.get(what, _BEGIN[""]))
            return None
        root = self.next()
        value = self._node(root, 0)
        self.next()
        self._check_end()
        if type(value) is not dict:
            self._note_not_a_mapping(root, value, what)
            return None
        return Source(self.text, value, root, self.tables)

    def _check_end(self) -> None:
        event = self.next()
        if type(event) is DocumentStartEvent:
            hint = "one file holds one flow; put the second into a file of its own"
            self.findings.add("HG-0006", place_of(event), "a second document begins here", hint)
            raise Stop

    def _note_not_a_mapping(self, root: Any, value: Any, what: str) -> None:
        if value is BROKEN:
            return
        if isinstance(value, str) and (match := UNSPACED.match(value)):
            hint = f"write `{match['key']}: …`, with a space after the colon"
            column = root.start_mark.column + match.end() + 1
            self.findings.add("HG-0107", at(root.start_mark.line + 1, column), f"a space is missing after `{match['key']}:`", hint)
            return
        kind = "a list" if isinstance(value, list) else "nothing but comments" if value is None else "a single value"
        self.findings.add("HG-0001", at(1, 1), f"a {what} is a mapping, this file holds {kind}", _BEGIN.get(what, _BEGIN[""]))

    def _node(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event, depth)[0]
        before = self.nodes
        if event.anchor is not None:
            self.anchors[event.anchor] = _Open()
        if kind is ScalarEvent:
            value = self._scalar(event)
        else:
            if depth >= DEEPEST:
                self._stop("HG-0102", event, f"nested more than {DEEPEST} levels deep", "a bracket that is never closed does this too")
            value = self._mapping(event, depth + 1) if kind is MappingStartEvent else self._sequence(event, depth + 1)
        if event.tag is not None:
            value = self._tagged(event, value)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(value, event, self.nodes - before)
        return value

    def _count(self, event: Any, nodes: int = 1) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            self._stop("HG-0103", event, f"the file has more than {MOST_NODES:,} keys and values", "move data into a file of its own")

    def _stop(self, code: str, event: Any, message: str, hint: str | None = None) -> None:
        self.findings.add(code, place_of(event), message, hint)
        raise Stop

    def _tagged(self, event: Any, value: Any) -> Any:
        name = event.tag.replace("tag:yaml.org,2002:", "!!")
        hint = "put text in quotes instead" if name.startswith("!!") or name == "!" else "text that begins with `!` needs quotes"
        self.findings.add("HG-0105", at(event.start_mark.line + 1, event.start_mark.column + 1), f"the tag `{escaped(name)}` is not allowed", hint)
        self.dropped.append(value)
        return BROKEN

    def _alias(self, event: Any, depth: int) -> tuple[Any, Any]:
        """The value an alias stands for, and the event that it was read from."""
        found = self.anchors.get(event.anchor)
        if not isinstance(found, _Anchor):
            self._note_bad_alias(event, found)
            return BROKEN, event
        self.aliases += 1
        self.aliased += found.size
        if self.aliases > MOST_ALIASES or self.aliased > MOST_ALIASED:
            self._stop("HG-0101", event, f"more than {MOST_ALIASES} alias uses/{MOST_ALIASED:,} nodes through aliases", "write the repeated part out")
        if depth + _height(found.value) > DEEPEST:
            self._stop("HG-0102", event, f"nested more than {DEEPEST} levels deep, with what the alias stands for")
        self._count(event, found.size)
        return found.value, found.event

    def _note_bad_alias(self, event: Any, found: object) -> None:
        name = escaped(event.anchor)
        if found is None:
            hint = f"text that begins with `*` needs quotes: '*{name}'"
            self.findings.add("HG-0112", place_of(event), f"the alias `*{name}` repeats nothing: no `&{name}` stands above", hint)
        else:
            self.findings.add("HG-0112", place_of(event), f"the alias `*{name}` stands within what it repeats")

    def _scalar(self, event: Any) -> Any:
        self._count(event)
        text = event.value
        if event.style or not event.implicit[0]:
            return text if "\0" not in text else self._refused_nul(event)
        try:
            value = plain(text)
        except OutOfRange:
            self.findings.add("HG-0110", place_of(event), f"the number {escaped(text, 24)} is out of range", "quote it to keep it as text")
            return BROKEN
        if (value is not text or len(text) < 24) and reads_differently(text):
            self._warn_of_old_readers(event, text, value)
        return value

    def _refused_nul(self, event: Any) -> Any:
        """Written as an escape NUL is YAML, but neither databases nor processes can carry it."""
        self.findings.add("HG-0005", place_of(event), "a value can't hold NUL", "take the \\0 out")
        return BROKEN

    def _warn_of_old_readers(self, event: Any, text: str, value: Any) -> None:
        read = "text" if isinstance(value, str) else f"the number {value}"
        message = f"`{escaped(text)}` is {read} here, but something else to YAML 1.1 readers"
        hint = f'quote this: "{text}"' if isinstance(value, str) else "quote it if it is text"
        self.findings.add("HG-0130", place_of(event), message, hint, Severity.WARNING)

    def _sequence(self, start: Any, depth: int) -> list[Any]:
        self._count(start)
        values: list[Any] = []
        table: list[tuple[None, Any]] = []
        while type(event := self.next()) is not SequenceEndEvent:
            value, event = self._alias(event, depth) if type(event) is AliasEvent else (self._node(event, depth), event)
            values.append(value)
            table.append((None, event))
        self.tables[id(values)] = table
        return values

    def _mapping(self, start: Any, depth: int) -> Any:
        self._count(start)
        values: dict[str, Any] = {}
        table: dict[str, tuple[Any, Any]] = {}
        merges: list[tuple[Any, Any]] = []
        broken = False
        while type(key := self.next()) is not MappingEndEvent:
            name = self._key(key, start, depth)
            event = self.next()
            value, event = self._alias(event, depth) if type(event) is AliasEvent else (self._node(event, depth), event)
            if name is None:
                broken = True
                self.dropped.append(value)
            elif name == "<<" and not key.style and not merges:
                merges.append((value, event))
            elif name in values or name == "<<" and not key.style:
                self._note_duplicate(name, table[name][0] if name in table else start, key)
                self.dropped.append(value)
            else:
                values[name] = value
                table[name] = (key, event)
        for value, event in merges:
            self._merge(values, table, value, event)
        self.tables[id(values)] = table
        if broken:
            self.dropped.append(values)
            return BROKEN
        return values

    def _key(self, event: Any, start: Any, depth: int) -> str | None:
        """The key's text; None when it is no key that a map could be read with."""
        if type(event) is ScalarEvent and event.tag is None:
            self._count(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchor(event.value, event, 1)
            text: str = event.value
            if "\0" in text:
                self._refused_nul(event)
            if event.style or not reads_as_value(text):
                return text
            self.findings.add("HG-0109", place_of(event), f"a key must be text, `{escaped(text) or 'nothing'}` is not", f'quote it: "{text}"' if text else None)
            return text
        self._note_complex_key(event, start)
        findings, self.findings = self.findings, Findings("")  # what is wrong inside of it matters no more
        try:
            self.dropped.append(self._node(event, depth))
        finally:
            self.findings = findings
        return None

    def _note_complex_key(self, event: Any, start: Any) -> None:
        apart = event.start_mark.index - start.start_mark.index
        if type(event) is MappingStartEvent and event.flow_style and start.flow_style and apart == 1:
            place = at(start.start_mark.line + 1, start.start_mark.column + 1, 2)
            self.findings.add("HG-0108", place, "an expression at the start of a value needs quotes", 'write "{{ … }}", in double quotes')
            return
        self.findings.add("HG-0109", place_of(event), "a key must be text, not a list, a map, an alias or tagged", "write the key as plain or quoted text")

    def _note_duplicate(self, name: str, first: Any, second: Any) -> None:
        where = place_of(first)
        self.findings.add("HG-0104", place_of(second), f"`{escaped(name)}` is given twice; the first is at {where.line}:{where.column}", "keep one of them")

    def _merge(self, values: dict[str, Any], table: dict[str, Any], value: Any, event: Any) -> None:
        """The map's own keys win, then the maps that are named first."""
        for part in value if isinstance(value, list) else [value]:
            if part is BROKEN:
                continue
            if not isinstance(part, dict):
                self.findings.add("HG-0111", place_of(event), "`<<` merges a map or a list of maps", "name one with an alias: `<<: *base`")
                return
            self._count(event, len(part))
            for key in part:
                if key not in values:
                    values[key] = part[key]
                    table[key] = self.tables[id(part)][key]


def _height(value: Any) -> int:
    """Levels of maps and lists. What an anchor holds was capped when it was read, so this is bounded."""
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0
