"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from service.engine import order
from service.engine.asked import answer
from service.engine.commands import StartJob
from service.engine.events import Asked, Began, Claimed, Copied, Due, Ended, Event, Lost
from service.engine.execution import Path, TaskRun
from service.engine.program import Program
from service.engine.record import Step, World
from service.engine.reopen import copied, go_on
from service.engine.state import State
from service.engine.step import Making
from service.engine.waking import due, ended, flow_due

#: How often an attempt may be lost with its runner before the task fails: work that takes its runner down is not repeated for ever.
LOST_LIMIT = 3


#: The kind of timer at which an execution begins.
BEGIN = "begin"


def advance(program: Program, path: Path, event: Event, world: World) -> Step:
    """What follows from `event`. What somebody asks for is answered whatever the state; all else is heard while there is something to do."""
    step = Making(program, path, world)
    run = path.runs[-1] if path.runs else None
    if isinstance(event, Asked):
        answer(step, run, event)
    elif not step.execution.state.terminal:
        _hear(step, run, event)
    return step.result()


def _hear(step: Making, run: TaskRun | None, event: Event) -> None:
    match event:
        case Began() | Due("begin"):
            begin(step)
        case Copied():
            copied(step, run)
            begin(step)
        case Due(kind) if run is None:
            flow_due(step, kind)
        case _ if run is None or run.state.terminal:
            pass
        case Claimed(attempt, runner):
            _claimed(step, run, attempt, runner)
        case Ended():
            ended(step, run, event)
        case Lost():
            _lost(step, run, event)
        case Due(kind):
            due(step, run, kind)


def begin(step: Making) -> None:
    """Starts an execution that has been created, or opened again."""
    if step.execution.state is State.CREATED:
        step.move_execution(State.RUNNING)
        step.take(None, order.begin(step.program.root))
    elif step.execution.state is State.RESTARTED:
        go_on(step)


def _claimed(step: Making, run: TaskRun, attempt: int, runner: str) -> None:
    if run.attempt.number == attempt and run.attempt.state is State.CREATED:
        tried = run.attempt.to(State.RUNNING, step.now, runner=runner)
        step.put(run.to(State.RUNNING, step.now).with_attempt(tried))


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
    step.commands.append(StartJob(again.id, again.attempt.number))
