"""Starting, stopping and looking up executions.

An execution is *prepared* before any transaction: flows' authors write the templates of its inputs and labels, and each may take its time. `add` stores
what was prepared; whoever calls it sees to it that what that was made from is still so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from service.actions import reports
from service.actions.checks import Spoken, fails, refuse_blocked, spoken_up
from service.actions.files import Whose
from service.actions.kit import Kit
from service.actions.places import Where
from service.actions.reach import CALLS, TRIGGERED, TRIGGERED_SHARE, Reach
from service.actions.scope import Rendering, Scope, nested_labels, of_flow
from service.actions.sealing import seal_inputs
from service.engine.events import Began, Killed
from service.engine.execution import NORMAL, Caller, Execution, Pin
from service.engine.program import RenderFailed
from service.engine.state import Stamp, State
from service.errors import Conflict, Invalid, NotFound
from service.expressions.ports import FlowAnswer, FlowCall
from service.flows.flow import Flow
from service.flows.resolve import resolve_inputs
from service.store import events, executions, flows, logs, repositories
from service.store.codec import new_id
from service.store.database import Session
from service.store.executions import Row
from service.store.logs import Line

CORRELATION = "system.correlationId"
CALLED = "subflow"  #: where an execution comes from that a task or an input of another flow asks for


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `once` is a name under which only one execution may ever be started. `scheduled`: it begins then. `correlation` is what it has in
    common with the executions that it comes from, its own id where nothing is given; `by` is who asks, where that is somebody with a name; `caller` is the task
    that asks."""

    environment: str
    namespace: str
    flow_id: str
    inputs: Mapping[str, Any]
    labels: Mapping[str, str]
    trigger: Mapping[str, Any] | None = None
    revision: int | None = None
    origin: str = "api"
    pin: Pin | None = None
    caused: bool = False
    once: str | None = None
    scheduled: datetime | None = None
    correlation: str | None = None
    by: str | None = None
    caller: Caller | None = None
    kind: str = NORMAL
    breakpoints: tuple[str, ...] = ()

    @property
    def renders(self) -> bool:
        """A trigger's `inputs` and `labels` may hold expressions; values that a person, a task or another flow's input gives are taken as they are, never
        rendered."""
        return self.trigger is not None and self.origin != CALLED


@dataclass(frozen=True, slots=True)
class Prepared:
    """An execution that can be stored. `refusal` is set when it is to be stored as FAILED at once, with the reason; `lines` are the first of its log."""

    execution: Execution
    flow: str
    order: Order
    refusal: str | None = None
    unknown_inputs: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The flow that is to run: read, at one revision, with the files it runs in."""

    flow: Flow
    row: str
    revision: int
    pin: Pin


def prepare(session: Session, kit: Kit, order: Order, now: datetime, *, alone: bool = True) -> Prepared:
    """Reads the flow and settles inputs and labels; `alone` as for `settle`. Raises NotFound, Conflict (disabled) or Invalid (inputs, with each name)."""
    return settle_chosen(kit, order, choose(session, kit, order), now, alone=alone)


def choose(session: Session, kit: Kit, order: Order) -> Chosen:
    """The flow that an order names. Raises NotFound, and Conflict for one that is wrong or disabled."""
    found = flows.get(session, order.environment, (order.namespace, order.flow_id))
    number = order.revision if order.revision is not None else (found.live if found else None)
    if found is None or number is None:
        raise NotFound(f"there is no flow `{order.namespace}.{order.flow_id}`" + (" any more: it was deleted" if found else ""))
    stored = flows.revision(session, found.id, number)
    if stored is None or stored.deleted:
        raise NotFound(f"`{order.namespace}.{order.flow_id}` has no revision {number}")
    flow = kit.reader.read(stored.blob, stored.path, stored.source.encode("utf-8")).flow
    if flow is None:
        raise Conflict(f"revision {number} of `{order.namespace}.{order.flow_id}` has problems and can't run; fix the file and push it")
    if found.disabled or flow.disabled:
        raise Conflict(f"`{order.namespace}.{order.flow_id}` is disabled")
    pin = order.pin or (live_pin(session, kit, found, stored) if number == found.live else _own_pin(found, stored))
    return Chosen(flow, found.id, number, replace(pin, path=stored.path, blob=stored.blob))


def live_pin(session: Session, kit: Kit, flow: flows.Flow, revision: flows.Revision) -> Pin:
    """The live revision runs in the files of the live commit: what is at the tip is what runs, also where only a script was changed. Asks Git to keep
    that commit, so never call it in the writer."""
    repository = repositories.by_id(session, flow.repository_id)
    if repository is None or repository.live_oid is None:
        return _own_pin(flow, revision)
    kit.git.keep(repository.name, repository.live_oid)
    return Pin(flow.repository_id, repository.live_oid, repository.live_ref or "", flow.path, flow.blob)


def _own_pin(flow: flows.Flow, revision: flows.Revision) -> Pin:
    """An older revision runs in the files that it was written with."""
    return Pin(flow.repository_id, revision.commit, "", revision.path, revision.blob)


#: Renders a value, with more variables.
Render = Callable[[Any, Mapping[str, Any]], Any]
#: Calls a flow for the inputs of one that is asked for in some revision. Waits for its end: never where others would wait with it.
Calling = Callable[[Order, int, FlowCall], FlowAnswer]


def asking(  # noqa: PLR0913 - whose, and what of it
    kit: Kit,
    order: Order,
    flow: Flow,
    revision: int,
    pin: Pin,
    now: datetime,
    *,
    alone: bool = True,
    what: str = "input",
    sections: tuple[str, ...] = ("inputs", "triggers"),
    calling: Calling | None = None,
) -> tuple[Render, Callable[[Any], Any]]:
    """What renders the templates of a flow's inputs, or of `what` else stands in some of its sections, and what takes the secrets out of what came of them.
    Raises Conflict for a flow that this version can't run."""
    if (refusal := flow.refusal()) is not None:
        raise Conflict(refusal)
    check_breakpoints(flow, order.breakpoints)
    parts = of_flow(kit, flow.namespace, flow.id, revision, flow.variables, order.environment)
    whose = Whose(order.environment, flow.namespace, flow.id, None, pin)
    calls, share = (CALLS, 1.0) if alone else (TRIGGERED, TRIGGERED_SHARE)
    reach = Reach(kit, whose, kit.database.read, lambda: now, calls=calls, share=share, flows=calling and partial(calling, order, revision))
    where = Where(pin.path, what, lambda: flow.source, sections=sections)
    render = _renderer(kit, {**parts, "labels": lambda: nested_labels({**flow.labels, **order.labels})}, order, reach, where)
    return render, Rendering(kit, {}, reach).masked


