"""Plugin defaults: properties that tasks, triggers and task runners of a type get without saying so.

From weak to strong: the instance's defaults, then the flow's; within one list less specific before more specific types, then earlier before later ones.
Plain values fill gaps, forced ones win over the task. Maps merge deeply, except where both sides name a `type` and mean different ones: properties of
one task runner mean nothing to another. A default for many types gives each of them the properties that it has: no `timeout` to a trigger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.flows.catalogue import Catalogue, TypeInfo
from service.flows.document import TaskProperties, TriggerProperties
from service.flows.properties import property_names
from service.flows.source import Path, held

#: What all types of a kind have.
COMMON = {"task": property_names(TaskProperties), "trigger": property_names(TriggerProperties)}

#: So many values may defaults bring to one flow, and so many entries be looked at for it.
MOST_BROUGHT = 200_000


class TooManyDefaults(Exception):
    """What the defaults of a flow would bring to it is over the cap: a short file can ask for any number of values."""


@dataclass(frozen=True, slots=True)
class Default:
    """One entry, its type made canonical where it is a known one. `path` is where it stands in the file; None for those of the instance."""

    type: str
    values: Mapping[str, Any]
    forced: bool = False
    path: Path | None = None

    def concerns(self, names: Iterable[str]) -> bool:
        """Whether it is about a type with one of these names: the name itself, or its beginning up to a dot."""
        prefix = self.type if self.type.endswith(".") else f"{self.type}."
        return any(name == self.type or name.startswith(prefix) for name in names)


@dataclass(frozen=True, slots=True)
class _Found:
    """What fills gaps, what is forced, the numbers of the entries that say so, and how many values that is."""

    gaps: Mapping[str, Any]
    forced: Mapping[str, Any]
    applied: frozenset[int]
    size: int


class Defaults:
    """All defaults that hold for one flow."""

    def __init__(self, instance: Iterable[Default], flow: Iterable[Default], catalogue: Catalogue) -> None:
        self._entries = [entry for entries in (instance, flow) for entry in sorted(entries, key=lambda entry: entry.type.count("."))]
        self._catalogue = catalogue
        self._found: dict[tuple[str, frozenset[int]], _Found] = {}
        self._sizes = [size(entry.values) for entry in self._entries]
        self._room = MOST_BROUGHT

    def apply(self, properties: Mapping[str, Any], info: TypeInfo | None, above: frozenset[int] = frozenset()) -> Mapping[str, Any]:
        """A task's properties with its defaults, and those of every typed map inside of it.

        An entry is not applied again inside of what it was applied to (`above`): a default for `io.kestra.plugin.scripts` that names a task runner of that
        package is about scripts and not about the runner, which would get a runner of its own, and so on. Raises TooManyDefaults.
        """
        if not self._entries:
            return properties
        name = info.name if info else properties.get("type")
        if isinstance(name, str):
            found = self._of(name, above)
            self._count(found.size)
            properties, above = merged(merged(found.gaps, properties), found.forced), above | found.applied
        return {key: self._inside(value, above) for key, value in properties.items()}

    def origin(self, type: str, path: Path) -> Path | None:
        """Where in the file the default stands that gives a property (`path`) to a task of the type; None when none of the file's does."""
        for entry, whole in self._giving(type, path):
            if whole and entry.path is not None:
                return (*entry.path, "values", *path)
            for depth in range(1, len(path)):
                inner = held(entry.values, path[:depth])
                kind = inner.get("type") if isinstance(inner, Mapping) else None
                found = self._giving(kind, path[depth:]) if isinstance(kind, str) else ()
                for below, all_of_it in found:
                    if all_of_it and below.path is not None:
                        return (*below.path, "values", *path[depth:])
        return None

    def _giving(self, type: str, path: Path) -> Iterator[tuple[Default, bool]]:
        """The entries for a type, the strongest first, and whether each has the property."""
        info = self._catalogue.find(type)
        spellings = self._catalogue.spellings(info.name if info else type)
        gaps, forced = ([entry for entry in self._entries if entry.forced == wanted] for wanted in (False, True))
        for entry in [*gaps, *forced][::-1]:
            if entry.concerns(spellings):
                yield entry, held(entry.values, path) is not None

    def _inside(self, value: Any, above: frozenset[int]) -> Any:
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("type"), str):
            return self.apply(value, self._catalogue.find(value["type"]), above)
        return {key: self._inside(part, above) for key, part in value.items()}

    def _of(self, name: str, above: frozenset[int]) -> _Found:
        """What there is for a type."""
        if (name, above) not in self._found:
            self._count(len(self._entries))
            spellings, info = self._catalogue.spellings(name), self._catalogue.find(name)
            applied = [number for number, entry in enumerate(self._entries) if number not in above and entry.concerns(spellings)]
            self._found[name, above] = self._merged(applied, info, spellings)
        return self._found[name, above]

    def _merged(self, numbers: Sequence[int], info: TypeInfo | None, spellings: Sequence[str]) -> _Found:
        gaps: dict[str, Any] = {}
        forced: dict[str, Any] = {}
        brought = 0
        for number in numbers:
            entry = self._entries[number]
            brought += self._sizes[number]
            self._count(brought)  # each step copies what the steps before it brought
            # Of what is for many types each gets what it has.
            values = entry.values if info is None or entry.type in spellings else {key: part for key, part in entry.values.items() if has(info, key)}
            if entry.forced:
                forced = merged(forced, values)
            else:
                gaps = merged(gaps, values)
        return _Found(gaps, forced, frozenset(numbers), size(gaps) + size(forced))

    def _count(self, values: int) -> None:
        self._room -= values
        if self._room < 0:
            raise TooManyDefaults


def size(value: Any) -> int:
    """How many keys and values are in it."""
    if isinstance(value, Mapping):
        return len(value) + sum(map(size, value.values()))
    return sum(map(size, value)) if isinstance(value, list) else 1


def has(info: TypeInfo, key: str) -> bool:
    """Whether a type has a property of this name, or had it under one of its own older names."""
    return key in info.properties or key in COMMON.get(info.kind, ()) or key in info.branches or (info.spelling is not None and key in info.spelling.renamed)


def merged(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """Both, deeply; the strong one wins."""
    result = dict(weak)
    for key, value in strong.items():
        old = result.get(key)
        mergeable = isinstance(old, Mapping) and isinstance(value, Mapping) and (old.get("type", value.get("type")) == value.get("type", old.get("type")))
        result[key] = merged(old, value) if mergeable and isinstance(old, Mapping) else value
    return result
