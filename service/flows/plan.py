"""A plan: what differs between two sets of flows, in the words of the flow language instead of lines of text.

Pure: both sides and the present time are handed in. A flow whose text is the same on both sides costs one comparison of texts; only where something
differs, the rest is walked once, for those who depend on it. The parts are compared in `plan_tasks`, `plan_triggers`, `plan_parts` and `plan_uses`;
`plan_notices` says what to look at first, `plan_markdown` and `plan_json` show a plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from service.flows.flow import Flow
from service.flows.loading import written
from service.flows.plan_calls import Dependents
from service.flows.plan_notices import NOT_LIVE, REPAIRED, STAYS, notices
from service.flows.plan_parts import compare_inputs, compare_outputs, compare_settings
from service.flows.plan_properties import differences
from service.flows.plan_renames import renames
from service.flows.plan_tasks import compare_tasks
from service.flows.plan_triggers import compare_triggers
from service.flows.plan_uses import compare_uses
from service.flows.plan_values import FlowChange, Identity, Kind, Notice, Plan, Side

__all__ = ["Plan", "Side", "plan"]

#: So many properties without effect are named.
_MOST_NAMED = 20


def plan(before: Side, after: Side, now: datetime) -> Plan:
    """What differs. `now` (aware) is where the next firings of schedules begin.

    A flow whose file is wrong after keeps what was read of it last: it is neither removed nor compared, only named.
    """
    comparison = _Comparison(before, _with_last_good(before, after), now)
    changes = tuple(sorted(comparison.changes(), key=lambda change: change.identity))
    both = before.flows.keys() & comparison.after.flows.keys()
    return Plan(now, changes, len(both) - sum(change.identity in both for change in changes))


def _with_last_good(before: Side, after: Side) -> Side:
    staying = {identity: before.flows[identity] for identity in after.unread if identity in before.flows}
    return replace(after, flows={**staying, **after.flows}) if staying else after


class _Comparison:
    """Two sides, while they are compared."""

    def __init__(self, before: Side, after: Side, now: datetime) -> None:
        self.before, self.after, self._now = before, after, now
        self._dependents = Dependents(after.flows)

    def changes(self) -> Iterator[FlowChange]:
        """Every flow that differs, once."""
        before, after = self.before, self.after
        gone = {identity: flow for identity, flow in before.flows.items() if identity not in after.flows}
        known = before.flows.keys() | before.unread.keys() | after.unread.keys()
        come = {identity: flow for identity, flow in after.flows.items() if identity not in known}
        renamed = renames(gone, come, (before.paths, after.paths)) if gone and come else {}
        for was, now in renamed.items():
            yield self._change(Kind.RENAMED, now, gone.pop(was), come.pop(now), was)
        yield from (self._change(Kind.REMOVED, identity, flow, None) for identity, flow in gone.items())
        yield from (self._change(Kind.ADDED, identity, None, flow) for identity, flow in come.items())
        yield from self._kept()
        yield from self._wrong()

    def _kept(self) -> Iterator[FlowChange]:
        """Flows that both sides have."""
        for identity, flow in self.after.flows.items():
            was = self.before.flows.get(identity)
            if was is None or identity in self.after.unread:
                continue
            if was is not flow and was.source != flow.source:
                change = self._change(Kind.CHANGED, identity, was, flow)
                yield change if _differs(change) else self._without_effect(change, was, flow)
            elif self._moved(identity):
                yield self._named(Kind.MOVED, identity)

    def _wrong(self) -> Iterator[FlowChange]:
        """Files that are wrong on one side, and what was read of them is not known."""
        before, after = self.before, self.after
        for identity in after.unread.keys() - before.unread.keys():
            yield self._named(Kind.UNREAD, identity, STAYS if identity in after.flows else NOT_LIVE)
        for identity in before.unread.keys() - after.unread.keys() - before.flows.keys():
            yield self._named(Kind.REPAIRED, identity, REPAIRED) if identity in after.flows else self._named(Kind.REMOVED, identity)

    def _moved(self, identity: Identity) -> bool:
        paths = self.before.paths.get(identity), self.after.paths.get(identity)
        return None not in paths and paths[0] != paths[1]

    def _named(self, kind: Kind, identity: Identity, *found: Notice, was: Identity | None = None) -> FlowChange:
        """A change of which nothing but this is known."""
        old = was or identity
        path_before = self.before.unread.get(old, self.before.paths.get(old))
        path_after = self.after.unread.get(identity, self.after.paths.get(identity))
        return FlowChange(kind, identity, was, path_before, path_after, notices=found)

    def _change(self, kind: Kind, identity: Identity, before: Flow | None, after: Flow | None, was: Identity | None = None) -> FlowChange:
        tasks = compare_tasks(before.tree if before else None, after.tree if after else None)
        change = replace(
            self._named(kind, identity, was=was),
            tasks=tasks.changes,
            order=tasks.order,
            triggers=compare_triggers(before, after, self._now),
            inputs=compare_inputs(before, after),
            outputs=compare_outputs(before, after),
            settings=compare_settings(before, after),
            uses=compare_uses(before, after, tasks.renamed),
            dependents=self._dependents.of(was or identity),  # those of an old name lose what they depend on
        )
        return replace(change, notices=notices(change, before, after))

    @staticmethod
    def _without_effect(change: FlowChange, before: Flow, after: Flow) -> FlowChange:
        found = differences(written(before.source), written(after.source))
        paths = tuple(difference.path for difference, _ in zip(found, range(_MOST_NAMED), strict=False))
        return replace(change, kind=Kind.TEXT, without_effect=paths, dependents=())


def _differs(change: FlowChange) -> bool:
    """Whether anything but the text does."""
    return any((change.tasks, change.order, change.triggers, change.inputs, change.outputs, change.settings, change.uses, change.notices))
