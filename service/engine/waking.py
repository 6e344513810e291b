"""Ends of attempts, and timers that have come."""

from __future__ import annotations

from service.engine import again, limits, watching
from service.engine.events import Ended
from service.engine.execution import TaskRun
from service.engine.program import Wakened
from service.engine.reopen import once_more
from service.engine.state import State
from service.engine.step import Making


def ended(step: Making, run: TaskRun, event: Ended) -> None:
    """A task's attempt is over; what an older one says counts for nothing."""
    if run.attempt.number != event.attempt or run.attempt.state.terminal:
        return
    state = State.KILLED if step.execution.state is State.KILLING else event.state
    step.attempt_over(run, state, event.message, event.outputs)


def due(step: Making, run: TaskRun, kind: str) -> None:
    """A timer of a task run has come. While somebody has paused the execution, only what was begun ends."""
    if kind != again.RETRY and step.is_leaf(run):
        ended(step, run, Ended(run.attempt.number, State.SUCCESS))
    elif step.execution.held is not None:
        step.hold(run, kind)
    elif kind != again.RETRY:
        step.wake(run, Wakened(kind))
    elif run.state is State.RETRYING and step.is_leaf(run):
        step.put(run.to(State.RUNNING, step.now).opened(step.now))
        step.launch(step.runs[run.id])
    elif run.state is State.RETRYING:
        once_more(step, run)


def flow_due(step: Making, kind: str) -> None:
    """A timer of the execution has come."""
    if kind == limits.BEGIN:
        limits.begin(step)
    elif kind.startswith(watching.OVERDUE):
        watching.overdue(step, kind)
    elif kind == again.RETRY and step.execution.state is State.RETRYING:
        once_more(step, None)
