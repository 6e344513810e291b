"""Groups whose tasks share a folder on one runner: what the runner that holds it says.

The folder is an attempt of the group's own, a job like any other: some runner takes it, makes the folder, and holds it for as long as the lease lasts. It ends
when the group has it closed or dropped. If it is lost before, so is all that the tasks have made of it, and no task goes on in an empty one: the group is told,
and begins again in a new folder. (Rule: ARCHITECTURE.md, "Runners".)
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from service.engine.commands import DropJob
from service.engine.events import Claimed, Ended, Lost, Opened
from service.engine.execution import TaskRun
from service.engine.program import Turn, Wakened
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from service.engine.step import Making


def heard(step: Making, run: TaskRun, event: Claimed | Opened | Ended | Lost) -> None:
    """What a runner says of the folder that it holds, or is to open. Of one that was dropped nobody wants to know."""
    if run.attempt.number != event.attempt or not run.attempt.holds or step.execution.state is State.KILLING:
        return
    match event:
        case Claimed():
            step.put(run.with_attempt(replace(run.attempt, runner=event.runner)))
        case Opened():
            _wake(step, run, Wakened("opened"))
        case Ended():
            _closed(step, run, event)
        case Lost():
            _lost(step, run, event)


def _closed(step: Making, run: TaskRun, event: Ended) -> None:
    """It is gone, as it was told to; or it never came to be."""
    step.put(run.with_attempt(replace(run.attempt, holds=False)))
    _end_tasks(step, run, event.message)
    _wake(step, step.runs[run.id], Wakened("closed", event.outputs, state=event.state, message=event.message))


def _lost(step: Making, run: TaskRun, event: Lost) -> None:
    final = event.counts and sum(tried.lost for tried in run.attempts) + 1 >= LOST_LIMIT
    step.say("WARN", f"The folder that its tasks share {'is lost' if event.counts else 'was handed back'}: {event.message}", run)
    if final:
        message = f"the folder that its tasks share was lost {LOST_LIMIT} times with its runner; not tried again"
        step.put(run.with_attempt(replace(run.attempt, holds=False, lost=True)))
        _end_tasks(step, run, message)
        _wake(step, step.runs[run.id], Wakened("lost", message=message, final=True))
        return
    tried = step.through(replace(run.attempt, holds=False), State.FAILED, event.message)
    opened = run.with_attempt(replace(tried, lost=event.counts, returned=not event.counts)).opened(step.now)
    step.put(opened.with_attempt(opened.attempt.to(State.RUNNING, step.now)))
    _wake(step, step.runs[run.id], Wakened("lost", message=event.message))


def _end_tasks(step: Making, run: TaskRun, message: str | None) -> None:
    """Ends the tasks that are under way in a folder which is no more."""
    tasks = step.node(run).branches["tasks"]
    for each in step.below(run):
        if not each.state.terminal and any(step.node(each) is one for one in tasks):
            step.commands.append(DropJob(each.id, each.attempt.number))
            step.put(step.ended(each, State.FAILED, step.through(each.attempt, State.FAILED, message)))


def _wake(step: Making, run: TaskRun, why: Wakened) -> None:
    node = step.node(run)
    step.decide(run, lambda ask: cast(Turn, node.model.wake(node, run.memory, why, ask)))
