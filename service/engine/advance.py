"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from service.engine import again, folders, order
from service.engine.events import Began, Claimed, Due, Ended, Event, Killed, Lost, Opened, Resumed
from service.engine.execution import Path, TaskRun
from service.engine.kill import kill
from service.engine.program import Program, Turn, Wakened
from service.engine.record import Step, World
from service.engine.resume import once_more
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from service.engine.step import Making

#: The kind of timer at which an execution begins.
BEGIN = "begin"


def advance(program: Program, path: Path, event: Event, world: World) -> Step:
    """What follows from `event`."""
    step = Making(program, path, world)
    run = path.runs[-1] if path.runs else None
    match event:
        case Began():
            _begin(step)
        case Killed(by):
            kill(step, by)
        case Due(kind) if run is None:
            _flow_due(step, kind)
        case _ if run is None or run.state.terminal:
            pass
        case Due(kind):
            _due(step, run, kind)
        case Resumed(given, by):
            _wake(step, run, Wakened("resumed", given, by))
        case Claimed() | Opened() | Ended() | Lost():
            _told(step, run, event)
    return step.result()


def _begin(step: Making) -> None:
    if step.execution.state is State.CREATED:
        step.move_execution(State.RUNNING)
        step.take(None, order.begin(step.program.root))


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


def _due(step: Making, run: TaskRun, kind: str) -> None:
    if kind != again.RETRY and not step.is_leaf(run):
        _wake(step, run, Wakened(kind))
    elif kind != again.RETRY:
        _ended(step, run, Ended(run.attempt.number, State.SUCCESS))
    elif run.state is State.RETRYING and step.is_leaf(run):
        step.put(run.to(State.RUNNING, step.now).opened(step.now))
        step.launch(step.runs[run.id])
    elif run.state is State.RETRYING:
        once_more(step, run)


def _wake(step: Making, run: TaskRun, why: Wakened) -> None:
    node = step.node(run)
    if run.state is State.PAUSED and not step.is_leaf(run):
        step.decide(run, lambda ask: cast(Turn, node.model.wake(node, run.memory, why, ask)))


def _flow_due(step: Making, kind: str) -> None:
    if kind == BEGIN:
        _begin(step)
    elif kind == again.RETRY and step.execution.state is State.RETRYING:
        once_more(step, None)
