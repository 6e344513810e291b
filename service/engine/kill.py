"""Stopping an execution: nothing new begins, what runs is stopped, and when all is quiet it is over."""

from __future__ import annotations

from service.engine.commands import DropJob, StopJob
from service.engine.execution import TaskRun
from service.engine.record import Record
from service.engine.state import State


def kill(record: Record, by: str) -> None:
    """Asks all work to stop."""
    if record.execution.state.terminal or record.execution.state is State.KILLING:
        return
    never_began = record.execution.state in (State.CREATED, State.QUEUED)
    record.move_execution(State.KILLED if never_began else State.KILLING)
    record.say("WARN", f"Killed by {by}")
    for run in _leaves(record):
        if run.attempt.state is State.RUNNING and run.attempt.runner is not None:
            record.commands.append(StopJob(run.id, run.attempt.number))
        else:
            record.commands.append(DropJob(run.id, run.attempt.number))
            record.put(record.ended(run, State.KILLED, record.through(run.attempt, State.KILLED, None)))
    end_when_quiet(record)


def end_when_quiet(record: Record) -> None:
    """Ends an execution that is being killed, once no work is under way."""
    if record.execution.state is not State.KILLING or _leaves(record):
        return
    for run in record.active():
        record.put(record.ended(run, State.KILLED, record.through(run.attempt, State.KILLED, None)))
    record.move_execution(State.KILLED)


def _leaves(record: Record) -> list[TaskRun]:
    return [run for run in record.active() if record.is_leaf(run)]
