"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from service.engine import again, folders, limits, watching
from service.engine.events import Began, ChildMoved, Claimed, Due, Ended, Event, Forced, Freed, Killed, Lost, Opened, Resumed, Unqueued
from service.engine.execution import Path, TaskRun
from service.engine.kill import end_when_quiet, kill
from service.engine.program import Program, Turn, Wakened
from service.engine.record import Step, World
from service.engine.resume import once_more
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from service.engine.step import Making


def advance(program: Program, path: Path, event: Event, world: World) -> Step:
    """What follows from `event`."""
    step = Making(program, path, world)
    if not path.runs:
        _of_all(step, event)
    elif not path.runs[-1].state.terminal:
        _of_run(step, path.runs[-1], event)
    return step.result()


def _of_run(step: Making, run: TaskRun, event: Event) -> None:
    """What follows from something that a task run hears while it is open."""
    match event:
        case ChildMoved():
            _child_moved(step, run, event)
        case Due(kind):
            _due(step, run, kind)
        case Resumed(given, by):
            step.wake(run, Wakened("resumed", given, by))
        case Claimed() | Opened() | Ended() | Lost():
            _told(step, run, event)


def _of_all(step: Making, event: Event) -> None:
    """What happens to the execution as a whole."""
    match event:
        case Began():
            limits.created(step)
        case Freed():
            limits.freed(step)
        case Unqueued(state, by):
            limits.unqueued(step, state, by)
        case Forced(by):
            limits.forced(step, by)
        case Killed(by, cascade):
            kill(step, by, cascade=cascade)
        case Due(kind):
            _flow_due(step, kind)


def _told(step: Making, run: TaskRun, event: Claimed | Opened | Ended | Lost) -> None:
    """What a runner says."""
    match event:
        case _ if not step.is_leaf(run):
            folders.heard(step, run, event)
        case Claimed(attempt, runner):
            _claimed(step, run, attempt, runner)
        case Ended():
            _ended(step, run, event)
        case Lost():
            _lost(step, run, event)


def _claimed(step: Making, run: TaskRun, attempt: int, runner: str) -> None:
    if run.attempt.number == attempt and run.attempt.state is State.CREATED:
        tried = run.attempt.to(State.RUNNING, step.now, runner=runner)
        step.put(run.to(State.RUNNING, step.now).with_attempt(tried))


def _ended(step: Making, run: TaskRun, event: Ended) -> None:
    if run.attempt.number != event.attempt or run.attempt.state.terminal:
        return
    state = State.KILLED if step.execution.state is State.KILLING else event.state
    step.attempt_over(run, state, event.message, event.outputs)


def _lost(step: Making, run: TaskRun, event: Lost) -> None:
    if run.attempt.number != event.attempt or run.attempt.state.terminal:
        return
    if step.execution.state is State.KILLING:
        step.close(run, State.KILLED, event.message, {})
        return
    step.say("WARN", f"Attempt {event.attempt} {'is lost' if event.counts else 'was handed back'}: {event.message}", run)
    if event.counts and sum(tried.lost for tried in run.attempts) + 1 >= LOST_LIMIT:
        step.close(run, State.FAILED, f"lost {LOST_LIMIT} times with its runner; not tried again", {})
        return
    tried = replace(step.through(run.attempt, State.FAILED, event.message), lost=event.counts, returned=not event.counts)
    again = run.with_attempt(tried).opened(step.now)
    step.put(again)
    step.queue(again)


def _child_moved(step: Making, run: TaskRun, event: ChildMoved) -> None:
    if run.attempt.number != event.attempt or not run.calls:
        return
    if not event.open:
        run = replace(run, calls=run.calls - 1)
        step.put(run)
    if step.execution.state is State.KILLING:
        end_when_quiet(step)
        return
    node = step.node(run)
    step.decide(run, lambda ask: cast(Turn, node.model.called(node, run.memory, event, ask)))


def _due(step: Making, run: TaskRun, kind: str) -> None:
    if kind != again.RETRY and not step.is_leaf(run):
        step.wake(run, Wakened(kind))
    elif kind != again.RETRY:
        _ended(step, run, Ended(run.attempt.number, State.SUCCESS))
    elif run.state is State.RETRYING and step.is_leaf(run):
        step.put(run.to(State.RUNNING, step.now).opened(step.now))
        step.launch(step.runs[run.id])
    elif run.state is State.RETRYING:
        once_more(step, run)


def _flow_due(step: Making, kind: str) -> None:
    if kind == limits.BEGIN:
        limits.begin(step)
    elif kind.startswith(watching.OVERDUE):
        watching.overdue(step, kind)
    elif kind == again.RETRY and step.execution.state is State.RETRYING:
        once_more(step, None)
