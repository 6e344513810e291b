"""Work that is done again: what failed runs once more, and what followed the failure has never been.

A retry does so while the execution goes on. A restart and a replay first mark what is to be done (`mark`: a new attempt that has not begun), and go on from the
marks (`go_on`), so that an execution may have to wait for its turn in between. Only what made a group fail is done again: what was allowed to fail stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from service.engine import order
from service.engine.commands import Unwake
from service.engine.execution import Attempt, TaskRun
from service.engine.program import BESIDE, Turn
from service.engine.state import Stamp, State
from service.engine.step import Making, as_child

Below = dict[str | None, list[TaskRun]]  #: task runs by their parents, in the order in which they were started

#: Ends that a restart does again.
_BAD = order.STOPS - {State.RETRYING}


# retries


def once_more(step: Making, run: TaskRun | None) -> None:
    """All that waits for another try in a group, or in the flow (None), is done again."""
    below = by_parent(step.below(run))
    if run is None:
        step.move_execution(State.RUNNING)
    groups: list[TaskRun | None] = [run]
    while groups:
        group = groups.pop(0)
        children = _main(step, group, below)
        again = [child for child in children if child.state is State.RETRYING]
        for child in again:
            step.put(_now(step, child).to(State.RUNNING, step.now))
        groups += [child for child in again if not step.is_leaf(child) and child.id not in step.gone]
        _resume(step, group, children)
        for child in again:
            if step.is_leaf(child) and child.id not in step.gone:
                step.put(_now(step, child).opened(step.now))
                step.launch(step.runs[child.id])


# restarts and replays


def copied(step: Making, run: TaskRun | None) -> None:
    """In a copy of another execution: takes out all that followed a task run and marks it, or (None) marks what failed. What was open is done again."""
    runs, forced = step.below(None), list[str]()
    if run is not None:
        lineage = [*step.path.runs][::-1]
        forced = [each.id for each in lineage]
        below = by_parent(runs)
        for each in lineage:
            parent = step.runs[each.parent] if each.parent else None
            _drop_later(step, parent, _main(step, parent, below), {each.id}, below)
        _forget(step, below.get(run.id, ()), below)
    mark(step, [each for each in runs if each.id not in step.gone], forced, fresh=True)


def mark(step: Making, runs: Sequence[TaskRun], forced: Collection[str] = (), *, fresh: bool = False) -> list[str | None]:
    """Gives everything that is to be done again a new attempt, and forgets what failures have started. `runs` are all task runs; `forced` are done again
    whatever they came to; in a copy (`fresh`) so are those that have not ended. Gives the groups that have to look at their children again."""
    redo, below = _redo(step, runs, forced, fresh=fresh), by_parent(runs)
    touched: list[str | None] = []
    groups: list[TaskRun | None] = [None]
    while groups:
        group = groups.pop()
        children = _main(step, group, below)
        _drop_later(step, group, children, redo, below)  # there is such only where somebody has changed a state
        again = [child for child in children if child.id in redo and child.id not in step.gone]
        if again:
            touched.append(group.id if group else None)
        elif group is not None and (not children or (group.state.terminal and group.state is not State.KILLED)):
            _forget(step, below.get(group.id, ()), below)  # it failed by itself: it begins anew
        for child in again:
            if child.state.terminal or fresh:
                step.put(_opened(step, child, fresh=fresh))
        groups += [child for child in again if not step.is_leaf(child)]
    return touched


def go_on(step: Making, touched: Collection[str | None] = ()) -> None:
    """Everything marked is done: groups look at their children again, or begin where they have none, and tasks begin. `touched` are groups that are open and
    look, too."""
    runs = step.below(None)
    below = by_parent(runs)
    leaves = [run for run in runs if step.is_leaf(run) and run.state is State.RESTARTED]
    groups = [run for run in runs if not step.is_leaf(run) and (_is_marked(run) or (run.id in touched and not run.state.terminal))]
    root = step.execution.state is State.RESTARTED or None in touched
    if step.execution.state is State.RESTARTED:
        step.move_execution(State.RUNNING)
    for group in (*([None] if root else []), *groups):
        if group is not None and group.id in step.gone:
            continue
        children = _main(step, group, below)
        if group is None or children or (step.node(group).model.CALLS and group.memory):
            _resume(step, group, children)
        else:
            step.admit(_now(step, group))
    for leaf in leaves:
        if leaf.id not in step.gone:
            step.admit(_now(step, leaf))


def forget_handlers(step: Making, groups: Iterable[TaskRun | None], below: Below) -> None:
    """What these groups did in `errors` and `finally` has never been."""
    for group in groups:
        _main(step, group, below)


def by_parent(runs: Iterable[TaskRun]) -> Below:
    """Task runs by the groups that they are in."""
    below: Below = defaultdict(list)
    for run in runs:
        below[run.parent].append(run)
    return below


def beside(step: Making, run: TaskRun) -> str | None:
    """The list that a task stands in, where that does not decide how its group ends."""
    branches = step.node(step.runs.get(run.parent) if run.parent else None).branches
    return next((name for name in BESIDE if any(step.node(run) is each for each in branches.get(name, ()))), None)


def _redo(step: Making, runs: Sequence[TaskRun], forced: Collection[str], *, fresh: bool) -> set[str]:
    """What is to be done again: what ended badly; and open groups that hold such, in a copy all that is open."""
    asides = {id(each) for node in (step.program.root, *step.program.nodes.values()) for name in BESIDE for each in node.branches.get(name, ())}
    redo, holding = set[str](), set[str | None]()
    for run in reversed(runs):
        wanted = run.state in _BAD if run.state.terminal else fresh or run.id in holding
        if wanted or run.id in forced:
            redo.add(run.id)
            if id(step.node(run)) not in asides:
                holding.add(run.parent)
    return redo


def _opened(step: Making, run: TaskRun, *, fresh: bool) -> TaskRun:
    """A task run with an attempt that has not begun."""
    leaf = step.is_leaf(run)
    state = State.RESTARTED if leaf or not fresh else State.RUNNING
    if not fresh:
        step.commands.append(Unwake(run.id))
    elif not leaf and step.node(run).model.CALLS:
        run = replace(run, memory={})  # its executions are those of the one that this is a copy of
    if run.state.terminal:
        return run.reopened(state, step.now)
    fresh_attempt = Attempt(run.attempt.number, (Stamp(State.CREATED, step.now),))
    return replace(run, calls=0).with_attempt(fresh_attempt).to(state, step.now)


def _is_marked(run: TaskRun) -> bool:
    """Whether a group has an attempt that has not begun; one at a breakpoint has not begun for that reason."""
    return not run.state.terminal and run.attempt.state is State.CREATED and run.state is not State.BREAKPOINT


def _drop_later(step: Making, group: TaskRun | None, children: Sequence[TaskRun], ids: Collection[str], below: Below) -> None:
    """Forgets what followed some of a group's children."""
    these = [index for index, child in enumerate(children) if child.id in ids]
    if not these:
        return
    later: Collection[int] = range(these[0] + 1, len(children))
    if group is not None:
        node = step.node(group)
        later = cast(Any, node.model).later(node, group.memory, [as_child(step, child) for child in children], these)
    _forget(step, [children[index] for index in later], below)


