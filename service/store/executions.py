"""Executions and task runs. Written by the executor alone, but for the row that creates one."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from runners.protocol import OUTPUT_LIMIT as OUTPUT_LIMIT  # rendered values and outputs longer than this are refused by the executor
from service.engine.execution import NORMAL, Caller, Execution, Path, Pin, TaskRun
from service.engine.state import TERMINAL, State
from service.errors import Bug
from service.store.codec import attempts_from, attempts_to_json, from_epoch, from_json, history_from, history_to_json, to_json
from service.store.database import Session, announce
from service.store.execution_fields import FIELDS, labelled, order
from service.store.filters import Condition, under
from service.store.filters import where as conditions
from service.store.statement import Statement, by, insert_into
from service.store.tables import STANDING, core
from service.store.tables import Execution as Table
from service.store.tables import TaskRun as RunTable

_table, _runs = core(Table), core(RunTable)
_by_id = by(_table, "id")
_insert = Statement(upsert(_table).values({column.name: bindparam(column.name) for column in _table.c}).on_conflict_do_nothing(index_elements=["once"]))
_as_read = update(_table).where(_table.c.id == bindparam("b_id"), _table.c.version == bindparam("b_version")).values(version=_table.c.version + 1)
_touch = Statement(_as_read)
_MANY = 500  #: ids in one statement
_FEW = 100  #: task runs that are read to see whether there is one


@dataclass(frozen=True, slots=True)
class Row:
    """An execution with what the store knows besides: `version` guards its change and counts them, `caused` says that a push or tag started it, `rewound` is
    the version in which task runs were last taken out of it."""

    execution: Execution
    flow: str
    version: int
    caused: bool
    created_at: float
    rewound: int = 0


def add(session: Session, execution: Execution, flow: str, *, caused: bool, once: str | None = None, at: float | None = None) -> bool:
    """Stores a new execution; False when one with the same `once` exists. `at` is when it came to be, where its history began before."""
    pin, caller = execution.pin, execution.caller
    if pin is None:
        raise Bug(f"execution {execution.id} has no pin")
    values = {
        "id": execution.id,
        "environment": execution.environment,
        "namespace": execution.namespace,
        "flow_id": execution.flow,
        "flow": flow,
        "revision": execution.revision,
        "inputs": to_json(execution.inputs),
        "trigger": None if execution.trigger is None else to_json(execution.trigger),
        "repository_id": pin.repository,
        "commit_sha": pin.commit,
        "ref": pin.ref,
        "path": pin.path,
        "blob": pin.blob,
        "caused": caused,
        "generation": execution.generation,
        "once": once,
        "original_id": execution.original,
        "first_created_at": _epoch(execution.first_created),
        "scheduled_at": _epoch(execution.scheduled),
        "kind": execution.kind,
        "caller_run": caller and caller.run,
        "root_id": caller and caller.root,
        "serial": caller and caller.serial,
        "parent_id": execution.parent,
        "version": 1,
        "rewound": 0,
        "created_at": execution.created.timestamp() if at is None else at,
    }
    announce(session, ("execution", execution.id), ("executions", ""))
    return _insert.run(session, values | _changing(execution)) == 1


def _changing(execution: Execution) -> dict[str, Any]:
    """The columns of what becomes of an execution."""
    return {
        "state": execution.state.value,
        "history": history_to_json(execution.history),
        "memory": to_json(execution.memory),
        "labels": to_json(execution.labels),
        "variables": to_json(execution.variables),
        "waited": execution.waited,
        "outputs": None if execution.outputs is None else to_json(execution.outputs),
        "joined_at": _joined(execution),
        "breached": to_json(execution.breached),
        "trailing": execution.trailing,
        "attempt": execution.attempt,
        "breakpoints": to_json(execution.breakpoints),
        "held": None if execution.held is None else to_json(execution.held),
        "caller": None if execution.caller is None else to_json(asdict(execution.caller)),
        "ended_at": _epoch(execution.ended),
    }


_CHANGING = (
    *("state", "history", "memory", "labels", "variables", "waited", "outputs", "joined_at", "breached", "trailing", "attempt", "breakpoints"),
    *("held", "caller", "ended_at"),
)
_save = Statement(_as_read.values({name: bindparam(name) for name in _CHANGING}))


def _epoch(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _joined(execution: Execution) -> float | None:
    """One that has a date is in no line before it begins, whatever the clock says then."""
    return None if execution.state is State.CREATED and execution.scheduled is not None else execution.joined.timestamp()


def get(session: Session, id: str) -> Row | None:
    """One execution."""
    row = _by_id.first(session, {"id": id})
    return None if row is None else _row(row)


def several(session: Session, ids: Sequence[str]) -> tuple[Row, ...]:
    """Some executions by id, those that are there, in the order of their ids."""
    return tuple(_row(row) for row in session.execute(select(_table).where(_table.c.id.in_(ids)).order_by(_table.c.id)))


def heir(execution: Execution) -> str:
    """The `once` of the execution that takes over from one that ends RETRIED."""
    return f"again:{execution.id}:{execution.attempt + 1}"


def taken_over_by(session: Session, execution: Execution) -> str | None:
    """The id of the execution that took over from this one."""
    return session.execute(select(_table.c.id).where(_table.c.once == heir(execution))).scalar()


def successor(session: Session, row: Row) -> Row:
    """The execution that has taken over from this one; itself where none has."""
    found = taken_over_by(session, row.execution) if row.execution.state is State.RETRIED else None
    return (get(session, found) if found is not None else None) or row


def find(session: Session, prefix: str) -> tuple[str, ...]:
    """Ids that begin so, two at most."""
    return tuple(session.execute(select(_table.c.id).where(_table.c.id.startswith(prefix, autoescape=True)).limit(2)).scalars())


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of executions is narrowed to. `namespace` takes its children too; `kind` is None for all, and passed over where a condition speaks of kinds.
    `order` is a name of `execution_fields.ORDERED`, and whether it falls."""

    environment: str
    namespace: str | None = None
    flow_id: str | None = None
    states: tuple[str, ...] = ()
    query: str | None = None
    since: float | None = None
    until: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    conditions: Sequence[Condition] = ()
    kind: str | None = NORMAL
    order: tuple[str, bool] = ("created", True)


