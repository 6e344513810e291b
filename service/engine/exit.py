"""Ending an execution from within: a task of its own says that it is over, and how.

The task takes the state that it names, and so do the groups around it. Nothing more is started, `errors` and `finally` neither; what else is open is KILLED:
jobs are stopped, and whatever they report later is nobody's business any more. (Rule: KESTRA.md 4.1, `core.execution.Exit`.)
"""

from __future__ import annotations

from service.engine.commands import DropJob, StopJob
from service.engine.execution import TaskRun
from service.engine.kill import kill
from service.engine.record import Record
from service.engine.state import State


def leave(record: Record, run: TaskRun, state: State) -> None:
    """Ends the execution in this state, which is its own for the task run and for those around it. KILLED is what a person's stop is."""
    if state is State.KILLED:
        record.put(record.ended(run, state, record.through(run.attempt, state, None)))
        kill(record, f"task `{run.node}`")
        return
    record.say("INFO", f"Ends the execution as {state.value}", run)
    around = _around(record, run)
    for each in record.active():
        ended = state if each.id in around else State.KILLED
        if ended is State.KILLED and record.is_leaf(each):
            _stop(record, each)
        known = run if each.id == run.id else each
        record.put(record.ended(known, ended, record.through(known.attempt, ended, None)))
    record.move_execution(state)


def _stop(record: Record, run: TaskRun) -> None:
    begun = run.attempt.state is State.RUNNING and run.attempt.runner is not None
    record.commands.append((StopJob if begun else DropJob)(run.id, run.attempt.number))


def _around(record: Record, run: TaskRun) -> set[str]:
    """The task run, and those that it is in."""
    found = {run.id}
    while run.parent is not None:
        run = record.runs[run.parent]
        found.add(run.id)
    return found
