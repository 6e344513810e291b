"""The dispatcher's queue: attempts that wait for a runner or are leased to one.

An attempt waits in a lane: for any runner, or for the one that holds the folder which it shares. The epoch grows with every claim. Whatever a runner says must
carry the epoch it was given; an older one finds its lease gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Executable, Subquery, bindparam, delete, func, insert, literal, select, union_all, update

from service.engine.program import Route
from service.store.database import Session, announce
from service.store.lanes import ANYONE, OPENING, PAST_ROUTED, POOL, ROUTED, RoutedLane, fitting, lane, own
from service.store.tables import Execution, core
from service.store.tables import Job as Table

_table, _executions = core(Table), core(Execution)

#: Somebody should look whether there are runners for what waits for certain ones.
ROUTES = ("routes", "")
#: How many lanes of attempts for certain runners are looked at, and how many of them a claim chooses from: what waits in others comes up when these are empty.
_LANES, _CHOSEN = 1_000, 100


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
    folder: str | None
    lane: str
    opened: bool
    cache_key: str | None = None
    cache_ttl: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is a folder for others."""
        return self.folder == self.task_run_id


def queue(  # noqa: PLR0913 - what is known of an attempt
    session: Session, execution: str, task_run: str, attempt: int, folder: str | None = None, *, pool: bool = False, route: Route | None = None
) -> None:
    """Puts an attempt into the queue: for the service itself, for the runners of a route or any, or for the one that holds its folder. Where none does, for
    nobody: whoever waits for the folder hears that it is gone, and has this attempt dropped."""
    where = POOL if pool else lane(route, opening=folder == task_run)
    if folder not in (None, task_run):
        held = holder(session, str(folder))
        where = own(held.runner if held and held.runner else "")
    row = {
        "execution_id": execution,
        "task_run_id": task_run,
        "attempt": attempt,
        "epoch": 0,
        "state": "queued",
        "stop": False,
        "folder": folder,
        "lane": where,
    }
    session.execute(insert(_table).values(opened=False, **row))
    announce(session, ("pool" if pool else "jobs", ""))
    if where.startswith(ROUTED):
        announce(session, ROUTES)


@dataclass(frozen=True, slots=True)
class Claimant:
    """A runner that asks. It holds so many folders at most; one that is `reserved` takes nothing but what asks for its labels."""

    id: str
    folders: int
    labels: Mapping[str, str] = field(default_factory=dict)
    reserved: bool = False


def claim(session: Session, runner: Claimant, until: float) -> Job | None:
    """Leases a waiting attempt to a runner: the oldest of those that wait for it alone, else of all that it may have."""
    routed = fitting(waiting_lanes(session), runner.labels)[:_CHOSEN] if runner.labels else []
    statement = _claiming(routed, runner.reserved) if routed or runner.reserved else _CLAIM
    row = session.execute(statement, {"own": own(runner.id), "who": runner.id, "until": until, "folders": runner.folders}).first()
    return None if row is None else Job(**row._mapping)


def waiting_lanes(session: Session) -> list[str]:
    """The lanes in which attempts for certain runners wait. One look into the index for each, however many attempts wait there."""
    return [name for (name,) in session.execute(_WAITING_LANES)]


def waiting(session: Session, lane: RoutedLane, limit: int) -> tuple[Job, ...]:
    """The oldest attempts of a lane."""
    wanted = (_table.c.state == "queued", _table.c.lane == lane.name)
    return tuple(Job(**row._mapping) for row in session.execute(select(_table).where(*wanted).order_by(_table.c.id).limit(limit)))


def free(session: Session, waits: RoutedLane) -> None:
    """What waits in a lane is for any runner from now on."""
    wanted = (_table.c.state == "queued", _table.c.lane == waits.name)
    session.execute(update(_table).where(*wanted).values(lane=lane(None, opening=waits.opening)))
    announce(session, ("jobs", ""))


def claim_pooled(session: Session, name: str) -> Job | None:
    """Takes the oldest attempt that the service does itself."""
    row = session.execute(_POOLED, {"who": name}).first()
    return None if row is None else Job(**row._mapping)


