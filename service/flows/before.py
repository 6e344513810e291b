"""Whether a task's outputs are there where they are read: what runs before what, as far as the file says.

Tasks of a list run one after another; those of Parallel side by side, of a Dag after what they depend on; a handler after what it handles; of the branches of
If, Switch and Approval only one. What has no order is doubted, what is in the wrong order is refused only where nothing can make it right: neither a loop,
whose last pass has left outputs, nor anything that may leave the reading place out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.expressions import Reference
from service.flows.document import TASK_LISTS
from service.flows.known import source_of
from service.flows.outline import FLOW, HANDLERS, UNKNOWN, Step
from service.flows.problems import Severity, escaped
from service.flows.site import Declared, Site

_PARALLEL, _LOOP, _ALLOW_FAILURE = f"{FLOW}Parallel", f"{FLOW}Loop", f"{FLOW}AllowFailure"
#: Those that look at their children's outputs when these have run.
_LOOKING_BACK = frozenset({f"{FLOW}LoopUntil", _LOOP})
_CHOICES = frozenset({"then", "else", "cases", "defaults", "onApprove", "onDeny"})
_BELOW = "put it below that task"


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why outputs may not be there. `sure`: as far as order goes they never are; `choice`: it depends on what is chosen elsewhere."""

    why: str
    hint: str = "read it with `?? ''` where it may be missing"
    sure: bool = False
    choice: bool = False
    code: str = "HG-0307"


def check_order(site: Site, reference: Reference) -> None:
    """`outputs.x` of a task that exists, in a property of a task."""
    reader = site.owner
    source = source_of(site, reference) if len(reference.path) > 1 else None
    if not isinstance(reader, Step) or source is None or _is_above(source, reader) or site.forgives(reference):
        return
    line = reader.lineage()
    if any(step.disabled for step in line):
        return
    doubt = _doubt(line, source.lineage(), site)
    if doubt is None:
        return
    chooses = site.chooses
    certain = doubt.sure and not chooses and not _may_be_left_out(line, site)
    if not doubt.sure and (chooses or (doubt.choice and _is_chosen(line, site))):
        return
    site.note(doubt.code, reference, f"`{escaped(source.id)}` {doubt.why}", doubt.hint, Severity.ERROR if certain else Severity.WARNING)


def _is_above(source: Step, reader: Step) -> bool:
    """The usual case: both in one list, whose tasks run one after another, in this order."""
    (parent, branch, number), (other, other_branch, other_number) = reader.spot, source.spot
    if parent is not other or branch != other_branch or other_number >= number or source.disabled:
        return False
    return parent is None or (parent.info is not None and parent.form not in ("fork", "graph"))


def _doubt(mine: Sequence[Step], theirs: Sequence[Step], site: Site) -> _Doubt | None:
    """About the outputs of the last of `theirs`, read by the last of `mine`."""
    disabled = next((step for step in theirs if step.disabled), None)
    if disabled is not None:
        return _Doubt("is disabled, so it has no outputs" if disabled is theirs[-1] else f"has no outputs: `{escaped(disabled.id)}`, around it, is disabled")
    shared = sum(1 for one, other in zip(mine, theirs, strict=False) if one is other)
    if shared == len(theirs):
        return _of_itself(mine) if shared == len(mine) else None
    if shared == len(mine):
        return None if mine[-1].info is None or mine[-1].type in _LOOKING_BACK else _before_children(mine, site)
    return _of_neighbours(mine, theirs, shared, site.declared)


def _of_itself(line: Sequence[Step]) -> _Doubt | None:
    reader = line[-1]
    if reader.info is None or reader.info.runs == "flowable":
        return None
    return _Doubt(
        "is this task itself: it has outputs only when it has ended", "a task reads what others have left", sure=not _repeats(line[:-1]), code="HG-0306"
    )


def _before_children(line: Sequence[Step], site: Site) -> _Doubt | None:
    """A flowable decides by its properties before its children run; other properties than that may be looked at afterwards."""
    if site.key not in ("condition", "value", "values", "runIf", "when"):
        return None
    return _Doubt(f"runs inside of `{escaped(line[-1].id)}`, after this has been decided", _BELOW, sure=not _repeats(line[:-1]), code="HG-0306")


