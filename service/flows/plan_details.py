"""One changed flow in full, as a collapsed part of a comment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TypeVar

from runners.times import zone
from service.flows.markup import code, fenced
from service.flows.plan_summary import used
from service.flows.plan_uses import short_type
from service.flows.plan_values import Difference, FlowChange, Kind, LineChange, PartChange, TaskChange, TaskPlace, Timetable, TriggerChange

_MOST_TASKS, _MOST_PROPERTIES, _MOST_OTHERS = 40, 15, 25
#: No flow takes more of a comment than this, in characters; with less than that none is begun.
_LONGEST, _SHORTEST = 15_000, 400
_NOTHING = "–"

Part = TypeVar("Part")


def has_details(change: FlowChange) -> bool:
    """Whether there is more to say than what the table says."""
    parts = (change.tasks, change.order, change.triggers, change.inputs, change.outputs, change.settings, change.uses, change.without_effect)
    return any(parts)


def details(change: FlowChange, title: str, room: int) -> str:
    """A `details` element of at most so many characters, with what fits into it; empty where nothing would. `title` is HTML."""
    room = min(room, _LONGEST)
    opening, closing = f"<details><summary>{title}</summary>\n", "\n</details>"
    room -= len(opening) + len(closing) + 60
    if room < _SHORTEST:
        return ""
    kept: list[str] = []
    units = list(_units(change))
    for unit in units:
        room -= len(unit) + 1
        if room < 0:
            break
        kept.append(unit)
    left_out = len(units) - len(kept)
    if left_out:
        kept.append(f"\n… and {left_out:,} more lines.")
    return "\n".join([opening, *kept, closing])


def _units(change: FlowChange) -> Iterator[str]:
    """The lines, and blocks of lines that belong together, the essential first."""
    if change.was is not None:
        yield f"- was {code('.'.join(change.was))}"
    if change.path_after or change.path_before:
        before = f"{code(change.path_before)} → " if change.moved and change.path_before else ""
        yield f"- file {before}{code(change.path_after or change.path_before or '')}"
    yield from _section("Triggers", change.triggers, _trigger)
    yield from _section("Inputs", change.inputs, _part)
    yield from _section("Uses", change.uses, lambda use: [f"- {used(use, code)}{_of(use.tasks)}"])
    yield from _section("Tasks", change.tasks, _task, _MOST_TASKS)
    yield from _section("Order", change.order, lambda order: [f"- in {code(order.place)} another place for {_names(order.tasks)}"])
    yield from _section("Outputs", change.outputs, _part)
    yield from _section("Settings", change.settings, lambda setting: _property(setting, ""))
    yield from _section("Depends on it", change.dependents, lambda other: [f"- {code('.'.join(other.identity))} {other.how} it"])
    yield from _section("Without effect", change.without_effect, lambda path: [f"- {code(path)}"])


def _section(title: str, parts: Sequence[Part], lines: Callable[[Part], Iterable[str]], most: int = _MOST_OTHERS) -> Iterator[str]:
    if parts:
        yield f"\n**{title}**\n"
    for part in parts[:most]:
        yield from lines(part)
    if len(parts) > most:
        yield f"- … and {len(parts) - most:,} more"


def _of(tasks: Sequence[str]) -> str:
    return f" ({_names(tasks)})" if tasks else ""


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_PROPERTIES:,} more" if len(names) > _MOST_PROPERTIES else ""
    return ", ".join(map(code, names[:_MOST_PROPERTIES])) + more


# properties


def _properties(found: Sequence[Difference], indent: str) -> Iterator[str]:
    found = sorted(found, key=lambda difference: difference.lines is not None)  # a block ends the list that it stands in
    for difference in found[:_MOST_PROPERTIES]:
        yield from _property(difference, indent)
    if len(found) > _MOST_PROPERTIES:
        yield f"{indent}- … and {len(found) - _MOST_PROPERTIES:,} more"


def _property(difference: Difference, indent: str) -> Iterator[str]:
    path = code(difference.path)
    if difference.lines is not None:
        yield f"{indent}- {path}: {_lines_words(difference.lines)}\n\n{_excerpt(difference.lines)}\n"
    elif difference.before is None:
        yield f"{indent}- {path}: {code(difference.after or '')} added"
    elif difference.after is None:
        yield f"{indent}- {path}: {code(difference.before)} removed"
    elif difference.before == difference.after:
        yield f"{indent}- {path}: differs"
    else:
        yield f"{indent}- {path}: {code(difference.before)} → {code(difference.after)}"


def _lines_words(lines: LineChange) -> str:
    return ", ".join(f"{count:,} {'line' if count == 1 else 'lines'} {word}" for count, word in ((lines.added, "added"), (lines.removed, "removed")) if count)


def _excerpt(lines: LineChange) -> str:
    more = f"\n\n… and {lines.more:,} more lines" if lines.more else ""
    return f"{fenced(lines.excerpt, 'diff')}{more}"


# parts


def _task(change: TaskChange) -> Iterator[str]:
    one, other = change.before, change.after
    here = other or one
    if here is None:
        return
    kinds = " and ".join(kind.value for kind in change.kinds)
    yield f"- {code(here.id)} ({code(_shorter(here.type))}) {kinds}{_where(change.kinds, one, other)}"
    yield from _properties(change.differences, "  ")


def _shorter(type: str) -> str:
    """The last two parts of a type's name, which tell it from its neighbours."""
    return ".".join(type.split(".")[-2:])


def _where(kinds: Sequence[Kind], before: TaskPlace | None, after: TaskPlace | None) -> str:
    if before is None or after is None:
        place = before or after
        return f", in {code(place.place)}" if place and place.place != "tasks" else ""
    was = f", was {code(before.id)}" if Kind.RENAMED in kinds else ""
    return f"{was}, from {code(before.place)} to {code(after.place)}" if Kind.MOVED in kinds else was


def _part(change: PartChange) -> Iterator[str]:
    yield f"- {code(change.id)} {change.kind.value}{f': **{change.breaking}**' if change.breaking else ''}"
    if change.kind is not Kind.REMOVED:
        yield from _properties(change.differences, "  ")


def _trigger(change: TriggerChange) -> Iterator[str]:
    yield f"- {code(change.id)} ({code(short_type(change.type))}) {change.kind.value}{_schedule_words(change)}"
    yield from _properties(change.differences, "  ")
    if change.before or change.after:
        yield from _firings(change.before, change.after)


def _schedule_words(change: TriggerChange) -> str:
    words = list(dict.fromkeys(_words(side) for side in (change.before, change.after) if side))
    return f": {' → '.join(words)}" if words else ""


def _words(times: Timetable) -> str:
    return f"{times.words} ({times.timezone}){', turned off' if times.off else ''}"


def _firings(before: Timetable | None, after: Timetable | None) -> Iterator[str]:
    """The next firings, side by side; nothing where they are the same."""
    columns = [[_instant(firing, times.timezone) for firing in times.firings] if times else [] for times in (before, after)]
    if columns[0] != columns[1]:
        rows = [f"| {old} | {new} |" for old, new in zip_longest(*columns, fillvalue=_NOTHING)]
        yield "\n".join(["", "| next firings before | after |", "|---|---|", *rows, ""])


def _instant(moment: datetime, timezone: str) -> str:
    """In its zone, and in UTC where that is another time."""
    local = moment.astimezone(zone(timezone))
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    if not local.utcoffset():
        return f"{moment.astimezone(UTC):%Y-%m-%d {clock}} UTC"
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d {clock}} {offset[:3]}:{offset[3:5]}, {moment.astimezone(UTC):{clock}} UTC"
