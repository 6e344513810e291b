"""A schedule's instant becomes an execution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from service.actions import executions
from service.actions.kit import Kit
from service.flows.flow import Flow, TriggerDef
from service.store import executions as rows
from service.store import flows, triggers
from service.store.codec import from_epoch, iso
from service.store.database import Session
from service.triggers.schedule import Schedule

#: Missed instants that are made up for, the newest of them; older ones are let go.
CATCH_UP = 100

_GRACE = timedelta(seconds=60)  #: later than this, an instant counts as missed


def fire(kit: Kit, stored: triggers.Trigger, now: datetime) -> None:
    """Starts the execution of every instant that is due and moves the clock, in one transaction each."""
    with kit.database.read() as session:
        row = flows.get(session, stored.environment, (stored.namespace, stored.flow_id))
        flow = kit.reader.live(session, row) if row else None
        running = bool(row) and rows.is_running(session, row.id if row else "", stored.trigger_id)
    trigger = next((trigger for trigger in flow.triggers if trigger.id == stored.trigger_id), None) if flow else None
    if row is None or flow is None or trigger is None or not isinstance(trigger.model, Schedule) or stored.next_at is None:
        kit.database.write(lambda session: triggers.move(session, stored, None, stored.last_at, "the flow no longer has this schedule"))
        return
    instants, following = _instants(trigger.model, from_epoch(stored.next_at), now)
    wanted = [] if running or row.disabled else instants

    def action(session: Session) -> None:
        known = triggers.of_flow(session, stored.environment, (stored.namespace, stored.flow_id))
        if known.get(stored.trigger_id) != stored:
            return  # a push has changed it in the meantime, and with it the clock
        for instant in wanted:
            _start(session, kit, row, flow, trigger, instant, now)
        last = instants[-1].timestamp() if instants else stored.last_at
        triggers.move(session, stored, following.timestamp() if following else None, last)

    kit.database.write(action)


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


def _start(session: Session, kit: Kit, row: flows.Flow, flow: Flow, trigger: TriggerDef, instant: datetime, now: datetime) -> None:
    revision = flows.revision(session, row.id, row.live or row.revision)
    if revision is None:
        return
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
    pin = executions.live_pin(session, kit, row, revision)
    prepared = executions.settle_or_refuse(kit, order, flow, row.id, revision.revision, pin, now)
    executions.add(session, kit, prepared, now)
