"""Executions below others: found by the task run that has called them, and counted below the topmost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, select

from service.store.codec import from_json
from service.store.database import Session
from service.store.tables import Execution as Table
from service.store.tables import core

_table = core(Table)
_open = select(_table.c.id).where(_table.c.caller_run == bindparam("b_run"), _table.c.ended_at.is_(None)).order_by(_table.c.created_at, _table.c.id)
_serial = select(func.max(_table.c.serial)).where(_table.c.root_id == bindparam("b_root"))


def open_below(session: Session, task_run: str) -> tuple[str, ...]:
    """The executions that a task run has called, and that have not ended."""
    return tuple(session.execute(_open, {"b_run": task_run}).scalars())


def count_below(session: Session, root: str) -> int:
    """How many executions were ever called below one, at any depth."""
    found = session.execute(_serial, {"b_root": root}).scalar()
    return 0 if found is None else int(found) + 1


def outputs(session: Session, task_run: str) -> Mapping[int, Mapping[str, Any]]:
    """What the executions that a task run has called have given, by the number of the call; of several with one number the newest."""
    statement = select(_table.c.caller, _table.c.outputs).where(_table.c.caller_run == task_run).order_by(_table.c.created_at, _table.c.id)
    found = {int(from_json(row.caller)["number"]): from_json(row.outputs) or {} for row in session.execute(statement)}
    return dict(sorted(found.items()))