def settle(  # noqa: PLR0913, PLR0917 - the parts of what was chosen
    kit: Kit, order: Order, flow: Flow, flow_row: str, revision: int, pin: Pin, now: datetime, alone: bool = True, calling: Calling | None = None
) -> Prepared:
    """The execution of a known flow. `alone`: nobody waits behind it, so its templates may take their time; with `calling` its inputs may call flows, and no
    transaction may be open meanwhile.

    Raises Invalid when the inputs don't fit, Conflict for a flow that this version can't run."""
    id = new_id()
    order = replace(order, correlation=order.correlation or id)
    render, masked = asking(kit, order, flow, revision, pin, now, alone=alone, calling=calling)
    values, problems, unknown = resolve_inputs(flow.inputs, _rendered_inputs(order, render), render)
    if problems:
        raise Invalid("; ".join(problem.message for problem in problems), [{"input": problem.id, "message": problem.message} for problem in problems])
    values = seal_inputs(kit.cipher, order.environment, flow.inputs, values)
    chosen = {key: masked(str(render(value, {"inputs": values}))) for key, value in order.labels.items()} if order.renders else order.labels
    labels = {**flow.labels, **_system_labels(order, id), **chosen}
    history = (Stamp(State.CREATED, now),)
    execution = Execution(id, order.environment, flow.namespace, flow.id, revision, history, values, labels, flow.variables, order.trigger, pin)
    execution = replace(execution, scheduled=order.scheduled, caller=order.caller, kind=order.kind, breakpoints=order.breakpoints)
    prepared = Prepared(execution, flow_row, order, unknown_inputs=tuple(unknown))
    if order.trigger is not None or not flow.checks:
        return prepared  # a trigger has conditions of its own; checks are for people, who read what they say
    asked, _ = asking(kit, replace(order, labels=labels), flow, revision, pin, now, what="check", sections=("checks",))
    return _checked(prepared, spoken_up(flow.checks, lambda text: asked(text, {"inputs": values})), masked, now)


def _checked(prepared: Prepared, spoken: Sequence[Spoken], masked: Callable[[str], str], now: datetime) -> Prepared:
    """What the checks leave of it. Raises Invalid where one of them blocks."""
    refuse_blocked(spoken)
    execution = prepared.execution.to(State.FAILED, now) if fails(spoken) else prepared.execution
    return replace(prepared, execution=execution, lines=tuple((one.level, masked(one.message)) for one in spoken))


