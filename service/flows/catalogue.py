"""The types that flows may name: found by canonical name or old spelling, imported when first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal, Protocol

from runners.fields import Spelling, Unfit
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


class Others(Protocol):
    """Task types of other installed packages. Nothing is asked of them before a type is looked for that is none of ours."""

    def names(self) -> tuple[str, ...]:
        """What they offer; not all of it need be usable."""

    def package(self, name: str) -> str | None:
        """Which package offers a type, as an installer takes it."""

    def find(self, name: str) -> type[Any] | None:
        """The class, by a canonical or an old name; raises Unfit."""


class Catalogue:
    """Name → type. `index` has the shape that `service.discovery` generates; `load` imports what an entry's `ref` names. A name in it is nobody else's."""

    def __init__(self, index: Mapping[str, Mapping[str, Any]], load: Callable[[str], type], others: Others | None = None) -> None:
        self._index = index
        self._load = load
        self._others = others
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
                return self._other(name)
            entry = self._index[canonical]
            found = TypeInfo(canonical, name, str(entry["kind"]), entry.get("runs"), lambda: self._class(str(entry["ref"])))
            self._found[name] = found
        return found

    def _other(self, name: str) -> TypeInfo | None:
        """The same of other packages. What they have does not change while we run."""
        try:
            cls = self._offered_class(name)
        except Unfit:
            return None
        if cls is None:
            return None
        self._found[name] = TypeInfo(cls.TYPE, name, "task", cls.RUNS, lambda: cls)
        return self._found[name]

    def _offered_class(self, name: str) -> type[Any] | None:
        """What a package has under a name that is none of ours. Raises Unfit."""
        cls = None if self._others is None or self._is_ours(name) else self._others.find(name)
        if cls is not None and self._is_ours(cls.TYPE):
            raise Unfit(f"the type `{name}` of the package `{self.package(name)}` can't be used: it stands for `{cls.TYPE}`, which is Headgate's own")
        return cls

    def names(self, kind: Kind | None = None) -> tuple[str, ...]:
        """Canonical names, of one kind or of all; those of other packages, too, if they can be used, which is found out by importing them."""
        return self._ours(kind) if kind not in (None, "task") else (*self._ours(kind), *self._of_others)

    def _ours(self, kind: Kind | None) -> tuple[str, ...]:
        return tuple(name for name, entry in self._index.items() if kind in (None, entry["kind"]))

    @cached_property
    def _of_others(self) -> tuple[str, ...]:
        found = (self.find(name) for name in self._offered())
        return tuple(dict.fromkeys(info.name for info in found if info is not None))

    def _offered(self) -> tuple[str, ...]:
        """What others offer, and do not take from us."""
        return tuple(name for name in (self._others.names() if self._others else ()) if not self._is_ours(name))

    def _is_ours(self, name: str) -> bool:
        return name in self._index or name in self._aliases

    def package(self, name: str) -> str | None:
        """The package that a type is of, as an installer takes it; None for our own, and for one that there is not."""
        return None if self._is_ours(name) or self._others is None else self._others.package(name)

    def unfit(self, name: str) -> str | None:
        """Why a type that a package offers can't be used; None for one that can, or that none offers."""
        try:
            self._offered_class(name)
        except Unfit as why:
            return str(why)
        return None

    def offered(self) -> Mapping[str, tuple[str, ...]]:
        """What other packages say that they have, by package."""
        found: dict[str, tuple[str, ...]] = {}
        for name in self._others.names() if self._others else ():
            package = str(self._others and self._others.package(name))
            found[package] = (*found.get(package, ()), name)
        return found

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the types of other packages, in words. Imports them."""
        taken = ((package, name) for package, names in self.offered().items() for name in names if self._is_ours(name))
        refused = (f"the type `{name}` of the package `{package}` is not used: Headgate has one of this name" for package, name in taken)
        return (*refused, *filter(None, map(self.unfit, self._offered())))

    def spellings(self, name: str) -> tuple[str, ...]:
        """The canonical name and every old one."""
        if name in self._index:
            return (name, *self._index[name].get("aliases", ()))
        info = self._other(name)
        return (name,) if info is None else (info.name, *info.cls.ALIASES, *info.cls.SPELLINGS)

    def nearest(self, name: str, kind: Kind | None = None) -> str | None:
        """The known type that was probably meant. Kept: it takes longer than reading a flow, and the same types are missing in many flows."""
        if (name, kind) not in self._near:
            if len(self._near) >= _NEAR_KEPT:
                self._near.clear()
            offered = self._offered() if kind in (None, "task") else ()
            self._near[name, kind] = nearest_type(name, (*self._ours(kind), *offered))
        return self._near[name, kind]

    def _class(self, ref: str) -> type[Any]:
        if ref not in self._classes:
            self._classes[ref] = self._load(ref)
        return self._classes[ref]
