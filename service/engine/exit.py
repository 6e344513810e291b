"""Ending an execution from within: a task of its own says that it is over, and how.

The task takes the state that it names, and so do the groups around it. Nothing more is started, `errors` and `finally` neither; what else is open is KILLED:
jobs are stopped, and whatever they report later is nobody's business any more. (Rule: KESTRA.md 4.1, `core.execution.Exit`.)
"""

from __future__ import annotations

from dataclasses import replace

from service.engine.ends import conclude
from service.engine.execution import TaskRun
from service.engine.kill import kill, stop_all, stopped
from service.engine.record import Record
from service.engine.state import State


def leave(record: Record, run: TaskRun, state: State) -> None:
    """Ends the execution in this state, which is its own for the task run and for those around it. KILLED is what a person's stop is. After the end there is
    nothing left to end but what is done there."""
    if record.execution.trailing:
        record.say("INFO", f"What is done after the end is ended as {state.value}", run)
        record.put(record.ended(run, state, record.through(run.attempt, state, None)))
        stop_all(record, State.KILLED)
        record.execution = replace(record.execution, trailing=False)
        return
    if state is State.KILLED:
        record.put(record.ended(run, state, record.through(run.attempt, state, None)))
        kill(record, f"task `{run.node}`", cascade=True)
        return
    record.say("INFO", f"Ends the execution as {state.value}", run)
    around = _around(record, run)
    for each in record.active():
        ended = state if each.id in around else State.KILLED
        if each.id != run.id and (each.calls or record.node(each).runs != "flowable"):
            stopped(record, each, f"task `{run.node}`")
        known = replace(run if each.id == run.id else each, calls=0)
        record.put(record.ended(known, ended, record.through(known.attempt, ended, None)))
    record.execution = replace(record.execution, held=None)
    conclude(record, state)


def _around(record: Record, run: TaskRun) -> set[str]:
    """The task run, and those that it is in."""
    found = {run.id}
    while run.parent is not None:
        run = record.runs[run.parent]
        found.add(run.id)
    return found
