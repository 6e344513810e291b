"""A changed flow in one cell of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from service.flows.markup import cell
from service.flows.plan_values import FlowChange, Kind, TriggerChange, Use, UseChange

_MOST, _MOST_NAMED = 8, 3
_NAMES = {
    Use.SECRET: "secret",
    Use.KV_READ: "key read",
    Use.KV_WRITTEN: "key written",
    Use.IMAGE: "image",
    Use.RUNNER: "task runner",
    Use.DANGER: "option",
    Use.SUBFLOW: "subflow",
    Use.NAMESPACE: "namespace of subflows",
    Use.WEBHOOK: "webhook",
}
#: Uses that a reader of the table looks for; the others are in the details.
_TOLD = (Use.SECRET, Use.IMAGE, Use.RUNNER, Use.DANGER, Use.SUBFLOW)


def in_short(change: FlowChange) -> str:
    """What differs, in Markdown for a cell."""
    parts = list(_parts(change))
    more = [f"and {len(parts) - _MOST} more"] if len(parts) > _MOST else []
    return "; ".join([*parts[:_MOST], *more])


def _parts(change: FlowChange) -> Iterator[str]:
    if change.was is not None:
        yield f"was {cell('.'.join(change.was))}"
    if change.moved and change.path_before and change.path_after:
        yield f"file {cell(change.path_before)} → {cell(change.path_after)}"
    elif change.kind is Kind.UNREAD:
        yield f"file {cell(change.path_after or '')} is wrong"
    if change.kind is Kind.TEXT:
        yield _without_effect(change.without_effect)
    yield from _counted("task", (kind for task in change.tasks for kind in task.kinds))
    if change.order:
        yield "other order of tasks"
    yield from (_trigger(trigger) for trigger in change.triggers)
    yield from _counted("input", (part.kind for part in change.inputs))
    yield from _counted("output", (part.kind for part in change.outputs))
    if change.settings and change.kind is not Kind.REMOVED:
        yield ", ".join(dict.fromkeys(cell(setting.path.split(".")[0].split("[")[0]) for setting in change.settings))
    yield from (used(use, cell) for use in change.uses if use.use in _TOLD and change.kind is not Kind.REMOVED)


def _without_effect(paths: Sequence[str]) -> str:
    if not paths:
        return "no effect: comments, spelling or the order of keys"
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"no effect: {', '.join(map(cell, paths[:_MOST_NAMED]))}{more}"


def _counted(noun: str, kinds: Iterable[Kind]) -> Iterator[str]:
    counts = Counter(kinds)
    if counts:
        total = ", ".join(f"{counts[kind]} {kind.value}" for kind in Kind if counts[kind])
        yield f"{noun}s: {total}"


def _trigger(change: TriggerChange) -> str:
    before, after = change.before, change.after
    if before and after and (before.words, before.timezone) != (after.words, after.timezone):
        zones = (f" ({side.timezone})" if before.timezone != after.timezone else "" for side in (before, after))
        old, new = (f"{side.words}{zone}" for side, zone in zip((before, after), zones, strict=True))
        return f"{cell(change.id)}: {old} → {new}"
    if before and after and before.off != after.off:
        return f"{cell(change.id)} turned {'off' if after.off else 'on'}"
    words = f" ({(after or before).words})" if change.kind is not Kind.CHANGED and (after or before) else ""  # type: ignore[union-attr]  # one of them is there
    return f"trigger {cell(change.id)} {change.kind.value}{words}"


def used(change: UseChange, shown: Callable[[str], str]) -> str:
    """A use in Markdown: `secret X added`. `shown` makes names fit for where it stands."""
    noun = _NAMES[change.use]
    if change.before and change.after:
        return f"{noun} {shown(change.before)} → {shown(change.after)}"
    return f"{noun} {shown(change.after or change.before or '')} {'added' if change.after else 'removed'}"
