"""What an execution has to keep: a time from its creation or its date, which a timer watches, or a condition, which is looked at on every change of it.

Each is broken once at most. (Rule: KESTRA.md 8.4.)
"""

from __future__ import annotations

from dataclasses import replace

from service.engine.commands import WakeAt
from service.engine.kill import stop
from service.engine.program import RenderFailed, Watch
from service.engine.record import Record
from service.engine.state import State

#: The kinds of timers at which a time is over: this and the id of the SLA.
OVERDUE = "sla:"


def set_timers(record: Record) -> None:
    """Has the execution told when a time is over. One that is to begin at a date has its time from then."""
    begins = record.execution.joined
    record.commands += [WakeAt(None, OVERDUE + watch.id, begins + watch.duration) for watch in record.program.watches if watch.duration is not None]


def overdue(record: Record, kind: str) -> None:
    """A time is over."""
    for watch in record.program.watches:
        if OVERDUE + watch.id == kind and watch.duration is not None and _open(record, watch):
            _break(record, watch, f"the execution takes longer than {watch.duration.total_seconds():g} s")


def look(record: Record, *, last: bool = False) -> None:
    """Looks at the conditions of an execution that has changed. One that can't be rendered says nothing yet: what it names may come later. `last`: nothing
    comes any more, so that is told."""
    for watch in record.program.watches:
        if watch.holds is None or not _open(record, watch):
            continue
        try:
            holds = record.world.truthy(record.ask(None).text(watch.holds))
        except RenderFailed as failure:
            if last:
                record.say("WARN", f"SLA `{watch.id}` could not be looked at: {failure}")
            continue
        if not holds:
            _break(record, watch, f"`{watch.holds}` does not hold")


def _open(record: Record, watch: Watch) -> bool:
    return not record.execution.state.terminal and watch.id not in record.execution.breached


def _break(record: Record, watch: Watch, why: str) -> None:
    execution = record.execution
    record.execution = replace(execution, labels={**execution.labels, **watch.labels}, breached=(*execution.breached, watch.id))
    record.say("ERROR" if watch.end is State.FAILED else "WARN", f"SLA `{watch.id}` is broken: {why}")
    if watch.end is not None and execution.state is not State.KILLING:
        stop(record, watch.end)
