"""What the executor still has to hear: events that wait in order, and timers that are not due yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from sqlalchemy import BindParameter, ColumnElement, Float, bindparam, delete, func, insert, select, update

from service.engine.events import Due, Event
from service.engine.state import State
from service.store.codec import from_json, to_json
from service.store.database import Session, announce
from service.store.statement import Statement, insert_into
from service.store.tables import Event as Table
from service.store.tables import Timer as TimerTable
from service.store.tables import core

_table, _timers = core(Table), core(TimerTable)

_add = insert_into(_table, "execution_id", "task_run_id", "kind", "payload", "not_before", "failures", "asked")

_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}

#: An event that could not be dealt with this often ends its execution.
FAILURES = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event and whom it is for. `timer` says that its row is a timer's; `event` is None where this version can't read the row."""

    id: int
    execution: str
    task_run: str | None
    event: Event | None
    failures: int = 0
    timer: bool = False
    asked: str | None = None


def add(session: Session, execution: str, task_run: str | None, event: Event, asked: str | None = None) -> int:
    """Lets the executor know; returns the event's number. The answer will be found under `asked`."""
    values = {"execution_id": execution, "task_run_id": task_run, "kind": type(event).__name__, "payload": to_json(asdict(event))}
    announce(session, ("events", ""))
    return _add.inserted(session, values | {"not_before": 0.0, "failures": 0, "asked": asked})


def waiting(session: Session, at: float, limit: int, among: Collection[str] | None = None) -> tuple[Waiting, ...]:
    """The oldest events and the timers that are due, up to `limit` of each; `among`: only those of some executions."""
    given = {"at": at, "most": limit}
    if among is None:
        events, due = _waiting.rows(session, given), _due.rows(session, given)
    else:
        events = session.execute(_all_waiting.where(_table.c.execution_id.in_(among)), given).all()
        due = session.execute(_all_due.where(_timers.c.execution_id.in_(among)), given).all()
    found = [Waiting(row.id, row.execution_id, row.task_run_id, _event(row.kind, row.payload), row.failures, asked=row.asked) for row in events]
    return (*found, *(Waiting(row.id, row.execution_id, row.task_run_id, Due(row.kind), timer=True) for row in due))


def newest(session: Session, at: float, limit: int, apart: Collection[str]) -> tuple[str, ...]:
    """The executions, but for some, for which something waits: those for which the newest came last first, and as many with a timer that is due."""
    events = select(_table.c.execution_id).where(_free(_table.c.execution_id, at), _table.c.execution_id.not_in(apart))
    came = events.group_by(_table.c.execution_id).order_by(func.max(_table.c.id).desc()).limit(limit)
    timers = select(_timers.c.execution_id).where(_timers.c.due_at <= at, _free(_timers.c.execution_id, at), _timers.c.execution_id.not_in(apart))
    due = timers.group_by(_timers.c.execution_id).order_by(func.max(_timers.c.due_at).desc()).limit(limit)
    return tuple(dict.fromkeys((*session.execute(came).scalars(), *session.execute(due).scalars())))


def _free(execution: ColumnElement[str], at: float | BindParameter[float]) -> ColumnElement[bool]:
    """Whether an execution may hear something: what is set aside holds back all that came later, timers too, because it is heard in order."""
    return execution.not_in(select(_table.c.execution_id).where(_table.c.not_before > at))


_AT = bindparam("at", type_=Float)
_all_waiting = select(_table).where(_free(_table.c.execution_id, _AT)).order_by(_table.c.id).limit(bindparam("most"))
_all_due = select(_timers).where(_timers.c.due_at <= _AT, _free(_timers.c.execution_id, _AT)).order_by(_timers.c.due_at, _timers.c.id).limit(bindparam("most"))
_waiting, _due = Statement(_all_waiting), Statement(_all_due)
_released = select(func.max(_table.c.not_before).label("at")).where(_table.c.not_before > _AT).group_by(_table.c.execution_id).subquery()
_moments = (
    Statement(select(func.min(_timers.c.due_at)).where(_free(_timers.c.execution_id, _AT))),
    Statement(select(func.min(_table.c.not_before)).where(_free(_table.c.execution_id, _AT))),
    Statement(select(func.min(_released.c.at))),
)
_remove, _remove_timer = (Statement(delete(table).where(table.c.id == bindparam("id"))) for table in (_table, _timers))


def remove(session: Session, heard: Sequence[Waiting]) -> None:
    """Forgets what has been dealt with."""
    _remove.run_all(session, [{"id": entry.id} for entry in heard if not entry.timer])
    _remove_timer.run_all(session, [{"id": entry.id} for entry in heard if entry.timer])


def put_off(session: Session, entry: Waiting, until: float) -> None:
    """Sets one aside that could not be dealt with. A timer becomes an event, which counts its failures."""
    if entry.timer:
        remove(session, [entry])
        due = entry.event or Due("")
        values = {"kind": type(due).__name__, "payload": to_json(asdict(due)), "failures": 1, "not_before": until}
        session.execute(insert(_table).values(execution_id=entry.execution, task_run_id=entry.task_run, **values))
    else:
        session.execute(update(_table).where(_table.c.id == entry.id).values(failures=_table.c.failures + 1, not_before=until))


def wake(session: Session, timers: Iterable[tuple[str, str | None, str, float]]) -> None:
    """Sets timers: (execution, task run or None, kind, due)."""
    rows = [{"execution_id": execution, "task_run_id": run, "kind": kind, "due_at": due} for execution, run, kind, due in timers]
    if rows:
        session.execute(insert(_timers), rows)
        announce(session, ("events", ""))


def unwake(session: Session, execution: str, run: str | None, kind: str) -> None:
    """Forgets the timers of a task run; for None those of this kind of the execution."""
    only = _timers.c.task_run_id == run if run is not None else _timers.c.task_run_id.is_(None) & (_timers.c.kind == kind)
    session.execute(delete(_timers).where(_timers.c.execution_id == execution, only))


def asked(session: Session, execution: str) -> tuple[str, ...]:
    """What is still to be answered of an execution."""
    statement = select(_table.c.asked).where(_table.c.execution_id == execution, _table.c.asked.is_not(None))
    return tuple(session.execute(statement).scalars())


def forget_all(session: Session, execution: str) -> None:
    """Nothing is heard of an execution any more."""
    for table in (_table, _timers):
        session.execute(delete(table).where(table.c.execution_id == execution))


def next_due(session: Session, at: float) -> float | None:
    """The earliest moment, seen from `at`, at which `waiting` finds something; None when nothing is to come."""
    found = [moment.value(session, {"at": at}) for moment in _moments]
    return min((moment for moment in found if moment is not None), default=None)


def _event(kind: str, payload: str) -> Event | None:
    """None for a row that can't be read: it fails alone, not the batch that it is in."""
    try:
        values: dict[str, Any] = from_json(payload)
        if "state" in values:
            values["state"] = State(values["state"])
        return _KINDS[kind](**values)
    except (ValueError, KeyError, TypeError):
        return None
