"""YAML to plain values, with the place of every key and value. Reads libyaml's events and composes them itself.

PyYAML's own composer and constructor are not used: they recurse as deep as the text wants, keep the last of two equal keys, build what tags ask
for and expand aliases without end. Here every cap is checked on the event, before anything is built, and each mistake is a `Problem`. What
can't be read further (broken syntax, a cap) ends the reading; everything else is noted and the reading goes on, so that all mistakes are shown
at once. A value that was noted so is replaced by `BROKEN`, and nobody complains about it a second time.

Supported beyond plain data: anchors and aliases (capped), merge keys (`<<: *base`, `<<: [*a, *b]`; a merged map may itself have been merged).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import AliasEvent, DocumentStartEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent, StreamEndEvent

from service.flows.problems import MOST, Problem, Severity, escaped, lines_of
from service.flows.scalars import OutOfRange, plain, reads_differently
from service.flows.syntax import explain

LARGEST = 1_048_576
DEEPEST = 64
MOST_NODES = 50_000
MOST_ALIASES = 100
MOST_ALIASED = 10_000

Path = tuple[str | int, ...]


class Broken:
    """Stands where a value was that has been complained about already."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN = Broken()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: from the first character to the one after the last, counted from 1."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: Any
    event: Any
    size: int


@dataclass(frozen=True, slots=True)
class _Open:
    """An anchor whose node is still being read: an alias to it would make a circle."""


_KEPT, _KEPT_ERRORS = 1_000, 2_000
_ENOUGH = 2 * MOST
_LONGEST_MESSAGE = 600


class Findings:
    """Collects the problems of one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._errors = 0

    def add(self, code: str, place: Place, message: str, hint: str | None = None, severity: Severity = Severity.ERROR) -> None:
        """One more problem, at a place of this file. A hostile file may have any number of them; far past the cap they are no longer kept."""
        if self.full(severity):
            return
        self._errors += severity is Severity.ERROR
        message, hint = escaped(message, _LONGEST_MESSAGE), escaped(hint, _LONGEST_MESSAGE) if hint else hint
        self.problems.append(Problem(code, severity, self.path, place.line, place.column, message, hint, place.end_line, place.end_column))

    def full(self, severity: Severity) -> bool:
        """Whether no more of that kind are kept."""
        return len(self.problems) > (_KEPT_ERRORS if severity is Severity.ERROR else _KEPT)

    @property
    def failed(self) -> bool:
        """Whether any of them is an error."""
        return self._errors > 0

    @property
    def enough(self) -> bool:
        """Whether there are more errors than anybody will be shown, so that it is not worth looking further."""
        return self._errors >= _ENOUGH


@dataclass(frozen=True)
class Source:
    """A file that could be read as YAML: its text, its value in plain dicts and lists, and where each part of it stands.

    A path (`("tasks", 2, "timeout")`) may lead past what was written, for instance into a default; its place is then that of the nearest part that was.
    """

    text: str
    value: Any
    root: Any
    tables: Mapping[int, Any]

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text's lines, as YAML counts them."""
        return lines_of(self.text)

    def place(self, path: Sequence[str | int]) -> Place:
        """Of the value at a path."""
        return _place(self._events(path)[1])

    def key_place(self, path: Sequence[str | int]) -> Place:
        """Of the key at a path; of the value where there is no key (in a list)."""
        key, value = self._events(path)
        return _place(value if key is None else key)

    def holds(self, path: Sequence[str | int]) -> bool:
        """Whether something was written there."""
        value = self.value
        for step in path:
            if not _has(value, step):
                return False
            value = value[step]
        return True

    def paths(self) -> dict[tuple[int, int], Path]:
        """Every key and value of the file by line and column, as its path."""
        found: dict[tuple[int, int], Path] = {}
        agenda: list[tuple[Path, Any]] = [((), self.value)]
        while agenda:
            path, value = agenda.pop()
            for step, part in value.items() if isinstance(value, dict) else enumerate(value):
                below = (*path, step)
                for place in (self.place(below), self.key_place(below)):
                    found.setdefault((place.line, place.column), below)
                if isinstance(part, dict | list):
                    agenda.append((below, part))
        return found

    def scalar(self, path: Sequence[str | int]) -> Any:
        """The event of the scalar that stands exactly there, or None."""
        container = self.value
        for step in path[:-1]:
            container = _step(container, step)
        table = self.tables.get(id(container))
        if not path or table is None or not _has(table, path[-1]):
            return None
        event = table[path[-1]][1]
        return event if type(event) is ScalarEvent else None

    def _events(self, path: Sequence[str | int]) -> tuple[Any, Any]:
        value, events = self.value, (None, self.root)
        for step in path:
            table = self.tables.get(id(value))
            if table is None or not _has(table, step):
                break
            events = table[step]
            value = value[step]
        return events


