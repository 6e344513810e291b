"""A schedule's instant becomes an execution.

All of it is prepared before the transaction that stores it, up to a hundred executions with their inputs: rendering and Git may take their time, and the
writer has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runners.crashpoints import crashpoint
from service.actions import executions
from service.actions.executions import Prepared
from service.actions.kit import Kit
from service.flows.flow import Flow, TriggerDef
from service.store import executions as rows
from service.store import flows, repositories, triggers
from service.store.codec import from_epoch, iso
from service.store.database import Session
from service.triggers.schedule import Schedule

#: Missed instants that are made up for, the newest of them; older ones are let go.
CATCH_UP = 100

_GRACE = timedelta(seconds=60)  #: later than this, an instant counts as missed


@dataclass(frozen=True, slots=True)
class _Source:
    """What a schedule's executions are made from. `live` is the commit whose files they run in."""

    row: flows.Flow | None
    live: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be stored, and the clock's next instant."""

    prepared: Sequence[Prepared] = ()
    following: datetime | None = None
    last: float | None = None
    error: str | None = None


def fire(kit: Kit, stored: triggers.Trigger, now: datetime) -> None:
    """Starts the execution of every instant that is due and moves the clock, in one transaction. Where the flow or the live commit has changed since they
    were read nothing is done: the schedule is still due, and looked at again."""
    with kit.database.read() as session:
        source = _source(session, stored)
        planned = _plan(session, kit, stored, source.row, now)

    def action(session: Session) -> None:
        known = triggers.of_flow(session, stored.environment, (stored.namespace, stored.flow_id))
        # A push that changed the schedule has set its clock, too.
        if known.get(stored.trigger_id) == stored and _source(session, stored) == source:
            for one in planned.prepared:
                executions.add(session, kit, one, now)
            triggers.move(session, stored, planned.following.timestamp() if planned.following else None, planned.last, planned.error)

    crashpoint("scheduler.before_fire")
    kit.database.write(action)
    crashpoint("scheduler.fired")


def _source(session: Session, stored: triggers.Trigger) -> _Source:
    row = flows.get(session, stored.environment, (stored.namespace, stored.flow_id))
    repository = repositories.by_id(session, row.repository_id) if row else None
    return _Source(row, repository.live_oid if repository else None)


def _plan(session: Session, kit: Kit, stored: triggers.Trigger, row: flows.Flow | None, now: datetime) -> _Plan:
    flow = kit.reader.live(session, row) if row else None
    trigger = next((trigger for trigger in flow.triggers if trigger.id == stored.trigger_id), None) if flow else None
    if row is None or flow is None or trigger is None or not isinstance(trigger.model, Schedule) or stored.next_at is None:
        return _Plan(last=stored.last_at, error="the flow no longer has this schedule")
    instants, following = _instants(trigger.model, from_epoch(stored.next_at), now)
    wanted = () if row.disabled or rows.is_running(session, row.id, stored.trigger_id) else instants
    prepared = tuple(_prepared(session, kit, row, flow, trigger, wanted, now))
    return _Plan(prepared, following, instants[-1].timestamp() if instants else stored.last_at)


def _instants(model: Schedule, first: datetime, now: datetime) -> tuple[Sequence[datetime], datetime | None]:
    """What is due since `first`, the newest CATCH_UP by the schedule's rule for missed instants, and the next instant after now."""
    earliest = first if model.late_maximum_delay is None else max(first, now - model.late_maximum_delay)
    if model.recover_missed_schedules == "NONE":
        earliest = max(earliest, now - _GRACE)
    due: list[datetime] = []
    # Backwards: a service that was down for a year counts no year of minutes.
    at = model.before(now + timedelta(microseconds=1))
    while at is not None and at >= earliest and len(due) < CATCH_UP:
        due.append(at)
        if model.recover_missed_schedules == "LAST" and now - at > _GRACE:
            break
        at = model.before(at)
    return due[::-1], model.next_after(now)


def _prepared(session: Session, kit: Kit, row: flows.Flow, flow: Flow, trigger: TriggerDef, instants: Sequence[datetime], now: datetime) -> Iterator[Prepared]:
    """The executions of these instants."""
    revision = flows.revision(session, row.id, row.live or row.revision)
    if revision is None or not instants:
        return
    pin = executions.live_pin(session, kit, row, revision)
    for instant in instants:
        order = executions.Order(
            row.environment,
            row.namespace,
            row.flow_id,
            trigger.model.inputs or {},
            {key: str(value) for key, value in (trigger.model.labels or {}).items()},
            {"id": trigger.id, "type": trigger.type, "variables": dict(trigger.model.variables(instant))},
            origin="trigger",
            once=f"schedule:{row.id}:{trigger.id}:{iso(instant)}",
        )
        yield executions.settle_or_refuse(kit, order, flow, row.id, revision.revision, pin, now)
