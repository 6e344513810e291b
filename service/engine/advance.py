"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from service.engine import folders, limits
from service.engine.asked import answer
from service.engine.events import Asked, Began, ChildMoved, Claimed, Copied, Due, Ended, Event, Exited, Freed, Handed, Lost, Opened
from service.engine.execution import Path, TaskRun
from service.engine.exit import leave
from service.engine.kill import end_when_quiet
from service.engine.program import Program, Turn
from service.engine.record import Step, World
from service.engine.reopen import copied
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from service.engine.step import Making
from service.engine.waking import due, ended, filed, flow_due


def advance(program: Program, path: Path, event: Event, world: World) -> Step:
    """What follows from `event`. What somebody asks for is answered whatever the state; all else is heard while there is something to do."""
    step = Making(program, path, world)
    run = path.runs[-1] if path.runs else None
    if isinstance(event, Asked):
        answer(step, run, event)
    elif isinstance(event, Copied):
        copied(step, run)
        limits.begin(step)
    elif run is None:
        _of_all(step, event)
    elif not run.state.terminal:
        _of_run(step, run, event)
    return step.result()


def _of_all(step: Making, event: Event) -> None:
    """What happens to the execution as a whole."""
    match event:
        case Began():
            limits.created(step)
        case Freed():
            limits.freed(step)
        case Due(kind):
            flow_due(step, kind)


def _of_run(step: Making, run: TaskRun, event: Event) -> None:
    """What follows from something that a task run hears while it is open."""
    match event:
        case ChildMoved():
            _child_moved(step, run, event)
        case Due(kind):
            due(step, run, kind)
        case Claimed() | Opened() | Ended() | Exited() | Handed() | Lost():
            _told(step, run, event)


def _told(step: Making, run: TaskRun, event: Claimed | Opened | Ended | Exited | Handed | Lost) -> None:
    """What happened to an attempt; nothing where that is over, or another one."""
    match event:
        case Claimed() | Opened() | Ended() | Lost() if not step.is_leaf(run):
            folders.heard(step, run, event)
        case _ if run.attempt.number != event.attempt or run.attempt.state.terminal:
            pass
        case Claimed(_, runner):
            _claimed(step, run, runner)
        case Ended():
            ended(step, run, event)
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


def _exited(step: Making, run: TaskRun, event: Exited) -> None:
    run = filed(step, run, event.log_file)
    if step.execution.state is State.KILLING:
        step.close(run, State.KILLED, None, {})
    else:
        leave(step, run, event.state)


def _handed(step: Making, run: TaskRun, event: Handed) -> None:
    if step.execution.state is not State.KILLING:
        step.queue(run, pool=event.pool)


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
