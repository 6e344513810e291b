"""Task types of other installed packages: entry points of the group `headgate.tasks`, each the name of a type and the module that has its class.

What is there is known from the packages' metadata, and a module is imported when its type is first used: a package that is broken takes no other with it,
and who uses none of them pays nothing.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import distributions

from runners.fields import Typed, Unfit

GROUP = "headgate.tasks"

_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Offer:
    """What a package says that it has. `package` is its name, `version` that of the package."""

    name: str
    module: str
    package: str
    version: str

    @property
    def requirement(self) -> str:
        """As an installer takes it."""
        return f"{self.package}=={self.version}"


class Packages:
    """The types of this interpreter's packages, looked for when one is first asked for. From any thread."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._found: dict[str, type[Typed] | str] = {}  #: or why it can't be used

    def names(self) -> tuple[str, ...]:
        """What is offered, old names among them; not all of it need be usable."""
        return tuple(self._offers)

    def package(self, name: str) -> str | None:
        """Which package offers a type, as an installer takes it; None where none does."""
        offers = self._offers.get(name)
        return offers[0].requirement if offers else None

    def find(self, name: str) -> type[Typed] | None:
        """The class of a type, by a canonical or an old name; None where no package offers it. Raises Unfit."""
        if name not in self._offers:
            return None
        with self._guard:
            found = self._found.get(name)
            if found is None:
                found = self._found[name] = self._taken(name)
        if isinstance(found, str):
            raise Unfit(found)
        return found

    @cached_property
    def _offers(self) -> Mapping[str, tuple[Offer, ...]]:
        """By name; more than one where packages are at odds."""
        found: dict[str, tuple[Offer, ...]] = {}
        seen = set()
        for one in distributions():
            points = one.entry_points.select(group=GROUP)
            package = re.sub(r"[-_.]+", "-", one.name).lower() if points else ""
            if not points or package in seen:  # the first on the path is the one that is imported
                continue
            seen.add(package)
            for point in points:
                found[point.name] = (*found.get(point.name, ()), Offer(point.name, point.value, package, one.version))
        return found

    def _taken(self, name: str) -> type[Typed] | str:
        first, *more = self._offers[name]
        try:
            if more:
                rivals = " and ".join(f"`{offer.package}`" for offer in (first, *more))
                return f"the type `{name}` is offered by the packages {rivals}: uninstall one"
            if not _TYPE.fullmatch(name):
                raise _Wrong("that is not the name of a type, which is names joined by dots")
            cls = _class(first)
            if name != cls.TYPE and self.find(cls.TYPE) is not cls:
                raise _Wrong(f"it is an old name of `{cls.TYPE}`, which the package does not offer")
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - another's code, imported: whatever it does, the others are there
            why = str(failure) if isinstance(failure, _Wrong) else f"{type(failure).__name__}: {failure}"
            return f"the type `{name[:_LONGEST]}` of the package `{first.package}` {first.version} can't be used: {why[:_LONGEST]}"
        return cls


class _Wrong(Exception):
    """What an offer lacks."""


def _class(offer: Offer) -> type[Typed]:
    """The class that an offer means. Raises _Wrong, and whatever the module raises."""
    module = importlib.import_module(offer.module)
    classes = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__ and "TYPE" in vars(value)]
    for cls in classes:
        if issubclass(cls, Typed) and offer.name in (cls.TYPE, *cls.ALIASES, *cls.SPELLINGS):
            _check(cls)
            return cls
    raise _Wrong(f"the module `{offer.module}` has no task of this TYPE")


def _check(cls: type[Typed]) -> None:
    """Raises _Wrong for what would be found out too late. The rest the base class sees to."""
    if getattr(cls, "RUNS", None) != "runner":
        raise _Wrong(f"the class `{cls.__name__}` is no `runners.task.RunnerTask`")
    if not (cls.__doc__ or "").strip():
        raise _Wrong(f"the class `{cls.__name__}` has no docstring, from which its documentation is made")
    for name, field in cls.model_fields.items():
        if not field.description:
            raise _Wrong(f"the field `{name}` has no description, from which its documentation is made")
    cls.model_json_schema()
