"""How the triggers of a flow differ, and when its schedules fire next, before and after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from service.flows.cron_words import in_words
from service.flows.flow import Flow, TriggerDef
from service.flows.plan_properties import differences, plain
from service.flows.plan_values import Kind, Timetable, TriggerChange
from service.triggers import Schedulable

FIRINGS = 5
#: An address that protects itself by being unknown.
_WEBHOOK_KEY = frozenset({"key"})


def compare_triggers(before: Flow | None, after: Flow | None, now: datetime) -> tuple[TriggerChange, ...]:
    """The triggers that differ, in the order after, then those that are gone. One of a flow that is turned off does not fire."""
    old, new = ({trigger.id: trigger for trigger in flow.triggers} if flow else {} for flow in (before, after))
    switched = before is not None and after is not None and before.disabled != after.disabled
    found: list[TriggerChange] = []
    for name in (*new, *(name for name in old if name not in new)):
        one, other = old.get(name), new.get(name)
        properties = tuple(differences(_properties(one), _properties(other), hidden=_WEBHOOK_KEY)) if one and other else ()
        if one and other and not properties and not (switched and isinstance(other.model, Schedulable)):
            continue
        kind = Kind.ADDED if one is None else Kind.REMOVED if other is None else Kind.CHANGED
        times = (timetable(side, flow.disabled, now) if side and flow else None for side, flow in ((one, before), (other, after)))
        found.append(TriggerChange(kind, name, (other or one).type, properties, *times))  # type: ignore[union-attr]  # the name is that of one of them
    return tuple(found)


def _properties(trigger: TriggerDef | None) -> dict[str, Any]:
    """All that a trigger says of itself, save its id, under the names that flows use."""
    if trigger is None:
        return {}
    return {"type": trigger.type, **{key: value for key, value in plain(trigger.common).items() if key != "id"}, **plain(trigger.model)}


def timetable(trigger: TriggerDef, flow_disabled: bool, now: datetime) -> Timetable | None:
    """When it fires; None for a trigger that does not follow the clock."""
    model: Any = trigger.model
    if not isinstance(model, Schedulable):
        return None
    off = trigger.disabled or flow_disabled
    cron = getattr(model, "cron", "")
    words = in_words(cron, getattr(model, "with_seconds", False)) if cron else ""
    return Timetable(cron, words, getattr(model, "timezone", None) or "UTC", () if off else tuple(_firings(model, now)), off)


def _firings(model: Schedulable, now: datetime) -> Iterator[datetime]:
    moment: datetime | None = now
    for _ in range(FIRINGS):
        moment = model.next_after(moment) if moment else None
        if moment is None:
            return
        yield moment.astimezone(UTC)
