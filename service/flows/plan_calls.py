"""Which flows start others, and which are started by the executions of others, as far as their names are written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from runners.fields import is_template
from service.flows.flow import Flow, TriggerDef
from service.flows.flow_calls import called
from service.flows.links import Link, started, watched
from service.flows.plan_values import Dependent, Identity
from service.flows.problems import escaped

#: Over what an id or a namespace may have: only what is computed is cut.
_LONGEST_NAME = 200
_OWN_NAMESPACE = re.compile(r"\{\{-?\s*flow\.namespace\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class Call:
    """What starts a flow. `gives` are the inputs that it names, None when they are computed."""

    target: Identity
    gives: frozenset[str] | None


def calls(flow: Flow) -> Iterator[Call]:
    """The flows that its tasks start, and that its inputs call. A name that is computed is shown as it is written; of what inputs call it is passed over."""
    for node in flow.tree.walk():
        link = started(node)
        if link is not None:
            inputs = node.spec.get("inputs")
            gives = None if isinstance(inputs, str) else frozenset(inputs or ())
            yield Call((_namespace(link, flow), escaped(link.flow_id, _LONGEST_NAME)), gives)
    for namespace, id in called(flow.inputs):
        yield Call((escaped(namespace, _LONGEST_NAME), escaped(id, _LONGEST_NAME)), None)


def _namespace(link: Link, flow: Flow) -> str:
    written = link.namespace or ""
    return flow.namespace if _OWN_NAMESPACE.fullmatch(written.strip()) else escaped(written, _LONGEST_NAME)


class Dependents:
    """Who depends on whom, within one set of flows. Walked once, when first asked."""

    def __init__(self, flows: Mapping[Identity, Flow]) -> None:
        self._flows = flows
        self._found: dict[Identity, list[Dependent]] | None = None

    def of(self, identity: Identity) -> tuple[Dependent, ...]:
        """The flows that depend on this one, itself left out; those that call it first."""
        if self._found is None:
            self._found = _by_target(self._flows)
        wide = self._found.get((identity[0], ""), [])
        found: dict[tuple[str, Identity], Dependent] = {}
        for other in (*wide, *self._found.get(identity, ())):
            if other.identity != identity:
                key = other.how, other.identity
                found[key] = _both(found.get(key, other), other)
        return tuple(found[key] for key in sorted(found))


def _both(one: Dependent, other: Dependent) -> Dependent:
    """Of a flow that calls twice: what it gives each time."""
    gives = None if one.gives is None or other.gives is None else one.gives & other.gives
    return replace(one, gives=gives)


def _by_target(flows: Mapping[Identity, Flow]) -> dict[Identity, list[Dependent]]:
    """By the flow that is depended on; an empty id stands for all of a namespace."""
    found: dict[Identity, list[Dependent]] = {}
    for identity, flow in flows.items():
        for call in calls(flow):
            found.setdefault(call.target, []).append(Dependent(identity, "calls", call.gives))
        for trigger in flow.triggers:
            for target in _watched(trigger, flow):
                found.setdefault(target, []).append(Dependent(identity, "watches"))
    return found


def _watched(trigger: TriggerDef, flow: Flow) -> Iterator[Identity]:
    for link in watched(trigger):
        if link.namespace and not is_template(link.flow_id):
            yield _namespace(link, flow), link.flow_id or ""
