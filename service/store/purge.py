"""What is taken away on somebody's order: executions that have ended, and what they have left. Everything in slices, so that nobody waits long behind one."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, func, select, tuple_, update

from service.engine.state import TERMINAL, State
from service.store.codec import from_iso, from_json, to_json
from service.store.database import Session
from service.store.logs import LEVELS
from service.store.tables import CachedOutputs, Event, Execution, Job, LogChunk, Metric, TaskRun, Timer, core

_executions, _chunks, _metrics = core(Execution), core(LogChunk), core(Metric)
_ENDED = tuple(state.value for state in TERMINAL)

SLICE = 1_000  #: rows in one transaction
_CHUNKS = 50  #: log chunks that are held at once

#: By what is taken away, the tables whose rows go. An execution takes with it what can't be reached without it.
_LEFT: dict[str, tuple[Table, ...]] = {
    "log": (_chunks,),
    "metric": (_metrics,),
    "execution": (_chunks, core(TaskRun), core(Job), core(Event), core(Timer), core(CachedOutputs)),
}


@dataclass(frozen=True, slots=True)
class Range:
    """Which executions. `below`: of the namespaces under `namespace`, too. Times are of their creation; of log entries, those of the entries."""

    environment: str
    namespace: str | None = None
    flow: str | None = None
    below: bool = False
    states: tuple[State, ...] = ()
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Old:
    """An execution that has ended."""

    created_at: float
    id: str
    namespace: str
    flow: str


def counts(session: Session, wanted: Range) -> dict[tuple[str, str], int]:
    """How many executions there are of each flow, by namespace and id."""
    names = (_executions.c.namespace, _executions.c.flow_id)
    where = [*_of(wanted), *_created(wanted), *([_executions.c.state.in_([state.value for state in wanted.states])] if wanted.states else [])]
    return {(row[0], row[1]): int(row[2]) for row in session.execute(select(*names, func.count()).where(*where).group_by(*names).order_by(*names))}


def ended(session: Session, wanted: Range, after: Old | None, limit: int) -> tuple[Old, ...]:
    """Executions that have ended, the oldest first."""
    states = [state for state in _ENDED if not wanted.states or State(state) in wanted.states]
    where = [*_of(wanted), *_created(wanted), _executions.c.state.in_(states)]
    if after is not None:
        where.append(tuple_(_executions.c.created_at, _executions.c.id) > (after.created_at, after.id))
    columns = (_executions.c.created_at, _executions.c.id, _executions.c.namespace, _executions.c.flow_id)
    return tuple(Old(*row) for row in session.execute(select(*columns).where(*where).order_by(*columns[:2]).limit(limit)))


def forget_left(session: Session, what: str, ids: Sequence[str]) -> tuple[int, int]:
    """Deletes a slice of what executions have left; how many rows, and how many entries they were of."""
    for table in _LEFT[what]:
        key = next(iter(table.primary_key.columns))
        lines = table.c.lines if table is _chunks else key
        found = session.execute(select(key, lines).where(table.c.execution_id.in_(ids)).limit(SLICE)).all()
        if found:
            session.execute(delete(table).where(key.in_([row[0] for row in found])))
            return len(found), sum(row[1] for row in found) if table is _chunks else len(found)
    return 0, 0


def forget_executions(session: Session, ids: Sequence[str]) -> int:
    """Deletes executions, unless they have been opened again; how many."""
    return session.execute(delete(_executions).where(_executions.c.id.in_(ids), _executions.c.state.in_(_ENDED))).rowcount


# log entries


def chunks(session: Session, wanted: Range, levels: Collection[str], after: int) -> tuple[tuple[int, str], ...]:
    """Some chunks of the log, by id and namespace, that may hold such entries, of executions that have ended."""
    where = [*_of(wanted), _executions.c.state.in_(_ENDED), _chunks.c.id > after]
    if wanted.since is not None:
        where.append(_chunks.c.last_time >= wanted.since)
    if wanted.until is not None:
        where.append(_chunks.c.first_time < wanted.until)
    if levels:
        where.append(_chunks.c.level >= min(LEVELS[level] for level in levels))
    statement = select(_chunks.c.id, _executions.c.namespace).join_from(_chunks, _executions, _executions.c.id == _chunks.c.execution_id)
    return tuple((row[0], row[1]) for row in session.execute(statement.where(*where).order_by(_chunks.c.id).limit(_CHUNKS)))


def forget_entries(session: Session, ids: Sequence[int], wanted: Range, levels: Collection[str]) -> int:
    """Takes such entries out of chunks; how many."""
    gone = 0
    for row in session.execute(select(_chunks).where(_chunks.c.id.in_(ids))).all():
        entries = from_json(zlib.decompress(row.data).decode("utf-8"))
        left = [entry for entry in entries if not _goes(entry, wanted, levels)]
        gone += len(entries) - len(left)
        if not left:
            session.execute(delete(_chunks).where(_chunks.c.id == row.id))
        elif len(left) < len(entries):
            session.execute(update(_chunks).where(_chunks.c.id == row.id).values(**_packed(left)))
    return gone


def _goes(entry: Sequence[str], wanted: Range, levels: Collection[str]) -> bool:
    at = from_iso(entry[0]).timestamp()
    return (not levels or entry[1] in levels) and (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


def _packed(entries: Sequence[Sequence[str]]) -> dict[str, Any]:
    return {
        "lines": len(entries),
        "first_time": from_iso(entries[0][0]).timestamp(),
        "last_time": from_iso(entries[-1][0]).timestamp(),
        "level": max(LEVELS.get(entry[1], 2) for entry in entries),
        "data": zlib.compress(to_json(entries).encode("utf-8", "backslashreplace"), 1),
    }


def _of(wanted: Range) -> list[Any]:
    where: list[Any] = [_executions.c.environment == wanted.environment]
    if wanted.namespace is not None:
        below = _executions.c.namespace.startswith(f"{wanted.namespace}.", autoescape=True)
        same = _executions.c.namespace == wanted.namespace
        where.append(same | below if wanted.below else same)
    if wanted.flow is not None:
        where.append(_executions.c.flow_id == wanted.flow)
    return where


def _created(wanted: Range) -> list[Any]:
    since = [] if wanted.since is None else [_executions.c.created_at >= wanted.since]
    return since + ([] if wanted.until is None else [_executions.c.created_at < wanted.until])
