"""Executions below others: found by the task run that has called them, and counted below the topmost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, select

from service.engine.execution import LOOP
from service.store.codec import from_json
from service.store.database import Session
from service.store.statement import Statement, by
from service.store.tables import Execution as Table
from service.store.tables import TaskRun as RunTable
from service.store.tables import core

_table, _runs = core(Table), core(RunTable)
_open = select(_table.c.id).where(_table.c.caller_run == bindparam("b_run"), _table.c.ended_at.is_(None)).order_by(_table.c.created_at, _table.c.id)
_called = by(_table, "once")
_serial = Statement(select(func.max(_table.c.serial)).where(_table.c.root_id == bindparam("root")))


def open_below(session: Session, task_run: str) -> tuple[str, ...]:
    """The executions that a task run has called, and that have not ended."""
    return tuple(session.execute(_open, {"b_run": task_run}).scalars())


def name(task_run: str, attempt: int, number: int) -> str:
    """The `once` of an execution that an attempt calls under a number."""
    return f"call:{task_run}:{attempt}:{number}"


def called_before(session: Session, task_run: str, before: int, number: int) -> str | None:
    """The execution that the last attempt before this one has called under a number."""
    for attempt in range(before - 1, 0, -1):
        row = _called.first(session, {"once": name(task_run, attempt, number)})
        if row is not None:
            return str(row.id)
    return None


def count_below(session: Session, root: str) -> int:
    """How many executions were ever called below one, at any depth."""
    found = _serial.value(session, {"root": root})
    return 0 if found is None else int(found) + 1


def outputs(session: Session, task_run: str, *, fetch: bool = True) -> Mapping[int, Mapping[str, Any]]:
    """What the executions that a task run has called have given, by the number of the call, of those that gave something; of several with one number the
    newest. Without `fetch` only the numbers are read."""
    columns = (_table.c.caller, _table.c.outputs) if fetch else (_table.c.caller,)
    statement = select(*columns).where(_table.c.caller_run == task_run, _table.c.outputs.is_not(None)).order_by(_table.c.created_at, _table.c.id)
    found = {int(from_json(row.caller)["number"]): from_json(row.outputs) if fetch else {} for row in session.execute(statement)}
    return dict(sorted(found.items()))


def size_of_outputs(session: Session, task_run: str) -> int:
    """How many characters these are."""
    return int(session.execute(select(func.coalesce(func.sum(func.length(_table.c.outputs)), 0)).where(_table.c.caller_run == task_run)).scalar_one())


def iterations(session: Session, execution: str) -> tuple[str, ...]:
    """The iterations of the loops of an execution, and of the loops in these."""
    below = select(_runs.c.execution_id.label("around"), _table.c.id).join(_table, _table.c.caller_run == _runs.c.id).where(_table.c.kind == LOOP)
    tree = below.where(_runs.c.execution_id == execution).cte("iterations", recursive=True)
    again = select(_runs.c.execution_id, _table.c.id).join(_table, _table.c.caller_run == _runs.c.id).join(tree, _runs.c.execution_id == tree.c.id)
    tree = tree.union_all(again.where(_table.c.kind == LOOP))
    return tuple(session.execute(select(tree.c.id)).scalars())
