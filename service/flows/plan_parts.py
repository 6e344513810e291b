"""How the parts of a flow differ that are neither tasks nor triggers: inputs, outputs, and what the flow says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.flows.flow import Flow
from service.flows.inputs import Input
from service.flows.plan_properties import differences, plain
from service.flows.plan_values import Difference, Kind, PartChange
from service.flows.policies import WorkerSelector

_SECRET_VALUES = frozenset({"defaults", "prefill"})


def compare_inputs(before: Flow | None, after: Flow | None) -> tuple[PartChange, ...]:
    """The inputs that differ. `breaking` says what calls and triggers that were right can't do any more."""
    old, new = (_by_id(flow.inputs if flow else ()) for flow in (before, after))
    changes = _parts(old, new, lambda found: _SECRET_VALUES if found.type == "SECRET" else frozenset())
    if before is None:
        return tuple(changes)
    return tuple(PartChange(found.kind, found.id, found.differences, _broken(old.get(found.id), new.get(found.id))) for found in changes)


def _broken(before: Input | None, after: Input | None) -> str | None:
    if after is None:
        return None
    if after.demanded and (before is None or not before.demanded):
        return "it is required and has no default"
    return "it takes another type of value" if before is not None and type(before) is not type(after) else None


def compare_outputs(before: Flow | None, after: Flow | None) -> tuple[PartChange, ...]:
    """The outputs that differ."""
    old, new = (_by_id(flow.outputs if flow else ()) for flow in (before, after))
    return tuple(_parts(old, new, lambda _: frozenset()))


def _by_id(parts: Iterable[Any]) -> dict[str, Any]:
    return {part.id: part for part in parts}


def _parts(old: Mapping[str, Any], new: Mapping[str, Any], hidden: Any) -> Iterator[PartChange]:
    """In the order after, then those that are gone."""
    for name in (*new, *(name for name in old if name not in new)):
        before, after = (side.get(name) for side in (old, new))
        found = tuple(differences(plain(before) or {}, plain(after) or {}, hidden=hidden(after or before)))
        kind = Kind.ADDED if before is None else Kind.REMOVED if after is None else Kind.CHANGED
        own = tuple(difference for difference in found if difference.path != "id")
        if found:
            yield PartChange(kind, name, own)


def compare_settings(before: Flow | None, after: Flow | None) -> tuple[Difference, ...]:
    """What the flow says of itself and of all its tasks."""
    return tuple(differences(_settings(before), _settings(after)))


def _settings(flow: Flow | None) -> dict[str, Any]:
    if flow is None:
        return {}
    worker = "workerSelector" if isinstance(flow.worker, WorkerSelector) else "workerGroup"
    settings = {
        "description": flow.description,
        "disabled": flow.disabled,
        "labels": flow.labels,
        "variables": flow.variables,
        "concurrency": plain(flow.concurrency),
        "retry": plain(flow.retry),
        "sla": {each.id: {key: value for key, value in plain(each).items() if key != "id"} for each in flow.sla},
        "checks": [plain(each) for each in flow.checks],
        worker: plain(flow.worker),
    }
    return {name: value for name, value in settings.items() if value not in (None, False, [], {})}
