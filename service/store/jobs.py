"""The dispatcher's queue: attempts that wait for a runner or are leased to one.

The epoch grows with every claim. Whatever a runner says must carry the epoch it was given; an older one finds its lease gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from service.store.database import Session, announce
from service.store.tables import Execution, core
from service.store.tables import Job as Table

_table, _executions = core(Table), core(Execution)


@dataclass(frozen=True, slots=True)
class Job:
    """An attempt in the queue (`queued`), with a runner (`leased`), or over (`done`)."""

    id: int
    execution_id: str
    task_run_id: str
    attempt: int
    epoch: int
    state: str
    runner: str | None
    lease_until: float | None
    stop: bool
    result: str | None
    pool: bool = False
    cache_key: str | None = None
    cache_ttl: float | None = None


def queue(session: Session, execution: str, task_run: str, attempt: int, *, pool: bool = False) -> None:
    """Puts an attempt into the queue of the runners, or into that of the service's own pool."""
    values = {"execution_id": execution, "task_run_id": task_run, "attempt": attempt, "epoch": 0, "state": "queued", "stop": False, "pool": pool}
    session.execute(insert(_table).values(**values))
    announce(session, ("pool" if pool else "jobs", ""))


def claim(session: Session, runner: str, until: float | None, *, pool: bool = False) -> Job | None:
    """Leases the oldest waiting attempt to a runner, or to the pool, whose leases have no end."""
    oldest = select(_table.c.id).where(_table.c.state == "queued", _table.c.pool.is_(pool)).order_by(_table.c.id).limit(1).scalar_subquery()
    statement = update(_table).where(_table.c.id == oldest).values(state="leased", runner=runner, lease_until=until, epoch=_table.c.epoch + 1)
    row = session.execute(statement.returning(*_table.c)).first()
    return None if row is None else Job(**row._mapping)


def get(session: Session, task_run: str, attempt: int) -> Job | None:
    """One attempt."""
    row = session.execute(select(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt)).first()
    return None if row is None else Job(**row._mapping)


def beat(session: Session, job: Job, until: float) -> None:
    """Keeps a lease."""
    session.execute(update(_table).where(_table.c.id == job.id).values(lease_until=until))


def stop(session: Session, task_run: str, attempt: int) -> None:
    """Marks a leased attempt to be stopped: its runner hears it at the next beat."""
    session.execute(update(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt).values(stop=True))
    announce(session, ("stops", ""))


def end(session: Session, task_run: str, attempt: int, result: str) -> None:
    """Ends an attempt; `result` tells a repeat of the accepted report from a rival one."""
    session.execute(update(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt).values(state="done", result=result, lease_until=None))


def drop(session: Session, task_run: str, attempt: int) -> None:
    """Takes an attempt out; a lease on it is gone."""
    session.execute(delete(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt))
    announce(session, ("stops", ""))


def expired(session: Session, at: float) -> tuple[Job, ...]:
    """Leases that ran out."""
    statement = select(_table).where(_table.c.state == "leased", _table.c.lease_until < at).order_by(_table.c.id).limit(200)
    return tuple(Job(**row._mapping) for row in session.execute(statement))


def leased(session: Session, *, pool: bool = False) -> tuple[Job, ...]:
    """All leases of runners, or of the pool."""
    return tuple(Job(**row._mapping) for row in session.execute(select(_table).where(_table.c.state == "leased", _table.c.pool.is_(pool))))


def caches(session: Session, job: Job, key: str, ttl: float | None) -> None:
    """Notes where the outputs of a leased attempt are kept once it has ended well."""
    session.execute(update(_table).where(_table.c.id == job.id, _table.c.epoch == job.epoch).values(cache_key=key, cache_ttl=ttl))


def extend(session: Session, jobs: Iterable[Job], until: float) -> None:
    """Gives runners a fresh lease time: after a restart of ours, silence was our fault."""
    for job in jobs:
        beat(session, job, until)


def forget(session: Session, before: float, limit: int) -> int:
    """Deletes attempts that are over, of executions that ended before a moment; how many. A runner that repeats its report then hears `Gone`."""
    over = select(_table.c.id).join(_executions, _executions.c.id == _table.c.execution_id).where(_table.c.state == "done", _executions.c.ended_at < before)
    return session.execute(delete(_table).where(_table.c.id.in_(over.limit(limit).scalar_subquery()))).rowcount
