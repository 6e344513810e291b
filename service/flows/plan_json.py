"""A plan as JSON values."""

from __future__ import annotations

from typing import Any

from service.flows.plan_values import Difference, FlowChange, Identity, Kind, Notice, PartChange, Plan, TaskChange, Timetable, TriggerChange


def as_json(plan: Plan) -> dict[str, Any]:
    """The whole plan. Instants are ISO-8601 in UTC; what is not there on a side is null."""
    return {
        "now": plan.now.isoformat(),
        "counts": {kind.value: len(plan.of(kind)) for kind in Kind} | {"unchanged": plan.unchanged},
        "flows": [_flow(change) for change in plan.changes],
    }


def _flow(change: FlowChange) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        **_identity(change.identity),
        "was": _identity(change.was) if change.was else None,
        "pathBefore": change.path_before,
        "pathAfter": change.path_after,
        "notices": [{"weight": notice.weight.value, "message": message(notice)} for notice in change.notices],
        "tasks": [_task(task) for task in change.tasks],
        "order": [{"place": order.place, "tasks": list(order.tasks)} for order in change.order],
        "triggers": [_trigger(trigger) for trigger in change.triggers],
        "inputs": [_part(part) for part in change.inputs],
        "outputs": [_part(part) for part in change.outputs],
        "settings": [_difference(difference) for difference in change.settings],
        "uses": [{"use": use.use.value, "before": use.before, "after": use.after, "tasks": list(use.tasks)} for use in change.uses],
        "dependents": [{**_identity(other.identity), "how": other.how} for other in change.dependents],
        "withoutEffect": list(change.without_effect),
    }


def message(notice: Notice) -> str:
    """A notice in plain text."""
    return notice.words.format(*(f"`{name}`" for name in notice.names))


def _identity(identity: Identity) -> dict[str, str]:
    return {"namespace": identity[0], "id": identity[1]}


def _task(change: TaskChange) -> dict[str, Any]:
    sides = (("before", change.before), ("after", change.after))
    places = {name: {"id": side.id, "type": side.type, "place": side.place} if side else None for name, side in sides}
    return {"changes": [kind.value for kind in change.kinds], **places, "properties": [_difference(difference) for difference in change.differences]}


def _trigger(change: TriggerChange) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "id": change.id,
        "type": change.type,
        "properties": [_difference(difference) for difference in change.differences],
        "before": _timetable(change.before),
        "after": _timetable(change.after),
    }


def _timetable(times: Timetable | None) -> dict[str, Any] | None:
    if times is None:
        return None
    firings = [firing.isoformat().replace("+00:00", "Z") for firing in times.firings]
    return {"cron": times.cron, "words": times.words, "timezone": times.timezone, "off": times.off, "firings": firings}


def _part(change: PartChange) -> dict[str, Any]:
    properties = [_difference(difference) for difference in change.differences]
    return {"change": change.kind.value, "id": change.id, "properties": properties, "breaking": change.breaking}


def _difference(difference: Difference) -> dict[str, Any]:
    found: dict[str, Any] = {"path": difference.path, "before": difference.before, "after": difference.after}
    if difference.lines is not None:
        lines = difference.lines
        found["lines"] = {"added": lines.added, "removed": lines.removed, "excerpt": list(lines.excerpt), "more": lines.more}
    return found
