"""Executions that tasks of other executions start: flows that are called, and the iterations of loops.

They are made ready outside any transaction, as every execution is, and stored with the batch of the task that calls them: there is no moment in which a task
believes that it has called and nothing is there. What they come to is told to the task by an event, in the transaction in which they end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from service.actions import executions
from service.actions.case import Case
from service.actions.executions import CALLED, CORRELATION, Order, Prepared
from service.actions.kit import Kit
from service.actions.scope import SYSTEM
from service.engine.asked import RESTARTED
from service.engine.commands import StartChild
from service.engine.events import ChildMoved, Event, Killed, Restarted
from service.engine.execution import LOOP, Caller, Execution, TaskRun
from service.engine.program import Call, RenderFailed, Target
from service.engine.state import Stamp, State
from service.errors import Conflict, Invalid, NotFound, TooLarge
from service.store import children, events
from service.store.codec import new_id
from service.store.database import Session


class Calls:
    """Those of one batch."""

    def __init__(self, kit: Kit, session: Session, now: datetime) -> None:
        self._kit, self._session, self._now = kit, session, now
        self._ready: list[Prepared] = []
        self._stops: list[tuple[str, str]] = []
        self._again: list[tuple[str, Restarted]] = []
        self._serials: dict[str, int] = {}

    def start(self, case: Case, command: StartChild) -> ChildMoved:
        """Makes one ready; says how it stands."""
        run, call = case.runs[command.task_run], command.call
        attempt = run.attempt.number
        if (id := self._before(case.execution, run, call)) is not None:
            caller = {"execution": case.execution.id, "run": run.id, "attempt": attempt, "number": call.number}
            self._again.append((id, Restarted(f"the execution {case.execution.id}", caller)))
            return ChildMoved(attempt, call.number, id, State.CREATED, open=call.waits)
        try:
            prepared = self._prepared(case, run, call)
        except (NotFound, Conflict, Invalid, RenderFailed, TooLarge) as failure:
            return ChildMoved(attempt, call.number, None, State.FAILED, message=self._kit.masker.text(str(failure)), open=False)
        self._ready.append(prepared)
        return ChildMoved(attempt, call.number, prepared.execution.id, State.CREATED, open=call.waits)

    def _before(self, execution: Execution, run: TaskRun, call: Call) -> str | None:
        """After a restart by a person, the execution that an earlier attempt has called: that one is restarted, if it has failed. (Rule: KESTRA.md 3.4.)"""
        if not call.again or execution.labels.get(RESTARTED) != "true" or run.attempt.number == 1:
            return None
        return children.called_before(self._session, run.id, run.attempt.number, call.number)

    def stop(self, task_run: str, by: str) -> None:
        """Has what a task run waits for killed."""
        self._stops.append((task_run, by))

    def store(self, session: Session) -> None:
        """With the batch."""
        for prepared in self._ready:
            executions.add(session, self._kit, prepared, self._now)
        for id, restarted in self._again:
            events.add(session, id, None, restarted)
        for task_run, by in self._stops:
            for id in children.open_below(session, task_run):
                events.add(session, id, None, Killed(by))

    def _prepared(self, case: Case, run: TaskRun, call: Call) -> Prepared:
        caller = self._caller(case.execution, run, call)
        once = children.name(run.id, run.attempt.number, call.number)
        if call.target is None:
            return Prepared(_iteration(case.execution, caller, self._now), case.row.flow, _order(case.execution, once))
        order = _called(case, run, call.target, once, caller)
        return executions.prepare(self._session, self._kit, order, self._now, alone=False)

    def _caller(self, execution: Execution, run: TaskRun, call: Call) -> Caller:
        """Raises Conflict where too many stand one below the other, or below one."""
        above = execution.caller
        depth, root = (above.depth + 1, above.root) if above else (1, execution.id)
        most = self._kit.settings
        if depth > most.most_depth:
            raise Conflict(f"executions stand {most.most_depth} deep, each called by the one above: the limit (setting `most_depth`)")
        serial = self._serials.get(root) or children.count_below(self._session, root)
        if serial >= most.most_called:
            raise Conflict(f"{most.most_called:,} executions have been called below execution {root}: the limit (setting `most_called`)")
        self._serials[root] = serial + 1
        return Caller(execution.id, run.id, run.node, run.attempt.number, call.number, root, depth, serial, call.waits, call.item)


def tell(session: Session, before: State, execution: Execution) -> None:
    """Lets the task that called an execution know that it has moved. One that is tried anew in another execution has not ended: the other one tells."""
    caller, state = execution.caller, execution.state
    if caller is None or not caller.waits or state is before or state is State.RETRIED:
        return
    if state.terminal or (state is State.PAUSED) != (before is State.PAUSED):
        moved = ChildMoved(caller.attempt, caller.number, execution.id, state, execution.outputs or {}, open=not state.terminal)
        events.add(session, caller.execution, caller.run, moved)


def told_again(execution: Execution | None, event: Event | None) -> tuple[str, str, ChildMoved] | None:
    """What a task hears that wanted the execution once more which it has called: how it stands, where it was not restarted; that it is gone (None)."""
    if not isinstance(event, Restarted) or (caller := event.caller) is None:
        return None
    if execution is None:
        moved = ChildMoved(caller["attempt"], caller["number"], None, State.FAILED, message="the execution that it had called was deleted", open=False)
        return caller["execution"], caller["run"], moved
    state, given = execution.state, execution.outputs or {}
    return caller["execution"], caller["run"], ChildMoved(caller["attempt"], caller["number"], execution.id, state, given, open=not state.terminal)


def _iteration(execution: Execution, caller: Caller, now: datetime) -> Execution:
    """It speaks of the execution around it as of itself, so it needs nothing of its own but variables, which its tasks may set."""
    return replace(
        execution,
        id=new_id(),
        history=(Stamp(State.CREATED, now),),
        inputs={},
        trigger=None,
        memory={},
        waited=False,
        attempt=1,
        original=None,
        first_created=None,
        outputs=None,
        scheduled=None,
        breached=(),
        trailing=False,
        parent=None,
        breakpoints=(),
        held=None,
        caller=caller,
        kind=LOOP,
    )


def _order(execution: Execution, once: str) -> Order:
    return Order(execution.environment, execution.namespace, execution.flow, {}, {}, origin="loop", once=once)


def _called(case: Case, run: TaskRun, target: Target, once: str, caller: Caller) -> Order:
    execution = case.execution
    labels = {key: value for key, value in execution.labels.items() if target.inherit and not key.startswith(SYSTEM)}
    return Order(
        execution.environment,
        target.namespace,
        target.flow,
        target.inputs,
        {**labels, **target.labels},
        trigger={"id": run.node, "type": case.program.nodes[run.node].type, "variables": _variables(execution, run)},
        revision=target.revision,
        origin=CALLED,
        once=once,
        scheduled=target.date,
        correlation=execution.labels.get(CORRELATION),
        caller=caller,
    )


def _variables(execution: Execution, run: TaskRun) -> dict[str, Any]:
    """`trigger` in the flow that is called. (Rule: KESTRA.md 3.4.)"""
    shown = {
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow,
        "flowRevision": execution.revision,
        "taskRunId": run.id,
        "taskId": run.node,
    }
    return shown | {name: value for name, value in (("taskRunValue", run.value), ("taskRunIteration", run.iteration)) if value is not None}