def _main(step: Making, group: TaskRun | None, below: Below) -> list[TaskRun]:
    """The children of a group that decide how it ends. Those that its end or a failure has started are forgotten, with all below them."""
    branches = step.node(group).branches
    after = step.program.after.branches["tasks"] if group is None and step.program.after else ()
    handlers = {id(each) for each in (*branches.get("errors", ()), *branches.get("finally", ()), *after)}
    others = {id(each) for name in ("onPause", "onWait") for each in branches.get(name, ())}
    children = [child for child in below.get(group.id if group else None, ()) if child.id not in step.gone]
    _forget(step, [child for child in children if id(step.node(child)) in handlers], below)
    return [_now(step, child) for child in children if id(step.node(child)) not in handlers | others]


def _forget(step: Making, runs: Iterable[TaskRun], below: Below) -> None:
    gone = list(runs)
    while gone:
        run = gone.pop()
        gone += below.get(run.id, [])
        step.forget(run)


def _now(step: Making, run: TaskRun) -> TaskRun:
    """A task run as this step has it."""
    return step.runs.get(run.id, run)


def _resume(step: Making, group: TaskRun | None, children: Sequence[TaskRun]) -> None:
    """Puts a group back to where its children stand."""
    shown = [as_child(step, _now(step, child)) for child in children]
    if group is None:
        step.take(None, order.resume(step.program.root, step.execution.memory, shown))
        return
    node, known = step.node(group), _now(step, group)
    if known.state in (State.RETRYING, State.RESTARTED):
        known = known.to(State.RUNNING, step.now)
    if known.attempt.state is State.CREATED:
        known = known.with_attempt(known.attempt.to(State.RUNNING, step.now))
    step.put(known)
    memory = {**known.memory, "held": known.attempt.holds} if node.holds else known.memory
    step.decide(known, lambda ask: cast(Turn, cast(Any, node.model).resume(node, memory, shown, ask)))
