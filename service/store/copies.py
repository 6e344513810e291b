"""Task runs of one execution in another, and executions taken out with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from service.engine.execution import TaskRun
from service.errors import Bug
from service.store import children, events, replies
from service.store.codec import attempts_to_json, history_to_json, to_json
from service.store.database import Session, announce
from service.store.executions import Row
from service.store.replies import Reply
from service.store.tables import Execution, Job, Leftover, LogChunk, core
from service.store.tables import TaskRun as RunTable

_table, _runs, _jobs, _logs, _leftovers = core(Execution), core(RunTable), core(Job), core(LogChunk), core(Leftover)

_MANY = 500  #: ids in one statement

_NEW = ("id", "execution_id", "parent_id", "state", "history", "attempts", "memory", "calls", "ended_at")
_SAME = ("position", "task_id", "value", "iteration", "outputs", "loop_values", "keep", "leaf")

# What tasks gave never leaves the database: it may be large, and nothing here looks at it.
_copy = insert(_runs).from_select(
    [*_NEW, *_SAME],
    select(*(bindparam(f"b_{name}", type_=_runs.c[name].type).label(name) for name in _NEW), *(_runs.c[name] for name in _SAME)).where(
        _runs.c.id == bindparam("b_old")
    ),
)


def copy_runs(session: Session, pairs: Sequence[tuple[str, TaskRun]]) -> None:
    """Stores task runs, each with what another one gave and keeps, in the place of that one."""
    rows = [
        {
            "b_old": old,
            "b_id": run.id,
            "b_execution_id": run.execution,
            "b_parent_id": run.parent,
            "b_state": run.state.value,
            "b_history": history_to_json(run.history),
            "b_attempts": attempts_to_json(run.attempts),
            "b_memory": to_json(run.memory),
            "b_calls": 0,  # what another execution waits for
            "b_ended_at": run.history[-1].date.timestamp() if run.state.terminal else None,
        }
        for old, run in pairs
    ]
    if rows:
        session.execute(_copy, rows)


def erase(session: Session, row: Row, *, log: bool, storage: bool, at: float) -> None:
    """Deletes an execution, which must be as it was read, and the iterations of its loops. Whoever waits for an answer from it gets one. Its files are left
    for `leftovers`."""
    of = row.execution
    iterations = children.iterations(session, of.id)
    if session.execute(delete(_table).where(_table.c.id == of.id, _table.c.version == row.version)).rowcount != 1:
        raise Bug(f"execution {of.id} was changed by somebody else (expected version {row.version})")
    waiting = [Reply(asked, of.id, f"execution {of.id} has been deleted") for asked in events.asked(session, of.id)]
    for id in (of.id, *iterations):
        session.execute(delete(_runs).where(_runs.c.execution_id == id))
        session.execute(delete(_jobs).where(_jobs.c.execution_id == id))
        if log:
            session.execute(delete(_logs).where(_logs.c.execution_id == id))
        if storage:
            session.execute(upsert(_leftovers).values(execution_id=id, namespace=of.namespace, flow_id=of.flow).on_conflict_do_nothing())
        events.forget_all(session, id)
    for start in range(0, len(iterations), _MANY):
        session.execute(delete(_table).where(_table.c.id.in_(iterations[start : start + _MANY])))
    replies.add(session, waiting, at)
    announce(session, ("execution", of.id), ("executions", ""), ("stops", ""))


def leftovers(session: Session, limit: int) -> tuple[tuple[str, str, str], ...]:
    """Executions whose files are to be deleted: namespace, flow, id."""
    return tuple((row.namespace, row.flow_id, row.execution_id) for row in session.execute(select(_leftovers).limit(limit)))


def cleared(session: Session, execution: str) -> None:
    """The files of one are gone."""
    session.execute(delete(_leftovers).where(_leftovers.c.execution_id == execution))
