"""A plan as one comment for a pull request: what to look at, a table of the flows, and each flow's details, collapsed.

The same plan is always the same text. It is cut, the essential first, and says what was left out; all that comes from a flow goes through `markup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.flows.markup import cell, code, summary
from service.flows.plan_details import details, has_details
from service.flows.plan_summary import in_short
from service.flows.plan_values import FlowChange, Kind, Notice, Plan, Weight

#: In characters. The forges take 65,536; what they put around it has its room.
LONGEST = 60_000
_MOST_NOTICES, _MOST_ROWS, _MOST_DETAILS = 25, 100, 100
#: How much of the whole the first two parts may take, and what is kept free for the words that end it.
_NOTICES_SHARE, _TABLE_SHARE, _REST = 0.25, 0.35, 120
#: What each flow's details may take at least, in characters, while there is room.
_SHARE = 2_500
_MARKS = {Weight.BREAKING: "**breaking**", Weight.DANGER: "**dangerous**", Weight.NOTE: "note"}
_COUNTED = {
    Kind.ADDED: "added",
    Kind.CHANGED: "changed",
    Kind.REMOVED: "removed",
    Kind.RENAMED: "renamed",
    Kind.MOVED: "moved to another file",
    Kind.TEXT: "changed in text only",
    Kind.UNREAD: "unreadable",
    Kind.REPAIRED: "readable again",
}


def as_markdown(plan: Plan, longest: int = LONGEST) -> str:
    """The comment, of at most so many characters (2,000 at least), ending with a newline."""
    longest = max(longest, 2_000)
    changes = sorted(plan.changes, key=_first)
    parts = [_title(plan)]
    if changes:
        parts += [_look(changes, int(longest * _NOTICES_SHARE)), _table(changes, int(longest * _TABLE_SHARE))]
    text = "\n\n".join(part for part in parts if part)
    return _with_details(text, changes, longest)


def _first(change: FlowChange) -> tuple[int, int, tuple[str, str]]:
    """What is dangerous or breaks something goes first, then what differs most."""
    weights, kinds = list(Weight), list(_ORDER)
    weight = min((weights.index(notice.weight) for notice in change.notices), default=len(weights))
    return weight, kinds.index(change.kind), change.identity


_ORDER = (Kind.REMOVED, Kind.RENAMED, Kind.CHANGED, Kind.ADDED, Kind.UNREAD, Kind.REPAIRED, Kind.MOVED, Kind.TEXT)


def _title(plan: Plan) -> str:
    counted = [f"{len(found)} {word}" for kind, word in _COUNTED.items() if (found := plan.of(kind))]
    unchanged = f" ({plan.unchanged:,} unchanged)" if plan.unchanged else ""
    return f"### Plan: {', '.join(counted) if counted else 'no flow differs'}{unchanged}"


def name(change: FlowChange) -> str:
    """The flow's full name."""
    return ".".join(change.identity)


def _look(changes: Iterable[FlowChange], room: int) -> str:
    found = [(change, notice) for change in changes for notice in change.notices]
    if not found:
        return ""
    found.sort(key=lambda each: list(Weight).index(each[1].weight))
    lines = [f"- {_MARKS[notice.weight]} {code(name(change))}: {told(notice)}" for change, notice in found]
    return "\n".join(["#### Look at this", "", *fitting(lines, room, _MOST_NOTICES, "- … and {} more")])


def told(notice: Notice) -> str:
    """A notice in Markdown."""
    return notice.words.format(*map(code, notice.names))


def _table(changes: Sequence[FlowChange], room: int) -> str:
    rows = [f"| {change.kind.value} | {cell(name(change))} | {in_short(change)} |" for change in changes]
    return "\n".join(["| change | flow | what |", "|---|---|---|", *fitting(rows, room, _MOST_ROWS, "| … | and {} more | |")])


def fitting(lines: Sequence[str], room: int, most: int, more: str) -> list[str]:
    """The first lines, as many as there is room for, and how many more there are."""
    kept: list[str] = []
    for line in lines[:most]:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left_out = len(lines) - len(kept)
    return [*kept, more.format(f"{left_out:,}")] if left_out else kept


def _with_details(text: str, changes: Sequence[FlowChange], longest: int) -> str:
    """The text and as many collapsed parts as there is room for. A large one leaves its share to those behind it."""
    blocks = [text]
    room = longest - len(text) - _REST
    shown = [change for change in changes if has_details(change)]
    for number, change in enumerate(shown):
        share = min(room, max(_SHARE, room // (len(shown) - number)))
        block = details(change, summary(f"{name(change)}: {change.kind.value}"), share) if number < _MOST_DETAILS else ""
        if not block:
            left_out = len(shown) - number
            blocks.append(f"… and {left_out:,} more {'flow' if left_out == 1 else 'flows'} without details here.")
            break
        blocks.append(block)
        room -= len(block) + 2
    return "\n\n".join(blocks) + "\n"
