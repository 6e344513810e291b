"""Under the limit of its flow an execution runs, waits for a place, or ends. (Rule: KESTRA.md 8.3.)

Who may run is asked of the world, which counts states; here is what follows from the answer.
"""

from __future__ import annotations

from service.engine import order
from service.engine.commands import Unwake, WakeAt
from service.engine.kill import leave_queue
from service.engine.program import Wakened
from service.engine.reopen import go_on
from service.engine.state import State
from service.engine.step import Making
from service.engine.watching import set_timers

#: The kind of timer at which an execution begins.
BEGIN = "begin"

_TOLD = {
    State.QUEUED: ("INFO", "Queued: as many executions of the flow run as its `concurrency` allows"),
    State.CANCELLED: ("WARN", "Cancelled: as many executions of the flow run as its `concurrency` allows"),
    State.FAILED: ("ERROR", "Not started: as many executions of the flow run as its `concurrency` allows"),
}


def created(step: Making) -> None:
    """An execution is there: it begins, now or at its date."""
    when = step.execution.scheduled
    if step.execution.over and not step.execution.memory:
        step.trail()  # it was made as one that has failed
    if step.execution.state is not State.CREATED:
        return
    set_timers(step)
    if when is not None and when > step.now:
        step.commands.append(WakeAt(None, BEGIN, when))
    else:
        begin(step)


def begin(step: Making) -> None:
    """Runs an execution, if there is a place for it."""
    if step.execution.state not in (State.CREATED, State.RESTARTED):
        return
    state = step.world.admission(step.execution)
    if state is State.RUNNING:
        _run(step)
        return
    step.say(*_TOLD[state])
    if state is State.QUEUED:
        step.move_execution(state)
    else:
        leave_queue(step, state)


def freed(step: Making) -> None:
    """There may be a place now."""
    if step.execution.state is State.QUEUED and step.world.admission(step.execution) is State.RUNNING:
        _run(step)


def unqueued(step: Making, state: State, by: str) -> None:
    """Takes it out of the queue, whether or not there is a place."""
    step.say("INFO", f"Taken out of the queue by {by}")
    if state is State.RUNNING:
        _run(step)
    else:
        leave_queue(step, state)


def forced(step: Making, by: str) -> None:
    """Begins, or goes on where it waits for somebody, whatever the limit says and whatever the date."""
    state = step.execution.state
    if state in (State.CREATED, State.QUEUED):
        step.say("INFO", f"Run by force by {by}")
        _run(step)
    elif state is State.PAUSED:
        step.say("INFO", f"Run by force by {by}")
        open = step.active()
        step.runs = {run.id: run for run in open} | step.runs  # with what is around them: that hears of what follows
        for run in open:
            at = len(step.commands)
            step.wake(run, Wakened("resumed", {}, by))
            if step.runs[run.id].state is not State.PAUSED:
                step.commands.insert(at, Unwake(run.id))


def _run(step: Making) -> None:
    """Begins; what was opened again goes on where it is marked."""
    opened = bool(step.execution.memory)
    step.move_execution(State.RUNNING)
    if opened:
        go_on(step, {None})
    else:
        step.take(None, order.begin(step.program.root))
