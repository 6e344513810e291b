"""Task runs. Written by the executor alone."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from service.engine.execution import Path, TaskRun
from service.engine.state import State
from service.store.codec import attempts_from, attempts_to_json, from_json, history_from, history_to_json, to_json
from service.store.database import Session
from service.store.executions import Row
from service.store.statement import Statement, by, insert_into
from service.store.tables import STANDING, core
from service.store.tables import Execution as ExecutionTable
from service.store.tables import TaskRun as Table

_table, _executions = core(Table), core(ExecutionTable)
_MANY = 500  #: ids in one statement
_FEW = 100  #: task runs that are read to see whether there is one


def path(session: Session, row: Row, task_run: str | None) -> Path:
    """A task run with its ancestors; without one, the bare execution."""
    runs: list[TaskRun] = []
    while task_run is not None and (found := run(session, task_run)) is not None:
        runs.append(found)
        task_run = found.parent
    return Path(row.execution, tuple(reversed(runs)))


_one_run = by(_table, "id")
_kept = Statement(select(_table.c.keep).where(_table.c.id == bindparam("id")))
_last = Statement(select(func.max(_table.c.position)).where(_table.c.execution_id == bindparam("execution")))


def run(session: Session, id: str) -> TaskRun | None:
    """One task run."""
    found = _one_run.first(session, {"id": id})
    return None if found is None else _run(found)


def runs(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """All task runs in the order of their creation, outputs included."""
    return tuple(_run(row, outputs=True) for row in session.execute(select(_table).where(_table.c.execution_id == execution).order_by(_table.c.position)))


def active(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """Task runs that have not ended."""
    statement = select(_table).where(_table.c.execution_id == execution, _table.c.ended_at.is_(None)).order_by(_table.c.position)
    return tuple(_run(row) for row in session.execute(statement))


def paused(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """Task runs that pause, the oldest first."""
    where = (_table.c.execution_id == execution, _table.c.state == State.PAUSED.value, STANDING)
    return tuple(_run(row) for row in session.execute(select(_table).where(*where).order_by(_table.c.position)))


def last_failed(session: Session, execution: str) -> TaskRun | None:
    """The task run that was made last of those that have failed: of a group that failed, and the task because of which it did, the task."""
    where = (_table.c.execution_id == execution, _table.c.state == State.FAILED.value)
    row = session.execute(select(_table).where(*where).order_by(_table.c.position.desc()).limit(1)).first()
    return None if row is None else _run(row)


def below(session: Session, execution: str, run: str | None) -> tuple[TaskRun, ...]:
    """The task runs below one, or all of the execution, in the order of their creation."""
    if run is None:
        rows = session.execute(select(_table).where(_table.c.execution_id == execution).order_by(_table.c.position))
    else:
        tree = select(_table.c.id).where(_table.c.parent_id == run).cte("tree", recursive=True)
        tree = tree.union_all(select(_table.c.id).where(_table.c.parent_id == tree.c.id))
        rows = session.execute(select(_table).where(_table.c.id.in_(select(tree.c.id))).order_by(_table.c.position))
    return tuple(_run(row) for row in rows)


_standing = Statement(
    select(_table.c.position, _table.c.id)
    .where(_table.c.execution_id == bindparam("b_execution"), _table.c.state == bindparam("b_state"), _table.c.position > bindparam("b_after"), STANDING)
    .order_by(_table.c.position)
    .limit(_FEW)
)


def standing(session: Session, execution: str, state: State, after: int) -> tuple[tuple[int, str], ...]:
    """Some task runs that are under way or wait, in this state and made after a position: their positions and ids, in order. None: there are no more."""
    found = _standing.rows(session, {"b_execution": execution, "b_state": state.value, "b_after": after})
    return tuple((row.position, row.id) for row in found)


def kept(session: Session, run: str) -> Any:
    """What a flowable keeps; None where it keeps nothing."""
    found = _kept.value(session, {"id": run})
    return None if found is None else from_json(found)


def forget(session: Session, ids: Sequence[str]) -> None:
    """Takes task runs out of an execution: what they did is done again. Whoever has seen them is told by `rewound`."""
    if ids:
        whose = select(_table.c.execution_id).where(_table.c.id == ids[0]).scalar_subquery()
        session.execute(update(_executions).where(_executions.c.id == whose).values(rewound=_executions.c.version))
    for at in range(0, len(ids), _MANY):
        session.execute(delete(_table).where(_table.c.id.in_(ids[at : at + _MANY])))


def last_position(session: Session, execution: str) -> int:
    """The position of the newest task run, -1 when there is none."""
    found = _last.value(session, {"execution": execution})
    return -1 if found is None else int(found)


_MOVING = ("state", "history", "attempts", "memory", "calls", "version", "ended_at")
_COLUMNS = (*_MOVING, "id", "execution_id", "position", "task_id", "parent_id", "value", "iteration", "outputs", "loop_values", "keep", "leaf")
_insert_run = insert_into(_table, *_COLUMNS)
_update_run = Statement(update(_table).where(_table.c.id == bindparam("b_id")).values({name: bindparam(name) for name in _MOVING}))
_update_keep = Statement(update(_table).where(_table.c.id == bindparam("b_id")).values(keep=bindparam("keep")))
_update_outputs = Statement(update(_table).where(_table.c.id == bindparam("b_id")).values(outputs=bindparam("outputs")))
_version = Statement(select(_executions.c.version).where(_executions.c.id == bindparam("id")))


def save(session: Session, new: Sequence[tuple[int, TaskRun]], changed: Sequence[TaskRun], flowables: Container[str] = ()) -> None:
    """Stores task runs of one execution, whose own change is stored already: new ones with their positions, and changed ones. `flowables` are the ids of the
    tasks that hold others."""
    if not new and not changed:
        return
    version = _version.value(session, {"id": new[0][1].execution if new else changed[0].execution}) or 0
    _insert_run.run_all(session, (_run_values(run) | {"position": position, "leaf": run.node not in flowables, "version": version} for position, run in new))
    for run in changed:
        values = _run_values(run) | {"b_id": run.id, "version": version}
        _update_run.run(session, values)
        if run.outputs is not None:
            _update_outputs.run(session, values)
        if run.keep is not None:
            _update_keep.run(session, values)


def _run_values(run: TaskRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "execution_id": run.execution,
        "task_id": run.node,
        "parent_id": run.parent,
        "value": run.value,
        "iteration": run.iteration,
        "state": run.state.value,
        "history": history_to_json(run.history),
        "attempts": attempts_to_json(run.attempts),
        "memory": to_json(run.memory),
        "outputs": None if run.outputs is None else to_json(run.outputs),
        "loop_values": to_json(run.values),
        "keep": None if run.keep is None else to_json(run.keep),
        "calls": run.calls,
        "ended_at": run.history[-1].date.timestamp() if run.state.terminal else None,
    }


def _run(row: Any, *, outputs: bool = False) -> TaskRun:
    return TaskRun(
        row.id,
        row.execution_id,
        row.task_id,
        row.parent_id,
        history_from(from_json(row.history)),
        attempts_from(row.attempts),
        row.value,
        row.iteration,
        from_json(row.memory),
        from_json(row.outputs) if outputs else None,
        tuple(from_json(row.loop_values)),
        calls=row.calls,
    )
