"""Numbers that executions published: as they are, and added up over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from service.actions import measuring
from service.actions.measuring import AGGREGATIONS
from service.api import shapes
from service.api.access import Reader
from service.api.found import Found
from service.api.parts import LONGEST_WORD, Parts, Tenant, Use
from service.errors import Invalid
from service.store import metrics
from service.store.codec import from_iso, now
from service.store.metrics import Series

router = APIRouter(prefix="/metrics", tags=["metrics"])

_MONTH = timedelta(days=30)
_SORTS = frozenset({"timestamp", "id"})
Start = Annotated[str | None, Query(alias="startDate", max_length=LONGEST_WORD)]
End = Annotated[str | None, Query(alias="endDate", max_length=LONGEST_WORD)]


@router.get("/names/{namespace}/{flowId}")
def names(namespace: str, flowId: str, parts: Use, _: Reader, tenant: Tenant) -> list[str]:  # noqa: N803 - as the address says
    """The names of a flow's metrics."""
    with parts.kit.database.read() as session:
        return metrics.names(session, tenant, namespace, flowId, None)


@router.get("/names/{namespace}/{flowId}/{taskId}")
def names_of_task(namespace: str, flowId: str, taskId: str, parts: Use, _: Reader, tenant: Tenant) -> list[str]:  # noqa: N803 - as the address says
    """The names of a task's metrics."""
    with parts.kit.database.read() as session:
        return metrics.names(session, tenant, namespace, flowId, taskId)


@router.get("/tasks/{namespace}/{flowId}")
def tasks(namespace: str, flowId: str, parts: Use, _: Reader, tenant: Tenant) -> list[str]:  # noqa: N803 - as the address says
    """The tasks of a flow that have published something."""
    with parts.kit.database.read() as session:
        return metrics.tasks(session, tenant, namespace, flowId)


@router.get("/aggregates/{namespace}/{flowId}/{metric}")
def aggregate(  # noqa: PLR0913, PLR0917 - one parameter for each part of the address
    namespace: str,
    flowId: str,  # noqa: N803 - as the address says
    metric: str,
    parts: Use,
    _: Reader,
    tenant: Tenant,
    start: Start = None,
    end: End = None,
    aggregation: str = "sum",
) -> dict[str, Any]:
    """What a metric of a flow came to over time; the last thirty days when nothing else is said."""
    return _aggregated(parts, Series(tenant, namespace, flowId, None, metric), start, end, aggregation)


@router.get("/aggregates/{namespace}/{flowId}/{taskId}/{metric}")
def aggregate_of_task(  # noqa: PLR0913, PLR0917 - one parameter for each part of the address
    namespace: str,
    flowId: str,  # noqa: N803 - as the address says
    taskId: str,  # noqa: N803 - as the address says
    metric: str,
    parts: Use,
    _: Reader,
    tenant: Tenant,
    start: Start = None,
    end: End = None,
    aggregation: str = "sum",
) -> dict[str, Any]:
    """What a metric of a task came to over time."""
    return _aggregated(parts, Series(tenant, namespace, flowId, taskId, metric), start, end, aggregation)


@router.get("/{id}")
def of_execution(  # noqa: PLR0913, PLR0917 - one parameter for each filter of the address
    row: Found,
    parts: Use,
    _: Reader,
    task: str | None = Query(None, alias="taskId", max_length=LONGEST_WORD),
    task_run: str | None = Query(None, alias="taskRunId", max_length=LONGEST_WORD),
    sort: str = "timestamp:asc",
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(10, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of an execution's metrics, in the order in which they were published."""
    field, _colon, direction = sort.partition(":")
    if field not in _SORTS or direction not in ("", "asc", "desc"):
        raise Invalid(f"can't sort by `{sort[:60]}`; there is timestamp with :asc or :desc")
    id, newest_first = row.execution.id, direction == "desc"
    with parts.kit.database.read() as session:
        found, total = metrics.of_execution(session, id, task=task, task_run=task_run, limit=size, offset=(page - 1) * size, newest_first=newest_first)
    return {"results": [shapes.metric(one, row) for one in found], "total": total}


def _aggregated(parts: Parts, series: Series, start: str | None, end: str | None, aggregation: str) -> dict[str, Any]:
    if aggregation not in AGGREGATIONS:
        raise Invalid(f"there is no aggregation `{aggregation[:20]}`; there are {', '.join(AGGREGATIONS)}")
    until = _moment("endDate", end) or now()
    since = _moment("startDate", start) or until - _MONTH
    if since > until:
        raise Invalid("startDate is after endDate")
    with parts.kit.database.read() as session:
        return measuring.aggregated(session, series, since, until, aggregation)


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = from_iso(text)
    except ValueError as failure:
        raise Invalid(f"{name} is not an ISO-8601 date: `{text[:60]}`") from failure
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
