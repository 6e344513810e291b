"""What of a changed flow is to be looked at first: what breaks others, what reaches further than before, and what stops it from being run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runners.fields import is_template
from service.flows.flow import Flow
from service.flows.plan_values import Dependent, FlowChange, Kind, Notice, TriggerChange, Use, Weight

_MOST_NAMES = 3
#: Task runners that keep nothing apart: a process of the runner's host; none at all leaves it to the runner.
_UNBOUND = frozenset({"Process", None})
STAYS = Notice(Weight.NOTE, "its file can't be read: what was read of it last stays live")
NOT_LIVE = Notice(Weight.NOTE, "its file can't be read, so it is not live")
REPAIRED = Notice(Weight.NOTE, "its file could not be read before, so what differs is not known")
_WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"


def notices(change: FlowChange, before: Flow | None, after: Flow | None) -> tuple[Notice, ...]:
    """In the order of their weight."""
    found = [*_gone(change), *_inputs(change), *_uses(change), *_webhooks(change, after), *_not_run(before, after)]
    weights = list(Weight)
    return tuple(sorted(found, key=lambda notice: weights.index(notice.weight)))


def _gone(change: FlowChange) -> Iterator[Notice]:
    """Its name is gone, and others still use it."""
    if change.kind not in (Kind.REMOVED, Kind.RENAMED) or not change.dependents:
        return
    names, words = _some(".".join(other.identity) for other in change.dependents)
    verb = "is removed" if change.kind is Kind.REMOVED else "has another name"
    yield Notice(Weight.BREAKING, f"it {verb}, but {words} still depend{'s' if len(change.dependents) == 1 else ''} on it", names)


def _inputs(change: FlowChange) -> Iterator[Notice]:
    for part in change.inputs:
        if part.breaking is None:
            continue
        missing = [other for other in change.dependents if other.how == "calls" and _misses(other, part.id)]
        names, words = _some(".".join(other.identity) for other in missing)
        callers = f"; {words} {'does' if len(missing) == 1 else 'do'} not give it" if missing else ""
        yield Notice(Weight.BREAKING, f"the input {{}} changes for all who start it: {part.breaking}{callers}", (part.id, *names))


def _misses(other: Dependent, name: str) -> bool:
    return other.gives is not None and name not in other.gives and name.split(".")[0] not in other.gives


def _some(names: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The first names, and the words that hold their places."""
    every = list(dict.fromkeys(names))
    first = tuple(every[:_MOST_NAMES])
    more = f" and {len(every) - len(first)} more" if len(every) > len(first) else ""
    return first, ", ".join("{}" for _ in first) + more


def _uses(change: FlowChange) -> Iterator[Notice]:
    for use in change.uses:
        names, words = _some(use.tasks)
        if use.use is Use.DANGER and use.after:
            yield Notice(Weight.DANGER, f"{{}} of {words} reaches past the container", (use.after, *names))
        elif use.use is Use.RUNNER and use.before not in _UNBOUND and use.after in _UNBOUND and _still_there(change, use.tasks):
            now = "on the runner's host, as {}" if use.after else "wherever the runner decides"
            verb = "has" if len(use.tasks) == 1 else "have"
            yield Notice(Weight.DANGER, f"{words} no longer {verb} to run in a container: {now}", (*names, *([use.after] if use.after else [])))


def _still_there(change: FlowChange, tasks: Iterable[str]) -> bool:
    gone = {task.before.id for task in change.tasks if task.before is not None and task.after is None}
    return any(task not in gone for task in tasks)


def _webhooks(change: FlowChange, after: Flow | None) -> Iterator[Notice]:
    triggers = {trigger.id: trigger for trigger in (after.triggers if after else ())}
    for found in change.triggers:
        if found.type == _WEBHOOK and found.id in triggers and _is_told(found) and not is_template(triggers[found.id].model.key):
            yield Notice(Weight.DANGER, "the key of the webhook {} stands in the file: whoever can read it can start the flow", (found.id,))


def _is_told(change: TriggerChange) -> bool:
    return change.kind is Kind.ADDED or any(difference.path in ("key", "type") for difference in change.differences)


def _not_run(before: Flow | None, after: Flow | None) -> Iterator[Notice]:
    """This version has begun to refuse it."""
    if after is None or not after.unready or (before is not None and before.unready):
        return
    what = after.unready[0].what
    line, column = after.unready[0].place
    yield Notice(Weight.BREAKING, f"no execution of it is started: {what}, at {line}:{column}, is not run by this version")