def _system_labels(order: Order, id: str) -> Mapping[str, str]:
    found = {"system.from": order.origin, CORRELATION: order.correlation or id}
    return found if order.by is None else found | {"system.username": order.by}


def check_breakpoints(flow: Flow, breakpoints: Iterable[str]) -> None:
    """Raises Invalid for one that stands before no task: `task`, or `task.value`."""
    for each in breakpoints:
        if each.partition(".")[0] not in flow.program.nodes:
            raise Invalid(
                f"the breakpoint `{each[:100]}` names no task of `{flow.namespace}.{flow.id}`", [{"breakpoint": each[:100], "message": "no such task"}]
            )


def settle_chosen(kit: Kit, order: Order, chosen: Chosen, now: datetime, calling: Calling | None = None, *, alone: bool = True) -> Prepared:
    """As `settle`, of what `choose` gave."""
    return settle(kit, order, chosen.flow, chosen.row, chosen.revision, chosen.pin, now, alone, calling)


def settle_or_refuse(kit: Kit, order: Order, flow: Flow, flow_row: str, revision: int, pin: Pin, now: datetime) -> Prepared:
    """As `settle`; what it refuses is an execution that is FAILED from the start: nobody is there to read an answer."""
    try:
        return settle(kit, order, flow, flow_row, revision, pin, now, alone=False)
    except (Conflict, Invalid, RenderFailed) as failure:
        created = Stamp(State.CREATED, now)
        id = new_id()
        labels = {**flow.labels, **_system_labels(order, id)}
        history = (created, Stamp(State.FAILED, now))
        execution = Execution(id, order.environment, flow.namespace, flow.id, revision, history, {}, labels, {}, order.trigger, pin)
        return Prepared(execution, flow_row, order, refusal=f"not started: {failure}")


def add(session: Session, kit: Kit, prepared: Prepared, now: datetime, *, generation: int = 1) -> bool:
    """Stores the execution and lets the executor know; False when `once` was taken. `generation` is that of the commit which caused it."""
    execution = replace(prepared.execution, generation=generation)
    if not executions.add(session, execution, prepared.flow, caused=prepared.order.caused, once=prepared.order.once):
        return False
    for name in prepared.unknown_inputs:
        line = Line(now, "WARN", f"input `{kit.masker.text(name[:100])}` is not one of this flow's inputs and is ignored")
        logs.append(session, execution.id, "", "", 0, [line])
    if prepared.lines:
        logs.append(session, execution.id, "", "", 0, [Line(now, level, message) for level, message in prepared.lines])
    if prepared.refusal:
        logs.append(session, execution.id, "", "", 0, [Line(now, "ERROR", kit.masker.text(prepared.refusal))])
    else:
        events.add(session, execution.id, None, Began())
    reports.execution_moved(session, kit, Row(execution, prepared.flow, 1, prepared.order.caused, now.timestamp()), now.timestamp())
    return True


def kill(session: Session, id: str, by: str, asked: str | None = None, *, cascade: bool = True) -> Row:
    """Asks the executor to stop an execution, or what is done after its end. Raises Conflict when all of it has ended."""
    row = get(session, id)
    if row.execution.over:
        raise Conflict(f"execution {row.execution.id} is {row.execution.state.value} already")
    events.add(session, row.execution.id, None, Killed(by, cascade), asked)
    return row


def get(session: Session, id: str) -> Row:
    """One execution by its id or an unambiguous beginning of it."""
    row = executions.get(session, id)
    if row is None and 4 <= len(id) < 22:
        candidates = executions.find(session, id)
        if len(candidates) > 1:
            raise Conflict(f"several executions begin with `{id}`: give more of it")
        row = executions.get(session, candidates[0]) if candidates else None
    if row is None:
        raise NotFound(f"there is no execution `{id[:40]}`")
    return row


def _rendered_inputs(order: Order, render: Render) -> Mapping[str, Any]:
    if not order.renders:
        return order.inputs
    return {name: render(value, {"inputs": {}}) for name, value in order.inputs.items()}


def _renderer(kit: Kit, parts: Mapping[str, Callable[[], Any]], order: Order, reach: Reach, where: Where) -> Render:
    known = dict(parts)
    if order.trigger is not None:
        variables = order.trigger.get("variables", {})
        known["trigger"] = lambda: variables

    def render(value: Any, more: Mapping[str, Any]) -> Any:
        return Rendering(kit, Scope({**known, **{name: partial(more.__getitem__, name) for name in more}}), reach, where).typed(value)

    return render
