"""The log: appended as compressed chunks with an index, never one row a line."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_iso, from_json, iso, to_json
from service.store.database import Session, announce
from service.store.statement import Statement
from service.store.tables import Execution, core
from service.store.tables import LogChunk as Table

_table, _executions = core(Table), core(Execution)
_append = Statement(upsert(_table).values({column.name: bindparam(column.name) for column in _table.c if column.name != "id"}).on_conflict_do_nothing())
_flow_of = Statement(select(_executions.c.environment, _executions.c.namespace, _executions.c.flow_id).where(_executions.c.id == bindparam("id")))
_next = Statement(
    select(func.max(_table.c.first_line + _table.c.lines)).where(
        _table.c.execution_id == bindparam("execution"),
        _table.c.task_run_id == bindparam("run"),
        _table.c.attempt == bindparam("attempt"),
        _table.c.source == bindparam("source"),
    )
)

LEVELS = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4}

_SLICE = 100  #: chunks that are deleted at once: nobody waits long behind it
_PAGE, _OVERHEAD = 1_000_000, 500  #: characters of a page, about; what an entry takes besides its message

#: Who numbers the lines: the runner numbers its own, the service's own remarks count apart.
RUNNER, SERVICE = "runner", "service"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry."""

    time: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry with whose it is. `id` grows along the execution's log: chunk and line within it."""

    chunk: int
    execution: str
    task_run: str | None
    task: str | None
    attempt: int
    line: Line


def append(
    session: Session, execution: str, task_run: str, task: str, attempt: int, lines: Sequence[Line], *, source: str = SERVICE, first: int | None = None
) -> None:
    """Stores lines. A runner's lines that are there already are left out, so that a repeated chunk is harmless."""
    if first is None:
        first = next_line(session, execution, task_run, attempt, source)
    else:
        known = next_line(session, execution, task_run, attempt, source)
        lines = lines[max(0, known - first) :]
        first = max(first, known)
    if not lines:
        return
    values = {
        "execution_id": execution,
        "task_run_id": task_run,
        "task_id": task,
        "attempt": attempt,
        "source": source,
        "first_line": first,
        "lines": len(lines),
        "first_time": min(line.time for line in lines).timestamp(),
        "last_time": max(line.time for line in lines).timestamp(),
        "level": max(LEVELS.get(line.level, 2) for line in lines),
        "data": _packed([[iso(line.time), line.level, line.message] for line in lines]),
    }
    _append.run(session, values | _whose(session, execution))
    announce(session, ("log", execution))


def forget_attempt(session: Session, execution: str, task_run: str, attempt: int) -> None:
    """Deletes what a runner has sent for an attempt: it is a file now."""
    where = (_table.c.execution_id == execution, _table.c.task_run_id == task_run, _table.c.attempt == attempt, _table.c.source == RUNNER)
    session.execute(delete(_table).where(*where))


def _packed(lines: list[list[str]]) -> bytes:
    return zlib.compress(to_json(lines).encode("utf-8", "backslashreplace"), 1)


def _whose(session: Session, execution: str) -> dict[str, Any]:
    """The flow of an execution, which logs are looked for by."""
    found = _flow_of.first(session, {"id": execution})
    return {"environment": "", "namespace": "", "flow_id": ""} if found is None else dict(found._mapping)


def forget(session: Session, chosen: Mapping[str, Any], *, level: str = "TRACE", after: int = 0) -> int | None:
    """Deletes lines of at least this level from some chunks of an execution or a flow; gives the last one's id, to go on after, and None at the end.

    What stays of a chunk keeps the numbers at its end, so that lines which come later follow it."""
    rank = LEVELS.get(level.upper(), 0)
    where = [_table.c[name] == value for name, value in chosen.items()]
    rows = session.execute(select(_table).where(*where, _table.c.id > after, _table.c.level >= rank).order_by(_table.c.id).limit(_SLICE)).all()
    for row in rows:
        lines = from_json(zlib.decompress(row.data).decode("utf-8")) if rank else []
        left = [line for line in lines if LEVELS.get(line[1], 2) < rank]
        if not left:
            session.execute(delete(_table).where(_table.c.id == row.id))
            continue
        values = {"first_line": row.first_line + row.lines - len(left), "lines": len(left), "level": max(LEVELS.get(line[1], 2) for line in left)}
        session.execute(update(_table).where(_table.c.id == row.id).values(data=_packed(left), **values))
    return rows[-1].id if rows else None


def next_line(session: Session, execution: str, task_run: str, attempt: int, source: str = RUNNER) -> int:
    """The number of the first line that is not stored yet."""
    found = _next.value(session, {"execution": execution, "run": task_run, "attempt": attempt, "source": source})
    return int(found or 0)


def newest(session: Session, execution: str) -> int:
    """The id of the last chunk; 0 when there is none."""
    return int(session.execute(select(func.max(_table.c.id)).where(_table.c.execution_id == execution)).scalar() or 0)


def page(
    session: Session,
    execution: str,
    *,
    after: int = 0,
    until: int | None = None,
    level: str = "TRACE",
    task_run: str | None = None,
    task: str | None = None,
    attempt: int | None = None,
) -> tuple[Entry, ...]:
    """What `read` would give next, in whole chunks and as much as may be held at once; empty at the end. The last entry's chunk is the next `after`."""
    found: list[Entry] = []
    size = 0
    for entry in read(session, execution, after=after, until=until, level=level, task_run=task_run, task=task, attempt=attempt):
        if size > _PAGE and entry.chunk != found[-1].chunk:
            break
        found.append(entry)
        size += len(entry.line.message) + _OVERHEAD
    return tuple(found)


def read(
    session: Session,
    execution: str,
    *,
    after: int = 0,
    until: int | None = None,
    level: str = "TRACE",
    task_run: str | None = None,
    task: str | None = None,
    attempt: int | None = None,
) -> Iterator[Entry]:
    """Entries of at least this level in the order in which they were stored, from chunks with an id above `after` and up to `until`."""
    rank = LEVELS.get(level.upper(), 0)
    statement = select(_table).where(_table.c.execution_id == execution, _table.c.id > after, _table.c.level >= rank).order_by(_table.c.id)
    if until is not None:
        statement = statement.where(_table.c.id <= until)
    if task_run is not None:
        statement = statement.where(_table.c.task_run_id == task_run)
    if task is not None:
        statement = statement.where(_table.c.task_id == task)
    if attempt is not None:
        statement = statement.where(_table.c.attempt == attempt)
    for row in session.execute(statement.execution_options(yield_per=50)):
        for time, severity, message in from_json(zlib.decompress(row.data).decode("utf-8")):
            if LEVELS.get(severity, 2) >= rank:
                yield Entry(row.id, execution, row.task_run_id or None, row.task_id or None, row.attempt, Line(from_iso(time), severity, message))
