"""Conditions of triggers, as the first dialect writes them, read: each becomes one expression of the second dialect's `when`, or several.

A trigger fires when all its gates hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.flows.condition_types import CLASSES, Condition, Multiple, Not, Or
from service.flows.draft import Draft
from service.flows.gates import AnyOf, Gate, HasAttempt, NoneOf, Within
from service.flows.mistakes import path_text
from service.flows.nearest import nearest_type
from service.flows.outline import Owner, Rendered
from service.flows.problems import Severity, escaped
from service.flows.source import Broken, Path

__all__ = ["AnyOf", "Gate", "HasAttempt", "NoneOf", "Within", "condition_names", "condition_types", "read_conditions"]

_PACKAGE = "io.kestra.plugin.core.condition."
_OLD_PACKAGE = "io.kestra.core.models.conditions.types."
_CLASSES: Mapping[str, type[Condition]] = {cls.NAME: cls for cls in CLASSES}
#: Names that were others before.
_RENAMED = {"Expression": ("io.kestra.core.models.conditions.types.VariableCondition",)}
#: Those that keep `Condition` in their newest name, too.
_LONG = frozenset({"Flow", "FlowNamespace", "Multiple"})


def _newest(name: str) -> str:
    return f"{_PACKAGE}{name}{'Condition' if name in _LONG else ''}"


def _spellings(name: str) -> tuple[str, ...]:
    old = (f"{_PACKAGE}{name}Condition", f"{_OLD_PACKAGE}{name}Condition", *_RENAMED.get(name, ()))
    return tuple(dict.fromkeys((_newest(name), *old)))


_FOUND = {spelling: name for name in _CLASSES for spelling in _spellings(name)}


def condition_types() -> dict[str, type[Condition]]:
    """The class of every condition, by its newest name."""
    return {_newest(name): cls for name, cls in _CLASSES.items()}


def condition_class(name: object) -> type[Condition] | None:
    """The class of a condition by any of its names; None where there is none of this name."""
    return _CLASSES[_FOUND[name]] if isinstance(name, str) and name in _FOUND else None


def condition_names() -> dict[str, tuple[str, ...]]:
    """Every condition's newest name, and its older ones."""
    return {_newest(name): _spellings(name)[1:] for name in _CLASSES}


def read_conditions(entries: Any, path: Path, draft: Draft, owner: Owner) -> tuple[Gate, ...]:
    """The gates of a list of conditions; what is wrong is noted. `owner` is the trigger that they are of, None: they are a listener's."""
    if not isinstance(entries, list):
        return ()  # what else may stand there the trigger's own class refuses
    found = (_read(entry, (*path, number), draft, owner) for number, entry in enumerate(entries))
    return tuple(gate for gate in found if gate is not None)


def _read(raw: Any, path: Path, draft: Draft, owner: Owner) -> Gate | None:
    if not draft.is_map(raw, path, f"write `- type: {_PACKAGE}…`"):
        return None
    cls = _class(raw, path, draft)
    if cls is None:
        return None
    read = draft.validated(cls, {key: value for key, value in raw.items() if key != "type"}, path, {}, frozenset({"type"}))
    if isinstance(read, Not | Or):
        below = read_conditions(raw["conditions"], (*path, "conditions"), draft, owner)
        return NoneOf(below) if isinstance(read, Not) else AnyOf(below)
    if isinstance(read, Multiple):
        found = ((name, _read(entry, (*path, "conditions", name), draft, owner)) for name, entry in raw["conditions"].items())
        return Within(read.id, tuple((name, gate) for name, gate in found if gate is not None), read.within(), read.reset_on_success)
    gate = read.gate() if read is not None else None
    if owner is not None and isinstance(gate, str) and gate not in raw.values():
        draft.gates.append(Rendered((*path, "type"), gate, owner))
    return gate


def _class(raw: dict[str, Any], path: Path, draft: Draft) -> type[Condition] | None:
    name = raw.get("type")
    if not isinstance(name, str):
        if not isinstance(name, Broken):
            draft.findings.add("HG-0202", draft.source.key_place(path), f"`{path_text((*path, 'type'))}` is missing", f"add `type: {_PACKAGE}…`")
        return None
    found, place = _FOUND.get(name), draft.source.place((*path, "type"))
    if found is None:
        near = nearest_type(name, _FOUND)
        hint = f"did you mean `{near}`?" if near else "no condition has a name like it"
        draft.findings.add("HG-0220", place, f"unknown condition type `{escaped(name, 120)}`", hint)
        return None
    if name != _newest(found):
        newest = _newest(found)
        draft.findings.add("HG-0222", place, f"`{escaped(name, 120)}` is an old name of `{newest}`", f"write `{newest}`", Severity.NOTICE)
    return _CLASSES[found]
