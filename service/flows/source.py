"""A YAML file as plain values, with the place of every key and value. `loading` makes it out of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yaml.events import MappingStartEvent, ScalarEvent, SequenceStartEvent

from service.flows.problems import lines_of

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
        return place_of(self._events(path)[1])

    def key_place(self, path: Sequence[str | int]) -> Place:
        """Of the key at a path; of the value where there is no key (in a list)."""
        key, value = self._events(path)
        return place_of(value if key is None else key)

    def holds(self, path: Sequence[str | int]) -> bool:
        """Whether something was written there."""
        value = self.value
        for step in path:
            if not _has(value, step):
                return False
            value = value[step]
        return True

    def key(self, path: Sequence[str | int]) -> Any:
        """The event of the key at a path, or None."""
        return self._events(path)[0]

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
            try:  # quicker than asking: nearly every path is there
                events = self.tables[id(value)][step]
            except (KeyError, IndexError, TypeError):
                break
            value = value[step]
        return events


def held(value: Any, path: Sequence[str | int]) -> Any:
    """The part of a value at a path; None where there is none."""
    for step in path:
        value = _step(value, step)
    return value


def _step(container: Any, step: str | int) -> Any:
    return container[step] if _has(container, step) else None


def _has(container: Any, step: str | int) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and isinstance(step, int) and 0 <= step < len(container)


def place_of(event: Any) -> Place:
    """Where a key or value stands; of a map or list its first character."""
    start, end = event.start_mark, event.end_mark
    if type(event) is MappingStartEvent or type(event) is SequenceStartEvent:
        return Place(start.line + 1, start.column + 1, start.line + 1, start.column + 2)
    return Place(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def at(line: int, column: int, width: int = 1) -> Place:
    """A place on one line."""
    return Place(line, column, line, column + width)


def behind(text: str) -> Place:
    """The place of the character that follows a text."""
    lines = lines_of(text)
    return at(len(lines), len(lines[-1]) + 1)
