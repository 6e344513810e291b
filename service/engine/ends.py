"""How an execution ends: with what it gives back. (Rule: KESTRA.md 3.1, "Flow outputs on failure", and 6.2.)"""

from __future__ import annotations

from dataclasses import replace

from service.engine.record import Record
from service.engine.state import State

#: Ends that an execution loses when it can't give back what it must.
_WELL = frozenset({State.SUCCESS, State.WARNING})

#: States of an execution that has done nothing, and so has nothing to give.
_NOT_BEGUN = frozenset({State.CREATED, State.QUEUED})


def conclude(record: Record, state: State) -> None:
    """Ends the execution, with its outputs."""
    record.move_execution(give_back(record, state))


def give_back(record: Record, state: State) -> State:
    """Takes the outputs of an execution that ends so, and gives the state that it ends in: it has failed where it ended well and can't give what it must."""
    if not record.program.outputs or state is State.RETRIED or record.execution.state in _NOT_BEGUN:
        return state
    gave = record.world.outputs(record.execution, record.runs)
    fails = bool(gave.lacks) and state in _WELL
    for message in gave.lacks:
        record.say("ERROR" if fails else "WARN", message)
    for message in gave.notices:
        record.say("WARN", message)
    if fails:
        return State.FAILED
    record.execution = replace(record.execution, outputs=gave.values or None)
    return state
