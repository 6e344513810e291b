"""Numbers that executions published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, cast, func, insert, select

from runners.protocol import Metric
from service.engine.execution import Execution
from service.store.codec import from_json, to_json
from service.store.database import Session
from service.store.tables import Metric as Table
from service.store.tables import core

_table = core(Table)

MOST = 10_000  #: metrics of one attempt
_LONGEST, _TAGS = 256, 4_000  #: characters of a name, and of all tags
_MOST_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Source:
    """Whose a metric is."""

    task: str
    task_run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Published:
    """A metric as it is stored: a timer's value in milliseconds."""

    namespace: str
    flow: str
    execution: str
    task: str
    task_run: str
    name: str
    type: str
    value: float
    tags: Mapping[str, str]
    at: float


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of a flow, or of one of its tasks."""

    environment: str
    namespace: str
    flow: str
    task: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """The metrics of some seconds: `start` counts such parts from the epoch."""

    start: int
    count: int
    total: float
    least: float
    most: float


def fits(metric: Metric) -> str | None:
    """Why a metric can't be stored; None when it can."""
    if len(metric.name) > _LONGEST:
        return f"the name of the metric `{metric.name[:60]}…` is longer than {_LONGEST} characters"
    if len(to_json(metric.tags)) > _TAGS:
        return f"the tags of the metric `{metric.name}` are more than {_TAGS:,} characters"
    return None


def add(session: Session, execution: Execution, published: Sequence[tuple[Source, Metric]], at: float) -> None:
    """Stores metrics of one execution. What does not fit is left out."""
    rows = [_row(execution, source, metric, at) for source, metric in published if fits(metric) is None]
    if rows:
        session.execute(insert(_table), rows)


def _row(execution: Execution, source: Source, metric: Metric, at: float) -> dict[str, Any]:
    return {
        "execution_id": execution.id,
        "environment": execution.environment,
        "namespace": execution.namespace,
        "flow_id": execution.flow,
        "task_id": source.task,
        "task_run_id": source.task_run,
        "attempt": source.attempt,
        "name": metric.name,
        "type": metric.type,
        "value": metric.value * 1000 if metric.type == "timer" else metric.value,
        "tags": to_json(metric.tags),
        "description": metric.description,
        "at": at,
    }


def of_execution(
    session: Session, execution: str, *, task: str | None, task_run: str | None, limit: int, offset: int, newest_first: bool
) -> tuple[tuple[Published, ...], int]:
    """A page of an execution's metrics, in the order in which they were published or in the other; and how many there are."""
    where = [_table.c.execution_id == execution]
    where += [column == value for column, value in ((_table.c.task_id, task), (_table.c.task_run_id, task_run)) if value is not None]
    total = int(session.execute(select(func.count()).select_from(_table).where(*where)).scalar_one())
    order = _table.c.id.desc() if newest_first else _table.c.id
    rows = session.execute(select(_table).where(*where).order_by(order).limit(limit).offset(offset))
    return tuple(_published(row) for row in rows), total


def names(session: Session, environment: str, namespace: str, flow: str, task: str | None) -> list[str]:
    """The names of a flow's metrics, or of those of one task."""
    where = [*_of(environment, namespace, flow), *([_table.c.task_id == task] if task is not None else [])]
    return _distinct(session, _table.c.name, where)


def tasks(session: Session, environment: str, namespace: str, flow: str) -> list[str]:
    """The tasks of a flow that have published something."""
    return _distinct(session, _table.c.task_id, _of(environment, namespace, flow))


def parts(session: Session, series: Series, since: float, until: float, seconds: int) -> tuple[Part, ...]:
    """What a metric came to, in parts of so many seconds; only those in which there is one."""
    start = cast(_table.c.at / seconds, Integer).label("start")
    where = [*_of(series.environment, series.namespace, series.flow), _table.c.name == series.name, _table.c.at >= since, _table.c.at <= until]
    if series.task is not None:
        where.append(_table.c.task_id == series.task)
    value = _table.c.value
    rows = session.execute(select(start, func.count(), func.sum(value), func.min(value), func.max(value)).where(*where).group_by(start).order_by(start))
    return tuple(Part(int(row[0]), int(row[1]), float(row[2]), float(row[3]), float(row[4])) for row in rows)


def _of(environment: str, namespace: str, flow: str) -> list[Any]:
    return [_table.c.environment == environment, _table.c.namespace == namespace, _table.c.flow_id == flow]


def _distinct(session: Session, column: Any, where: Sequence[Any]) -> list[str]:
    """The values of a column that an index has in order: each is one look, however many rows have it."""
    found: list[str] = []
    while len(found) < _MOST_NAMES:
        after = [column > found[-1]] if found else []
        value = session.execute(select(func.min(column)).where(*where, *after)).scalar()
        if value is None:
            break
        found.append(str(value))
    return found


def _published(row: Any) -> Published:
    return Published(row.namespace, row.flow_id, row.execution_id, row.task_id, row.task_run_id, row.name, row.type, row.value, from_json(row.tags), row.at)