def search(session: Session, wanted: Filter, *, limit: int, offset: int, oldest_first: bool = False) -> tuple[tuple[Row, ...], int]:
    """A page of executions, newest first where nothing else is said, and how many there are in all. Raises Invalid for a condition that means nothing."""
    chosen = _where(session, wanted)
    total = int(session.execute(select(func.count()).select_from(_table).where(*chosen)).scalar_one())
    by = order("created", descending=False) if oldest_first else order(wanted.order[0], descending=wanted.order[1])
    rows = session.execute(select(_table).where(*chosen).order_by(*by).limit(limit).offset(offset))
    return tuple(_row(row) for row in rows), total


def latest(session: Session, environment: str, namespace: str, flow_id: str) -> Row | None:
    """The newest execution of a flow."""
    where = (_table.c.environment == environment, _table.c.namespace == namespace, _table.c.flow_id == flow_id)
    row = session.execute(select(_table).where(*where).order_by(_table.c.created_at.desc(), _table.c.id.desc()).limit(1)).first()
    return None if row is None else _row(row)


def distinct(session: Session, wanted: Filter, name: str, limit: int) -> tuple[str, ...]:
    """The values that a column has among some executions, in order."""
    column = _table.c[name]
    return tuple(str(value) for value in session.execute(select(column).where(*_where(session, wanted)).distinct().order_by(column).limit(limit)).scalars())


def chunk(session: Session, wanted: Filter, after: str, until: str, limit: int) -> tuple[Row, ...]:
    """Some of those that are wanted, in the order of their ids, between two of these."""
    where = (*_where(session, wanted), _table.c.id > after, _table.c.id < until)
    return tuple(_row(row) for row in session.execute(select(_table).where(*where).order_by(_table.c.id).limit(limit)))


def _where(session: Session, wanted: Filter) -> list[Any]:
    where = [_table.c.environment == wanted.environment, *conditions(session, wanted.conditions, FIELDS)]
    if wanted.kind is not None and all(condition.field != "kind" for condition in wanted.conditions):
        where.append(_table.c.kind == wanted.kind)
    if wanted.namespace:
        where.append(under(_table.c.namespace, wanted.namespace))
    if wanted.flow_id:
        where.append(_table.c.flow_id == wanted.flow_id)
    if wanted.states:
        where.append(_table.c.state.in_(wanted.states))
    if wanted.query:
        where.append(_table.c.flow_id.contains(wanted.query, autoescape=True) | _table.c.id.startswith(wanted.query, autoescape=True))
    if wanted.since is not None:
        where.append(_table.c.created_at >= wanted.since)
    if wanted.until is not None:
        where.append(_table.c.created_at < wanted.until)
    return where + [labelled(key, value) for key, value in wanted.labels.items()]


