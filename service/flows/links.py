"""Which other flows a flow names: those that its tasks start, and those that its triggers wait for, in each of the ways in which they can be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners.fields import is_template
from service.engine.program import Node
from service.flows.condition_types import ExecutionFlow, Not
from service.flows.conditions import condition_class
from service.flows.flow import TriggerDef


@dataclass(frozen=True, slots=True)
class Link:
    """Another flow. Namespace and id may be templates; without an id all flows of the namespace are meant. `revision` is None for the newest."""

    namespace: str | None
    flow_id: str | None
    revision: str | None = None

    @property
    def literal(self) -> bool:
        """Whether it is known without an execution which flow this is."""
        return not (is_template(self.namespace) or is_template(self.flow_id))

    def __str__(self) -> str:
        name = f"{self.namespace or '*'}.{self.flow_id or '*'}"
        return name if self.revision is None else f"{name} revision {self.revision}"


def started(node: Node) -> Link | None:
    """The flow that a task starts; None for a task that starts none."""
    if node.runs != "flowable" or getattr(node.model, "flow_id", None) is None:
        return None
    revision = node.model.revision
    return Link(node.model.namespace, node.model.flow_id, None if revision is None else str(revision))


def watched(trigger: TriggerDef) -> tuple[Link, ...]:
    """The flows whose executions a trigger waits for, each once; a condition that says which they are not is passed over."""
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
        cls = condition_class(entry.get("type")) if isinstance(entry, Mapping) else None
        if cls is None or cls is Not:
            continue
        if cls is ExecutionFlow:
            yield Link(str(entry["namespace"]), str(entry["flowId"]))
        yield from _conditions(entry.get("conditions"))
