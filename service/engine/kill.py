"""Stopping an execution: nothing new begins, what runs is stopped, and when all is quiet it is over."""

from __future__ import annotations

from dataclasses import replace

from service.engine.commands import DropJob, Report, StopChildren, StopJob
from service.engine.ends import conclude, give_back
from service.engine.execution import TaskRun
from service.engine.record import Record
from service.engine.state import State


def kill(record: Record, by: str, *, cascade: bool) -> None:
    """Asks all work to stop; with `cascade` also the executions that this one waits for. Where the execution has ended, what is done after the end is stopped,
    and the end stays as it is."""
    if record.execution.trailing:
        record.say("WARN", f"What is done after the end was killed by {by}")
        stop_all(record, State.KILLED)
        record.execution = replace(record.execution, trailing=False)
    if record.execution.state.terminal or record.execution.state is State.KILLING:
        return
    record.execution = replace(record.execution, held=None)
    record.say("WARN", f"Killed by {by}")
    if record.execution.state in (State.CREATED, State.QUEUED):
        leave_queue(record, State.KILLED)
        return
    record.move_execution(State.KILLING)
    for run in _at_work(record):
        if run.calls and not cascade:
            record.put(replace(run, calls=0))
        elif not stopped(record, run, by):
            record.put(record.ended(run, State.KILLED, record.through(run.attempt, State.KILLED, None)))
    end_when_quiet(record)


def end_when_quiet(record: Record) -> None:
    """Ends an execution that is being killed, once no work is under way."""
    if record.execution.state is not State.KILLING or _at_work(record):
        return
    for run in record.active():
        record.put(record.ended(run, State.KILLED, record.through(run.attempt, State.KILLED, None)))
    conclude(record, State.KILLED)


def stop(record: Record, state: State) -> None:
    """Ends an execution at once, by a rule, and all that is open of it."""
    stop_all(record, state)
    give_back(record, state)
    record.execution = record.execution.to(state, record.now)
    record.commands.append(Report())


def leave_queue(record: Record, state: State) -> None:
    """Ends an execution that waits for a place; one that was restarted has task runs that were to be done again."""
    stop_all(record, state)
    record.move_execution(state)


def stop_all(record: Record, state: State) -> None:
    """Ends all that is open. A runner that is at work is told to stop, and its report is not waited for."""
    for run in record.active():
        if run.calls or record.node(run).runs != "flowable":
            stopped(record, run, "its end")
        record.put(record.ended(replace(run, calls=0), state, record.through(run.attempt, state, None)))


def stopped(record: Record, run: TaskRun, by: str) -> bool:
    """Has a task stopped that is at work; whether somebody will report its end."""
    if run.calls:
        record.commands.append(StopChildren(run.id, by))
        return True
    working = run.attempt.state is State.RUNNING and run.attempt.runner is not None
    record.commands.append((StopJob if working else DropJob)(run.id, run.attempt.number))
    return working


def _at_work(record: Record) -> list[TaskRun]:
    """Those that something is done for. A task that called others and waits for none of them any more has nothing left to stop."""
    return [run for run in record.active() if run.calls or record.node(run).runs != "flowable"]
