"""The types that flows may name: found by canonical name or old spelling, imported when first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from runners.fields import Spelling
from service.flows.nearest import nearest_type
from service.flows.properties import property_names

Kind = Literal["task", "trigger", "task_runner"]

_NEAR_KEPT = 500


class TypeInfo:
    """One type as a flow names it. `name` is canonical; `alias` says that the flow used an old spelling of it, `written`."""

    def __init__(self, name: str, written: str, kind: str, runs: str | None, load: Callable[[], type[Any]]) -> None:
        self.name = name
        self.written = written
        self.kind = kind
        self.runs = runs
        self.alias = written != name
        self._load = load

    @cached_property
    def cls(self) -> type[Any]:
        """The class; imports its module the first time."""
        return self._load()

    @cached_property
    def properties(self) -> frozenset[str]:
        """The names of its own properties, as YAML writes them."""
        return property_names(self.cls)

    @cached_property
    def branches(self) -> Mapping[str, str]:
        """The properties that hold child tasks, and in which shape; empty for anything but a flowable."""
        return dict(getattr(self.cls, "BRANCHES", {}))

    @cached_property
    def keys(self) -> frozenset[str]:
        """All that may stand in it beside what every task has: properties and branches."""
        return self.properties.union(self.branches)

    @cached_property
    def calls(self) -> bool:
        """Whether a task of it starts another flow, which it names."""
        return self.runs == "flowable" and "flowId" in self.properties

    @cached_property
    def spelling(self) -> Spelling | None:
        """How the properties are called under an old name, where it is otherwise."""
        return self.cls.SPELLINGS.get(self.written) if self.alias else None


class Catalogue:
    """Name → type. `index` has the shape that `service.discovery` generates; `load` imports what an entry's `ref` names."""

    def __init__(self, index: Mapping[str, Mapping[str, Any]], load: Callable[[str], type]) -> None:
        self._index = index
        self._load = load
        self._classes: dict[str, type[Any]] = {}
        self._found: dict[str, TypeInfo] = {}
        self._near: dict[tuple[str, Kind | None], str | None] = {}
        self._aliases = {alias: name for name, entry in index.items() for alias in entry.get("aliases", ())}

    def load(self, ref: str) -> type[Any]:
        """A class that has no name in the language."""
        return self._class(ref)

    def find(self, name: str) -> TypeInfo | None:
        """The type of this name, canonical or old; None when there is none."""
        found = self._found.get(name)
        if found is None:
            canonical = name if name in self._index else self._aliases.get(name)
            if canonical is None:
                return None
            entry = self._index[canonical]
            found = TypeInfo(canonical, name, str(entry["kind"]), entry.get("runs"), lambda: self._class(str(entry["ref"])))
            self._found[name] = found
        return found

    def names(self, kind: Kind | None = None) -> tuple[str, ...]:
        """Canonical names, of one kind or of all."""
        return tuple(name for name, entry in self._index.items() if kind in (None, entry["kind"]))

    def spellings(self, name: str) -> tuple[str, ...]:
        """The canonical name and every old one."""
        return (name, *self._index[name].get("aliases", ())) if name in self._index else (name,)

    def nearest(self, name: str, kind: Kind | None = None) -> str | None:
        """The known type that was probably meant. Kept: it takes longer than reading a flow, and the same types are missing in many flows."""
        if (name, kind) not in self._near:
            if len(self._near) >= _NEAR_KEPT:
                self._near.clear()
            self._near[name, kind] = nearest_type(name, self.names(kind))
        return self._near[name, kind]

    def _class(self, ref: str) -> type[Any]:
        if ref not in self._classes:
            self._classes[ref] = self._load(ref)
        return self._classes[ref]
