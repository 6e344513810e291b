"""Plugin defaults: properties that tasks, triggers and task runners of a type get without saying so.

From weak to strong: the instance's defaults, then the flow's; within one list less specific before more specific types, then earlier before later ones.
Plain values fill gaps, forced ones win over the task. Maps merge deeply, except where both sides name a `type` and mean different ones: properties of
one task runner mean nothing to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from service.flows.catalogue import Catalogue, TypeInfo


@dataclass(frozen=True, slots=True)
class Default:
    """One entry, its type made canonical where it is a known one."""

    type: str
    values: Mapping[str, Any]
    forced: bool = False

    def concerns(self, names: Iterable[str]) -> bool:
        """Whether it is about a type with one of these names: the name itself, or its beginning up to a dot."""
        prefix = self.type if self.type.endswith(".") else f"{self.type}."
        return any(name == self.type or name.startswith(prefix) for name in names)


class Defaults:
    """All defaults that hold for one flow."""

    def __init__(self, instance: Iterable[Default], flow: Iterable[Default], catalogue: Catalogue) -> None:
        self._entries = [entry for entries in (instance, flow) for entry in sorted(entries, key=lambda entry: entry.type.count("."))]
        self._catalogue = catalogue
        self._found: dict[tuple[str, frozenset[int]], tuple[dict[str, Any], dict[str, Any], frozenset[int]]] = {}

    def apply(self, properties: Mapping[str, Any], info: TypeInfo | None, above: frozenset[int] = frozenset()) -> Mapping[str, Any]:
        """A task's properties with its defaults, and those of every typed map inside of it.

        An entry is not applied again inside of what it was applied to (`above`): a default for `io.kestra.plugin.scripts` that names a task runner of that
        package is about scripts and not about the runner, which would get a runner of its own, and so on.
        """
        if not self._entries:
            return properties
        name = info.name if info else properties.get("type")
        if isinstance(name, str):
            gaps, forced, applied = self._of(name, above)
            properties, above = merged(merged(gaps, properties), forced), above | applied
        return {key: self._inside(value, above) for key, value in properties.items()}

    def _inside(self, value: Any, above: frozenset[int]) -> Any:
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("type"), str):
            return self.apply(value, self._catalogue.find(value["type"]), above)
        return {key: self._inside(part, above) for key, part in value.items()}

    def _of(self, name: str, above: frozenset[int]) -> tuple[dict[str, Any], dict[str, Any], frozenset[int]]:
        """What fills gaps, what is forced, and the numbers of the entries that say so."""
        if (name, above) not in self._found:
            spellings = self._catalogue.spellings(name)
            gaps: dict[str, Any] = {}
            forced: dict[str, Any] = {}
            applied = frozenset(number for number, entry in enumerate(self._entries) if number not in above and entry.concerns(spellings))
            for number in sorted(applied):
                entry = self._entries[number]
                if entry.forced:
                    forced = merged(forced, entry.values)
                else:
                    gaps = merged(gaps, entry.values)
            self._found[name, above] = gaps, forced, applied
        return self._found[name, above]


def merged(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """Both, deeply; the strong one wins."""
    result = dict(weak)
    for key, value in strong.items():
        old = result.get(key)
        mergeable = isinstance(old, Mapping) and isinstance(value, Mapping) and (old.get("type", value.get("type")) == value.get("type", old.get("type")))
        result[key] = merged(old, value) if mergeable and isinstance(old, Mapping) else value
    return result