def caused_by(session: Session, repository: str, sha: str, generation: int | None = None, *, limit: int = 1000) -> tuple[Row, ...]:
    """The executions that a push or tag of this commit started, oldest first; of one generation where it is given."""
    statement = select(_table).where(_table.c.repository_id == repository, _table.c.commit_sha == sha, _table.c.caused.is_(True))
    if generation is not None:
        statement = statement.where(_table.c.generation == generation)
    return tuple(_row(row) for row in session.execute(statement.order_by(_table.c.created_at, _table.c.id).limit(limit)))


def tally(session: Session, repository: str, sha: str, generation: int, flow: tuple[str, str] | None = None) -> dict[str, int]:
    """How many executions of a commit's generation, or of one flow among them, are in which state."""
    only = () if flow is None else (_table.c.namespace == flow[0], _table.c.flow_id == flow[1])
    statement = (
        select(_table.c.state, func.count())
        .where(
            _table.c.repository_id == repository,
            _table.c.commit_sha == sha,
            _table.c.caused.is_(True),
            _table.c.generation == generation,
            *only,
        )
        .group_by(_table.c.state)
    )
    return {str(state): int(number) for state, number in session.execute(statement)}


def is_running(session: Session, flow: str, trigger: str) -> bool:
    """Whether an execution that this trigger of the flow created is still going."""
    statement = select(_table.c.trigger).where(_table.c.flow == flow, _table.c.state.not_in([state.value for state in TERMINAL]))
    return any((from_json(text) or {}).get("id") == trigger for text in session.execute(statement).scalars())


def save(session: Session, row: Row, execution: Execution) -> None:
    """Stores a changed execution. The version must be the one that was read."""
    if _save.run(session, _changing(execution) | {"b_id": execution.id, "b_version": row.version}) != 1:
        raise Bug(f"execution {execution.id} was changed by somebody else (expected version {row.version})")
    announce(session, ("execution", execution.id), ("executions", ""))


def touch(session: Session, row: Row) -> None:
    """Guards a change of task runs alone: the execution must be as it was read, and readers hear of it."""
    if _touch.run(session, {"b_id": row.execution.id, "b_version": row.version}) != 1:
        raise Bug(f"execution {row.execution.id} was changed by somebody else (expected version {row.version})")
    announce(session, ("execution", row.execution.id))


# task runs


def path(session: Session, row: Row, task_run: str | None) -> Path:
    """A task run with its ancestors; without one, the bare execution."""
    runs: list[TaskRun] = []
    while task_run is not None and (found := run(session, task_run)) is not None:
        runs.append(found)
        task_run = found.parent
    return Path(row.execution, tuple(reversed(runs)))


_one_run = by(_runs, "id")
_kept = Statement(select(_runs.c.keep).where(_runs.c.id == bindparam("id")))
_last = Statement(select(func.max(_runs.c.position)).where(_runs.c.execution_id == bindparam("execution")))


def run(session: Session, id: str) -> TaskRun | None:
    """One task run."""
    found = _one_run.first(session, {"id": id})
    return None if found is None else _run(found)


