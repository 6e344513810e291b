"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from service.engine import again, order
from service.engine.commands import StartJob
from service.engine.events import Began, Claimed, Due, Ended, Event, Exited, Handed, Killed, Lost, Resumed
from service.engine.execution import Path, TaskRun
from service.engine.exit import leave
from service.engine.kill import kill
from service.engine.program import Program, RenderFailed, Turn, Wakened
from service.engine.record import Step, World
from service.engine.resume import once_more
from service.engine.state import State
from service.engine.step import Making

#: How often an attempt may be lost with its runner before the task fails: work that takes its runner down is not repeated for ever.
LOST_LIMIT = 3


#: The kind of timer at which an execution begins, and that of an attempt's `timeout`.
BEGIN, TIMEOUT = "begin", "timeout"


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
        case Claimed() | Ended() | Exited() | Handed() | Lost():
            _of_attempt(step, run, event)
        case Due(kind):
            _due(step, run, kind)
        case Resumed(given, by):
            _wake(step, run, Wakened("resumed", given, by))
    return step.result()


def _begin(step: Making) -> None:
    if step.execution.state is State.CREATED:
        step.move_execution(State.RUNNING)
        step.take(None, order.begin(step.program.root))


def _of_attempt(step: Making, run: TaskRun, event: Claimed | Ended | Exited | Handed | Lost) -> None:
    """What happened to an attempt; nothing where that is over, or another one."""
    if run.attempt.number != event.attempt or run.attempt.state.terminal:
        return
    match event:
        case Claimed(_, runner):
            _claimed(step, run, runner)
        case Ended():
            _ended(step, run, event)
        case Exited():
            _exited(step, run, event)
        case Handed():
            _handed(step, run, event)
        case Lost():
            _lost(step, run, event)


def _claimed(step: Making, run: TaskRun, runner: str) -> None:
    # One that was handed on has begun in the executor.
    if run.attempt.runner is None:
        tried = run.attempt.to(State.RUNNING, step.now, runner=runner)
        step.put(run.to(State.RUNNING, step.now).with_attempt(tried))


def _ended(step: Making, run: TaskRun, event: Ended) -> None:
    state = State.KILLED if step.execution.state is State.KILLING else event.state
    step.attempt_over(_filed(step, run, event.log_file), state, event.message, event.outputs)


def _exited(step: Making, run: TaskRun, event: Exited) -> None:
    run = _filed(step, run, event.log_file)
    if step.execution.state is State.KILLING:
        step.close(run, State.KILLED, None, {})
    else:
        leave(step, run, event.state)


def _handed(step: Making, run: TaskRun, event: Handed) -> None:
    if step.execution.state is not State.KILLING:
        step.commands.append(StartJob(run.id, event.attempt, event.pool))


def _filed(step: Making, run: TaskRun, log_file: str | None) -> TaskRun:
    if log_file is None:
        return run
    step.put(run.with_attempt(replace(run.attempt, log_file=log_file)))
    return step.runs[run.id]


def _lost(step: Making, run: TaskRun, event: Lost) -> None:
    if step.execution.state is State.KILLING:
        step.close(run, State.KILLED, event.message, {})
        return
    if step.node(run).delivery == "at_most_once":
        step.close(run, State.FAILED, f"lost: {event.message}; not done again, because its delivery is at_most_once", {})
        return
    step.say("WARN", f"Attempt {event.attempt} {'is lost' if event.counts else 'was handed back'}: {event.message}", run)
    if event.counts and sum(tried.lost for tried in run.attempts) + 1 >= LOST_LIMIT:
        step.close(run, State.FAILED, f"lost {LOST_LIMIT} times with its runner; not tried again", {})
        return
    tried = replace(step.through(run.attempt, State.FAILED, event.message), lost=event.counts, returned=not event.counts)
    again = run.with_attempt(tried).opened(step.now)
    step.put(again)
    step.launch(again)


def _due(step: Making, run: TaskRun, kind: str) -> None:
    if kind != again.RETRY and not step.is_leaf(run):
        _wake(step, run, Wakened(kind))
    elif kind == TIMEOUT:
        _timed_out(step, run)
    elif kind != again.RETRY:
        _ended(step, run, Ended(run.attempt.number, State.SUCCESS))
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
    _ended(step, run, Ended(run.attempt.number, State.FAILED, message=told))


def _wake(step: Making, run: TaskRun, why: Wakened) -> None:
    node = step.node(run)
    if run.state is State.PAUSED and not step.is_leaf(run):
        step.decide(run, lambda ask: cast(Turn, node.model.wake(node, run.memory, why, ask)))


def _flow_due(step: Making, kind: str) -> None:
    if kind == BEGIN:
        _begin(step)
    elif kind == again.RETRY and step.execution.state is State.RETRYING:
        once_more(step, None)
