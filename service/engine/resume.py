"""Failed work that is done again: what failed runs once more, and what followed the failure has never been."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from service.engine import order
from service.engine.execution import TaskRun
from service.engine.program import HANDLERS, Turn
from service.engine.state import State
from service.engine.step import Making, as_child


def once_more(step: Making, run: TaskRun | None) -> None:
    """All that waits for another try in a group, or in the flow (None), is done again."""
    below: dict[str | None, list[TaskRun]] = defaultdict(list)
    for each in step.below(run):
        below[each.parent].append(each)
    if run is None:
        step.move_execution(State.RUNNING)
    groups: list[TaskRun | None] = [run]
    while groups:
        group = groups.pop(0)
        children = _main_children(step, group, below)
        again = [child for child in children if child.state is State.RETRYING]
        _reopen(step, group, children)
        groups += [child for child in again if not step.is_leaf(child) and child.id not in step.gone]
        for child in again:
            if step.is_leaf(child) and child.id not in step.gone:
                step.put(step.runs.get(child.id, child).opened(step.now))
                step.launch(step.runs[child.id])


def _main_children(step: Making, group: TaskRun | None, below: dict[str | None, list[TaskRun]]) -> list[TaskRun]:
    """The children of a group that stay; those that a failure has started are forgotten, with all below them."""
    node = step.node(group)
    stay: list[TaskRun] = []
    handlers = {id(each) for name in HANDLERS for each in node.branches.get(name, ())}
    gone: list[TaskRun] = []
    for child in below.get(group.id if group else None, []):
        (gone if id(step.node(child)) in handlers else stay).append(child)
    while gone:
        child = gone.pop()
        gone += below.get(child.id, [])
        step.forget(child)
    return stay


def _reopen(step: Making, group: TaskRun | None, children: list[TaskRun]) -> None:
    """Puts a group back to where its children stand."""
    for child in children:
        if child.state is State.RETRYING:
            step.put(step.runs.get(child.id, child).to(State.RUNNING, step.now))
    shown = [as_child(step, step.runs.get(child.id, child)) for child in children]
    if group is None:
        step.take(None, order.resume(step.program.root, step.execution.memory, shown))
        return
    node, known = step.node(group), step.runs.get(group.id, group)
    if known.state is State.RETRYING:
        known = known.to(State.RUNNING, step.now)
        step.put(known)

    def question(ask: Any) -> Turn:
        memory = {**known.memory, "held": known.attempt.holds} if node.holds else known.memory
        return cast(Turn, cast(Any, node.model).resume(node, memory, shown, ask))

    step.decide(known, question)