def runs(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """All task runs in the order of their creation, outputs included."""
    return tuple(_run(row, outputs=True) for row in session.execute(select(_runs).where(_runs.c.execution_id == execution).order_by(_runs.c.position)))


def active(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """Task runs that have not ended."""
    statement = select(_runs).where(_runs.c.execution_id == execution, _runs.c.ended_at.is_(None)).order_by(_runs.c.position)
    return tuple(_run(row) for row in session.execute(statement))


def paused(session: Session, execution: str) -> tuple[TaskRun, ...]:
    """Task runs that pause, the oldest first."""
    where = (_runs.c.execution_id == execution, _runs.c.state == State.PAUSED.value, STANDING)
    return tuple(_run(row) for row in session.execute(select(_runs).where(*where).order_by(_runs.c.position)))


def last_failed(session: Session, execution: str) -> TaskRun | None:
    """The task run that was made last of those that have failed: of a group that failed, and the task because of which it did, the task."""
    where = (_runs.c.execution_id == execution, _runs.c.state == State.FAILED.value)
    row = session.execute(select(_runs).where(*where).order_by(_runs.c.position.desc()).limit(1)).first()
    return None if row is None else _run(row)


def below(session: Session, execution: str, run: str | None) -> tuple[TaskRun, ...]:
    """The task runs below one, or all of the execution, in the order of their creation."""
    if run is None:
        rows = session.execute(select(_runs).where(_runs.c.execution_id == execution).order_by(_runs.c.position))
    else:
        tree = select(_runs.c.id).where(_runs.c.parent_id == run).cte("tree", recursive=True)
        tree = tree.union_all(select(_runs.c.id).where(_runs.c.parent_id == tree.c.id))
        rows = session.execute(select(_runs).where(_runs.c.id.in_(select(tree.c.id))).order_by(_runs.c.position))
    return tuple(_run(row) for row in rows)


_standing = Statement(
    select(_runs.c.position, _runs.c.id)
    .where(_runs.c.execution_id == bindparam("b_execution"), _runs.c.state == bindparam("b_state"), _runs.c.position > bindparam("b_after"), STANDING)
    .order_by(_runs.c.position)
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


def forget_runs(session: Session, ids: Sequence[str]) -> None:
    """Takes task runs out of an execution: what they did is done again. Whoever has seen them is told by `rewound`."""
    if ids:
        whose = select(_runs.c.execution_id).where(_runs.c.id == ids[0]).scalar_subquery()
        session.execute(update(_table).where(_table.c.id == whose).values(rewound=_table.c.version))
    for at in range(0, len(ids), _MANY):
        session.execute(delete(_runs).where(_runs.c.id.in_(ids[at : at + _MANY])))


def last_position(session: Session, execution: str) -> int:
    """The position of the newest task run, -1 when there is none."""
    found = _last.value(session, {"execution": execution})
    return -1 if found is None else int(found)


_MOVING = ("state", "history", "attempts", "memory", "calls", "version", "ended_at")
_COLUMNS = (*_MOVING, "id", "execution_id", "position", "task_id", "parent_id", "value", "iteration", "outputs", "loop_values", "keep", "leaf")
_insert_run = insert_into(_runs, *_COLUMNS)
_update_run = Statement(update(_runs).where(_runs.c.id == bindparam("b_id")).values({name: bindparam(name) for name in _MOVING}))
_update_keep = Statement(update(_runs).where(_runs.c.id == bindparam("b_id")).values(keep=bindparam("keep")))
_update_outputs = Statement(update(_runs).where(_runs.c.id == bindparam("b_id")).values(outputs=bindparam("outputs")))
_version = Statement(select(_table.c.version).where(_table.c.id == bindparam("id")))


def save_runs(session: Session, new: Sequence[tuple[int, TaskRun]], changed: Sequence[TaskRun], flowables: Container[str] = ()) -> None:
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


def _row(row: Any) -> Row:
    execution = Execution(
        row.id,
        row.environment,
        row.namespace,
        row.flow_id,
        row.revision,
        history_from(from_json(row.history)),
        from_json(row.inputs),
        from_json(row.labels),
        from_json(row.variables),
        from_json(row.trigger),
        Pin(row.repository_id, row.commit_sha, row.ref, row.path, row.blob),
        from_json(row.memory),
        row.generation,
        row.attempt,
        row.original_id,
        None if row.first_created_at is None else from_epoch(row.first_created_at),
        row.waited,
        from_json(row.outputs),
        None if row.scheduled_at is None else from_epoch(row.scheduled_at),
        tuple(from_json(row.breached)),
        row.trailing,
        None if row.caller is None else Caller(**from_json(row.caller)),
        row.kind,
        row.parent_id,
        tuple(from_json(row.breakpoints)),
        None if row.held is None else tuple((run, kind) for run, kind in from_json(row.held)),
    )
    return Row(execution, row.flow, row.version, row.caused, row.created_at, row.rewound)


def unfinished(session: Session) -> int:
    """How many executions have not ended."""
    statement = select(func.count()).select_from(_table).where(_table.c.state.not_in([state.value for state in State if state.terminal]))
    return int(session.execute(statement).scalar_one())
