"""Ends of attempts, and timers that have come."""

from __future__ import annotations

from dataclasses import replace

from service.engine import again, limits, watching
from service.engine.events import Ended
from service.engine.execution import TaskRun
from service.engine.program import RenderFailed, Wakened
from service.engine.reopen import once_more
from service.engine.state import State
from service.engine.step import Making

#: The kind of timer at which the time of an attempt is over that only waits.
TIMEOUT = "timeout"


def ended(step: Making, run: TaskRun, event: Ended) -> None:
    """A task's attempt is over; what an older one says counts for nothing."""
    if run.attempt.number != event.attempt or run.attempt.state.terminal:
        return
    state = State.KILLED if step.execution.state is State.KILLING else event.state
    step.attempt_over(filed(step, run, event.log_file), state, event.message, event.outputs)


def filed(step: Making, run: TaskRun, log_file: str | None) -> TaskRun:
    """The task run with the file that the log of its attempt went to."""
    if log_file is None:
        return run
    step.put(run.with_attempt(replace(run.attempt, log_file=log_file)))
    return step.runs[run.id]


def due(step: Making, run: TaskRun, kind: str) -> None:
    """A timer of a task run has come. While somebody has paused the execution, only what was begun ends."""
    if kind == TIMEOUT and step.is_leaf(run):
        _timed_out(step, run)
    elif kind != again.RETRY and step.is_leaf(run):
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


def _timed_out(step: Making, run: TaskRun) -> None:
    """The time of a task that only waits is over. Its `timeout` could be read when it began to wait."""
    written = step.node(run).timeout or ""
    try:
        told = f"the task timed out after {step.ask(run).text(written)}"
    except RenderFailed:
        told = "the task timed out"
    ended(step, run, Ended(run.attempt.number, State.FAILED, message=told))


def flow_due(step: Making, kind: str) -> None:
    """A timer of the execution has come."""
    if kind == limits.BEGIN:
        limits.begin(step)
    elif kind.startswith(watching.OVERDUE):
        watching.overdue(step, kind)
    elif kind == again.RETRY and step.execution.state is State.RETRYING:
        once_more(step, None)