def _claiming(routed: Sequence[RoutedLane] = (), reserved: bool = False) -> Executable:
    """A claim costs a look into the index for each lane, however many attempts wait."""
    leased = (_table.c.state == "leased", _table.c.lane != POOL, _table.c.folder == _table.c.task_run_id, _table.c.runner == bindparam("who"))
    room = select(func.count()).where(*leased).scalar_subquery() < bindparam("folders")
    lanes = [_oldest(bindparam("own"), 0), *(_oldest(one.name, 1, *([room] if one.opening else [])) for one in routed)]
    if not reserved:
        lanes += [_oldest(ANYONE, 1), _oldest(OPENING, 1, room)]
    found = union_all(*(select(one.c.id, one.c.rank) for one in lanes)).subquery()
    first = select(found.c.id).order_by(found.c.rank, found.c.id).limit(1).scalar_subquery()
    changes = {"state": "leased", "runner": bindparam("who"), "lease_until": bindparam("until"), "epoch": _table.c.epoch + 1}
    return update(_table).where(_table.c.id == first).values(**changes).returning(*_table.c)


def _next_lane(after: Any) -> Any:
    wanted = (_table.c.state == "queued", _table.c.lane > after, _table.c.lane < PAST_ROUTED)
    return select(_table.c.lane).where(*wanted).order_by(_table.c.lane).limit(1).scalar_subquery()


def _walking() -> Executable:
    lanes = select(_next_lane(ROUTED).label("lane")).cte("lanes", recursive=True)
    lanes = lanes.union_all(select(_next_lane(lanes.c.lane)).where(lanes.c.lane.is_not(None)))
    return select(lanes.c.lane).where(lanes.c.lane.is_not(None)).limit(_LANES)


_WAITING_LANES = _walking()


def _oldest(lane: Any, rank: int, *more: ColumnElement[bool]) -> Subquery:
    wanted = (_table.c.state == "queued", _table.c.lane == lane, *more)
    return select(_table.c.id, literal(rank).label("rank")).where(*wanted).order_by(_table.c.id).limit(1).subquery()


_CLAIM = _claiming()
_POOLED = (
    update(_table)
    .where(_table.c.id == select(_oldest(POOL, 0).c.id).scalar_subquery())
    .values(state="leased", runner=bindparam("who"), lease_until=None, epoch=_table.c.epoch + 1)
    .returning(*_table.c)
)


def holder(session: Session, task_run: str) -> Job | None:
    """The lease that holds a group's folder."""
    wanted = (_table.c.task_run_id == task_run, _table.c.state == "leased", _table.c.folder == task_run)
    row = session.execute(select(_table).where(*wanted).order_by(_table.c.attempt.desc()).limit(1)).first()
    return None if row is None else Job(**row._mapping)


def open_folder(session: Session, job: Job) -> None:
    """Notes that a folder stands."""
    session.execute(update(_table).where(_table.c.id == job.id).values(opened=True))


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
    statement = update(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt).values(state="done", result=result, lease_until=None)
    _made_room(session, session.execute(statement.returning(_table.c.lane)).scalar())


def hand_over(session: Session, job: Job, gathered: str) -> None:
    """Has the service go on where a runner has done its part, which is what it has gathered. The lease is over."""
    changes = {"state": "queued", "lane": POOL, "runner": None, "lease_until": None, "folder": None, "result": gathered}
    session.execute(update(_table).where(_table.c.id == job.id).values(**changes))
    announce(session, ("pool", ""))


def drop(session: Session, task_run: str, attempt: int) -> None:
    """Takes an attempt out; a lease on it is gone."""
    statement = delete(_table).where(_table.c.task_run_id == task_run, _table.c.attempt == attempt)
    _made_room(session, session.execute(statement.returning(_table.c.lane)).scalar())
    announce(session, ("stops", ""))


def _made_room(session: Session, lane: str | None) -> None:
    """Whoever held a folder can hold another one, and may be waiting for it."""
    if lane == OPENING or (lane is not None and lane.startswith(ROUTED) and RoutedLane.of(lane).opening):
        announce(session, ("jobs", ""))


def expired(session: Session, at: float) -> tuple[Job, ...]:
    """Leases that ran out."""
    statement = select(_table).where(_table.c.state == "leased", _table.c.lease_until < at).order_by(_table.c.id).limit(200)
    return tuple(Job(**row._mapping) for row in session.execute(statement))


def leased(session: Session, *, pool: bool = False) -> tuple[Job, ...]:
    """All leases of runners, or what the service is doing itself."""
    lane = (_table.c.lane == POOL) if pool else (_table.c.lane != POOL)
    return tuple(Job(**row._mapping) for row in session.execute(select(_table).where(_table.c.state == "leased", lane)))


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