def _of_neighbours(mine: Sequence[Step], theirs: Sequence[Step], shared: int, declared: Declared) -> _Doubt | None:
    """Two tasks with a common parent, or the flow: the one that leads to the reader, and the one that leads to the source."""
    one, other = mine[shared], theirs[shared]
    parent = one.spot.parent
    if UNKNOWN in (one.spot.branch, other.spot.branch) or (parent is not None and parent.info is None):
        return None
    if one.spot.branch != other.spot.branch:
        return _of_branches(one, other, mine[:shared])
    form = parent.form if parent is not None and one.spot.branch == "tasks" else ""
    if parent is not None and form == "fork" and not _is_one_by_one(parent):
        return _Doubt("runs side by side with this: it may not have ended", "put both into a Sequential, one after the other")
    if form == "graph":
        return _of_dag(one, other, mine[:shared], declared) or _optional(theirs[shared:])
    if other.spot.number > one.spot.number:
        return _later(mine[:shared])
    return _optional(theirs[shared:])


def _is_one_by_one(parallel: Step) -> bool:
    """Tasks side by side of which there is one at a time are a list."""
    return parallel.type == _PARALLEL and str(parallel.own.get("concurrent")) == "1"


def _of_branches(one: Step, other: Step, around: Sequence[Step]) -> _Doubt | None:
    here, there = one.spot.list, other.spot.list
    if here in _CHOICES and there in _CHOICES:
        parent = escaped(one.spot.parent.id) if one.spot.parent else ""
        return _Doubt(f"stands in another branch of `{parent}`: when this runs, it has not run")
    if here in HANDLERS and there not in HANDLERS:
        return None
    stages = list(one.spot.parent.info.branches) if one.spot.parent is not None and one.spot.parent.info else TASK_LISTS
    if here in stages and there in stages and stages.index(there) > stages.index(here):
        return _later(around)
    return None


def _of_dag(one: Step, other: Step, around: Sequence[Step], declared: Declared) -> _Doubt | None:
    waiting = declared.waiting(around[-1])
    after, before = waiting.waits(one.id, other.id), waiting.waits(other.id, one.id)
    if after or after is None or before is None:
        return None
    if before:
        return _later(around)
    hint = f"add `{escaped(other.id)}` to the `dependsOn` of `{escaped(one.id)}`"
    return _Doubt(f"may not have ended: `{escaped(one.id)}` does not depend on it", hint)


def _later(around: Sequence[Step]) -> _Doubt:
    if _repeats(around):
        return _Doubt("runs later: in the first pass it has no outputs yet", code="HG-0306")
    return _Doubt("runs later, so it has no outputs yet", _BELOW, sure=True, code="HG-0306")


def _optional(line: Sequence[Step]) -> _Doubt | None:
    """The first of these has run; whether the last has, which stands somewhere inside of it."""
    for step in line[1:]:
        parent, branch = step.spot.parent, step.spot.list
        name = escaped(parent.id) if parent is not None else ""
        if branch in _CHOICES or branch == "errors":
            return _Doubt(f"stands in `{escaped(step.spot.branch)}` of `{name}`, so it may not have run", choice=True)
        if parent is not None and parent.type == _LOOP and branch == "tasks":
            return _Doubt(f"runs in the iterations of `{name}`: outside, their outputs are `outputs.{name}.outputs`")
    return None


def _repeats(around: Sequence[Step]) -> bool:
    """Whether what stands in all of these may run again."""
    return any(step.loops or step.info is None for step in around)


def _may_be_left_out(line: Sequence[Step], site: Site) -> bool:
    """Whether something keeps the last of these from running, or its failure from failing the flow."""
    return (
        any(_gates(line, site))
        or any(step.common.get("allowFailure") not in (None, False) or step.type == _ALLOW_FAILURE for step in line)
        or any(step.spot.list in _CHOICES | HANDLERS for step in line)
    )


def _is_chosen(line: Sequence[Step], site: Site) -> bool:
    """Whether the reading place may be one that is reached only when the other has run."""
    return any(_gates(line, site)) or any(step.spot.list in _CHOICES for step in line)


def _gates(line: Sequence[Step], site: Site) -> Iterator[bool]:
    """Which of these may be skipped; the last one not when it is its condition that reads."""
    return (step.gate is not None and not (step is line[-1] and site.key in ("runIf", "when")) for step in line)