def _step(container: Any, step: str | int) -> Any:
    return container[step] if _has(container, step) else None


def _has(container: Any, step: str | int) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and isinstance(step, int) and 0 <= step < len(container)


def _place(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    if type(event) is MappingStartEvent or type(event) is SequenceStartEvent:
        return Place(start.line + 1, start.column + 1, start.line + 1, start.column + 2)
    return Place(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def at(line: int, column: int, width: int = 1) -> Place:
    """A place on one line."""
    return Place(line, column, line, column + width)


class _Stop(Exception):
    """Nothing more can be read; the reason has been noted."""


_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def read_source(data: bytes, findings: Findings, what: str = "flow") -> tuple[str | None, Source | None]:
    """The text where it could be decoded, and the values where they could be read. What is wrong goes to `findings`; `what` is the word for what is read."""
    text = _decoded(data, findings)
    if text is None:
        return None, None
    try:
        return text, _Composer(text, findings).document(what)
    except _Stop:
        return text, None
    except YAMLError as error:
        _note_syntax(error, text, findings)
        return text, None


def read_value(text: str) -> tuple[Any, Problem | None]:
    """Any YAML value in a text of its own, under the same caps; with the first thing that is wrong, if something is."""
    findings = Findings("")
    value = None
    try:
        value = _Composer(text, findings).value()
    except _Stop:
        pass
    except YAMLError as error:
        _note_syntax(error, text, findings)
    errors = (problem for problem in findings.problems if problem.severity is Severity.ERROR)
    return value, next(errors, None)


def _decoded(data: bytes, findings: Findings) -> str | None:
    if len(data) > LARGEST:
        findings.add(
            "HG-0002", at(1, 1), f"the file has {len(data):,} bytes; a flow may have {LARGEST:,}", "move long scripts and data into files of their own"
        )
        return None
    for mark, name in _MARKS:
        if data.startswith(mark):
            findings.add("HG-0004", at(1, 1), f"the file is in {name}", "save it as UTF-8")
            return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = lines_of(data[: error.start].decode("utf-8").removeprefix("\ufeff"))
        findings.add("HG-0003", at(len(before), len(before[-1]) + 1), f"the byte 0x{data[error.start]:02x} is not UTF-8", "files must be UTF-8: save it so")
        return None


def _note_syntax(error: YAMLError, text: str, findings: Findings) -> None:
    control = _CONTROL.search(text)
    if control and not hasattr(error, "problem_mark"):
        before = lines_of(text[: control.start()])
        name = "NUL" if control[0] == "\0" else f"the control character {escaped(control[0])}"
        hint = "is this a text file?" if control[0] == "\0" else 'in double quotes it can be written as an escape, such as "\\x1b"'
        findings.add("HG-0005", at(len(before), len(before[-1]) + 1), f"{name} can't stand in YAML", hint)
        return
    found = explain(error, lines_of(text))
    if any((problem.line, problem.column) == (found.line, found.column) for problem in findings.problems):
        return
    findings.add(found.code, at(found.line, found.column), found.message, found.hint)


_BEGIN = {"flow": "begin with `id:`, `namespace:` and `tasks:`", "": "begin with `id:` and `type:`"}


class _Composer:
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
        self.next()
        if type(self.next()) is StreamEndEvent:
            return None
        value = self._node(self.next(), 0)
        self.next()
        self._check_end()
        return value

    def document(self, what: str) -> Source | None:
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
        self._warn_of_comments()
        return Source(self.text, value, root, self.tables)

    def _check_end(self) -> None:
        event = self.next()
        if type(event) is DocumentStartEvent:
            hint = "one file holds one flow; put the second into a file of its own"
            self.findings.add("HG-0006", _place(event), "a second document begins here", hint)
            raise _Stop

    def _note_not_a_mapping(self, root: Any, value: Any, what: str) -> None:
        if value is BROKEN:
            return
        if isinstance(value, str) and (match := re.match(r"([A-Za-z_][\w.-]*):(?=[^\s:/])", value)):
            hint = f"write `{match[1]}: …`, with a space after the colon"
            column = root.start_mark.column + match.end() + 1
            self.findings.add("HG-0107", at(root.start_mark.line + 1, column), f"a space is missing after `{match[1]}:`", hint)
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
        self.findings.add(code, _place(event), message, hint)
        raise _Stop

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
            self.findings.add("HG-0112", _place(event), f"the alias `*{name}` repeats nothing: no `&{name}` stands above", hint)
        else:
            self.findings.add("HG-0112", _place(event), f"the alias `*{name}` stands within what it repeats")

    def _scalar(self, event: Any) -> Any:
        self._count(event)
        text = event.value
        if event.style or not event.implicit[0]:
            return text if "\0" not in text else self._refused_nul(event)
        try:
            value = plain(text)
        except OutOfRange:
            self.findings.add("HG-0110", _place(event), f"the number {escaped(text, 24)} is out of range", "quote it to keep it as text")
            return BROKEN
        if (value is not text or len(text) < 24) and reads_differently(text):
            self._warn_of_old_readers(event, text, value)
        return value

    def _refused_nul(self, event: Any) -> Any:
        """Written as an escape NUL is YAML, but neither databases nor processes can carry it."""
        self.findings.add("HG-0005", _place(event), "a value can't hold NUL", "take the \\0 out")
        return BROKEN

    def _warn_of_old_readers(self, event: Any, text: str, value: Any) -> None:
        read = "text" if isinstance(value, str) else f"the number {value}"
        message = f"`{escaped(text)}` is {read} here, but something else to YAML 1.1 readers"
        self.findings.add("HG-0130", _place(event), message, f'quote this: "{text}"' if isinstance(value, str) else "quote it if it is text", Severity.WARNING)

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
            if event.style or not _is_value(text):
                return text
            self.findings.add("HG-0109", _place(event), f"a key must be text, `{escaped(text) or 'nothing'}` is not", f'quote it: "{text}"' if text else None)
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
        self.findings.add("HG-0109", _place(event), "a key must be text, not a list, a map, an alias or tagged", "write the key as plain or quoted text")

    def _note_duplicate(self, name: str, first: Any, second: Any) -> None:
        where = _place(first)
        self.findings.add("HG-0104", _place(second), f"`{escaped(name)}` is given twice; the first is at {where.line}:{where.column}", "keep one of them")

    def _merge(self, values: dict[str, Any], table: dict[str, Any], value: Any, event: Any) -> None:
        """The map's own keys win, then the maps that are named first."""
        for part in value if isinstance(value, list) else [value]:
            if part is BROKEN:
                continue
            if not isinstance(part, dict):
                self.findings.add("HG-0111", _place(event), "`<<` merges a map or a list of maps", "name one with an alias: `<<: *base`")
                return
            self._count(event, len(part))
            for key in part:
                if key not in values:
                    values[key] = part[key]
                    table[key] = self.tables[id(part)][key]

    def _warn_of_comments(self) -> None:
        """Plain text that a ` #…` cuts off. Looked for only where the text has such a thing at all."""
        if not _HASH.search(self.text):
            return
        ends = {event.end_mark.index: event.end_mark for event in self._plain_scalars()}
        for match in _HASH.finditer(self.text):
            mark = ends.get(match.start())
            if mark is None:
                continue
            place = at(mark.line + 1, mark.column + 1 + match.start("hash") - match.start(), len(match["hash"]))
            message = f"everything from `{escaped(match['hash'], 20)}` on is a comment and not part of the value"
            self.findings.add("HG-0120", place, message, "quote the whole text, or put a space after `#` if a comment is meant", Severity.WARNING)

    def _plain_scalars(self) -> list[Any]:
        rows = [row for table in self.tables.values() for row in (table.values() if isinstance(table, dict) else table)]
        return [value for _, value in rows if type(value) is ScalarEvent and not value.style]


#: A `#` that begins a comment, with something right behind it.
_HASH = re.compile(r"(?<![ \t])[ \t]+(?P<hash>#[^\s#!][^\s]*)")


def _is_value(text: str) -> bool:
    try:
        return not isinstance(plain(text), str)
    except OutOfRange:
        return True


def _height(value: Any) -> int:
    """Levels of maps and lists. What an anchor holds was capped when it was read, so this is bounded."""
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0
