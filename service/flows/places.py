"""From a place inside a YAML scalar's text to the place in the file."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from service.flows.problems import lines_of
from service.flows.source import Path, Place, Source, at
from service.flows.unfolding import Unfolded

#: Longer texts are not read once more; their problems stand where they begin.
_LONGEST = 300_000


def inside(source: Source, event: Any, line: int, column: int, width: int = 1) -> Place:
    """Where line and column (from 1) of a scalar's text stand in the file that it was read from. The text's lines end with a line feed alone."""
    start = event.start_mark
    found = _unfolded(source.text, event) if len(event.value) <= _LONGEST else None
    if found is None or not found.true:
        return at(start.line + 1, start.column + 1, width)
    index = found.index(min(_offset(event.value, line, column), len(event.value)))
    before = lines_of(source.text[start.index - start.column : index])
    return at(start.line + len(before), len(before[-1]) + 1, width)


def of_template(source: Source, path: Path, template: str, line: int, column: int, width: int = 1) -> Place:
    """The same for a template: the value at a path, or its key; where neither is that text, the place of the value."""
    for event in (source.scalar(path), source.key(path)):
        if getattr(event, "value", None) == template:
            return inside(source, event, line, column, width)
    return source.place(path)


@lru_cache(maxsize=2)
def _unfolded(text: str, event: Any) -> Unfolded:
    """The text that is looked at now: it may be long, and have many problems."""
    return Unfolded(text, event)


def _offset(value: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = value.find("\n", start) + 1
    return start + column - 1
