"""Task runs as they are stored, for those who show them: texts of JSON that need not be read to be passed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from service.store.database import Session
from service.store.tables import TaskRun as Table
from service.store.tables import core

_table = core(Table)
_NAMES = ("id", "task_id", "parent_id", "value", "iteration", "history", "attempts", "outputs", "ended_at")
_columns = [_table.c[name] for name in _NAMES]


@dataclass(frozen=True, slots=True)
class Stored:
    """A task run. `history`, `attempts` and `outputs` are JSON."""

    id: str
    task: str
    parent: str | None
    value: str | None
    iteration: int | None
    history: str
    attempts: str
    outputs: str | None
    ended: bool


def every(session: Session, execution: str, *, limit: int | None = None, offset: int = 0) -> Iterator[Stored]:
    """All of an execution in the order of their creation, or some of these."""
    return _read(session, select(*_columns).where(_table.c.execution_id == execution).order_by(_table.c.position).limit(limit).offset(offset))


def changed(session: Session, execution: str, since: int) -> Iterator[Stored]:
    """Those that were made or changed after a version of the execution, in the order of their creation. None of those that were taken out of it."""
    return _read(session, select(*_columns).where(_table.c.execution_id == execution, _table.c.version > since).order_by(_table.c.position))


def outputs(session: Session, run: str) -> str | None:
    """The outputs of one task run, in JSON."""
    found: str | None = session.execute(select(_table.c.outputs).where(_table.c.id == run)).scalar()
    return found


def count(session: Session, execution: str) -> int:
    """How many there are."""
    return int(session.execute(select(func.count()).select_from(_table).where(_table.c.execution_id == execution)).scalar_one())


def _read(session: Session, statement: Select[Any]) -> Iterator[Stored]:
    for id, task, parent, value, iteration, history, attempts, outputs, ended_at in session.execute(statement):
        yield Stored(id, task, parent, value, iteration, history, attempts, outputs, ended_at is not None)
