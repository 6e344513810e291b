"""The flows that a Flow trigger waits for, in each of the ways in which they can be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.flows.conditions import condition_names
from service.flows.flow import TriggerDef
from service.flows.hierarchy import Link

_PACKAGE = "io.kestra.plugin.core.condition."
_NAMES = condition_names()
_EXECUTION_FLOW = frozenset((f"{_PACKAGE}ExecutionFlow", *_NAMES[f"{_PACKAGE}ExecutionFlow"]))
_NOT = frozenset((f"{_PACKAGE}Not", *_NAMES[f"{_PACKAGE}Not"]))


def upstream(trigger: TriggerDef) -> tuple[Link, ...]:
    """Those that it names, each once; a condition that says which they are not is passed over."""
    if getattr(trigger.model, "KIND", None) != "flow":
        return ()
    preconditions = trigger.model.preconditions
    named = [*(trigger.model.depends_on or ()), *((preconditions and preconditions.flows) or ())]
    found = [Link(one.namespace, one.flow_id) for one in named if one.namespace or one.flow_id]
    for where in (preconditions and preconditions.where) or ():
        found += _filtered(where.filters)
    found += _conditions(getattr(trigger.common, "conditions", None))
    return tuple(dict.fromkeys(found))


def _filtered(filters: Sequence[Any]) -> Iterator[Link]:
    """Of tests that hold together: each flow that they name, with the namespace if they name one."""
    wanted = {field: [value for one in filters if one.field == field for value in _equal(one)] for field in ("NAMESPACE", "FLOW_ID")}
    namespaces: list[str | None] = [*wanted["NAMESPACE"]]
    for flow in wanted["FLOW_ID"]:
        yield Link(namespaces[0] if len(namespaces) == 1 else None, flow)
    if not wanted["FLOW_ID"]:
        yield from (Link(namespace, None) for namespace in namespaces)


def _equal(one: Any) -> Sequence[str]:
    if one.type == "EQUAL_TO":
        return [one.value] if one.value else ()
    return one.values or () if one.type == "IN" else ()


def _conditions(conditions: Any) -> Iterator[Link]:
    """Of the older dialect's conditions, as they were written; those within others too."""
    entries = conditions.values() if isinstance(conditions, Mapping) else conditions if isinstance(conditions, list) else ()
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("type") in _NOT:
            continue
        if entry.get("type") in _EXECUTION_FLOW:
            yield Link(str(entry.get("namespace")), str(entry.get("flowId")))
        yield from _conditions(entry.get("conditions"))
