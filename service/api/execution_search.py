"""Executions, looked for: pages of them, all of them as CSV, the latest of some flows, and what there is to choose from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from runners.fields import format_duration
from service.api import body, given, shapes
from service.api.access import Reader
from service.api.filters import Conditions
from service.api.parts import LONGEST_WORD, Parts, Tenant, Use
from service.engine.state import State
from service.errors import Invalid
from service.store import executions as rows
from service.store import repositories
from service.store.codec import iso, now, to_json
from service.store.database import Session
from service.store.execution_fields import ORDERED
from service.store.executions import Filter, Row
from service.store.filters import EQUALS, IN, Condition, moment

router = APIRouter(prefix="/executions", tags=["executions"])

_PAGE = 500  #: rows of a table that are read at once
_MOST_FLOWS = 1_000
_COLUMNS = {"namespace": "namespace", "flowId": "flow_id", "state": "state", "flowRevision": "revision"}


class _Rest:
    """The flat parameters that mean what a filter of their name means."""

    def __init__(
        self,
        time_range: str | None = Query(None, alias="timeRange", max_length=LONGEST_WORD),
        scope: list[str] | None = Query(None),
        kind: list[str] | None = Query(None),
        child_filter: str | None = Query(None, alias="childFilter", max_length=LONGEST_WORD),
        trigger_execution: str | None = Query(None, alias="triggerExecutionId", max_length=LONGEST_WORD),
    ) -> None:
        single = {"timeRange": time_range, "childFilter": child_filter, "triggerExecutionId": trigger_execution}
        several = {"scope": scope, "kind": kind}
        self.conditions = (
            *(Condition(name, EQUALS, (value,)) for name, value in single.items() if value),
            *(Condition(name, IN, tuple(part for value in values for part in value.split(","))) for name, values in several.items() if values),
        )


def _wanted(  # noqa: PLR0913, PLR0917 - one parameter for each filter of the address
    tenant: Tenant,
    conditions: Conditions,
    namespace: str | None = Query(None, max_length=LONGEST_WORD),
    flow_id: str | None = Query(None, alias="flowId", max_length=LONGEST_WORD),
    state: list[str] | None = Query(None),
    q: str | None = Query(None, max_length=LONGEST_WORD),
    labels: list[str] | None = Query(None),
    start_date: str | None = Query(None, alias="startDate"),
    end_date: str | None = Query(None, alias="endDate"),
    rest: _Rest = Depends(),
) -> Filter:
    """What both styles of filters ask for."""
    since, until = moment("startDate", start_date), moment("endDate", end_date)
    return Filter(tenant, namespace, flow_id, _states(state), q, since, until, given.pairs(labels), (*conditions, *rest.conditions))


Wanted = Annotated[Filter, Depends(_wanted)]


@router.get("/search")
def search(
    parts: Use,
    _: Reader,
    wanted: Wanted,
    sort: str = Query("state.startDate:desc", max_length=LONGEST_WORD),
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(25, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of executions, newest first unless `sort` says otherwise."""
    with parts.kit.database.read() as session:
        found, total = rows.search(session, replace(wanted, order=_order(sort)), limit=size, offset=(page - 1) * size)
        return {"results": list(_shown(parts, session, found)), "total": total}


@router.get("/export/by-query/csv")
def export(parts: Use, _: Reader, wanted: Wanted, sort: str = Query("state.startDate:desc", max_length=LONGEST_WORD)) -> Response:
    """All of them as a table."""
    headers = {"Content-Disposition": 'attachment; filename="executions.csv"', "X-Content-Type-Options": "nosniff"}
    lines = _table(parts, replace(wanted, order=_order(sort)))
    first = next(lines)  # what is asked for wrongly is an answer, not a broken stream
    return StreamingResponse(_joined(first, lines), headers=headers, media_type="text/csv; charset=utf-8")


@router.post("/latest")
async def latest(request: Request, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """The newest execution of each flow of a list: `[{namespace, id}]`."""
    flows = await body.read_json(request)
    if not isinstance(flows, list) or not all(map(_names_a_flow, flows)):
        raise Invalid('the body is a list of flows: [{"namespace": "…", "id": "…"}]')
    if len(flows) > _MOST_FLOWS:
        raise Invalid(f"at most {_MOST_FLOWS:,} flows are looked at in one call")
    with parts.kit.database.read() as session:
        found = [rows.latest(session, tenant, flow["namespace"], flow["id"]) for flow in flows]
    return [_latest(row) for row in found if row is not None]


def _names_a_flow(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("namespace"), str) and isinstance(value.get("id"), str)


@router.get("/distinct-field-values")
def distinct(
    parts: Use,
    _: Reader,
    wanted: Wanted,
    field: Literal["namespace", "flowId", "state", "flowRevision"],
    size: int = Query(100, ge=1, le=1000),
) -> list[str]:
    """The values that a field has among the executions that are looked for."""
    with parts.kit.database.read() as session:
        return list(rows.distinct(session, wanted, _COLUMNS[field], size))


def _states(names: list[str] | None) -> tuple[str, ...]:
    wanted = tuple(name.strip().upper() for text in names or () for name in text.split(",") if name.strip())
    unknown = [name for name in wanted if name not in State.__members__]
    if unknown:
        raise Invalid(f"there is no state `{unknown[0][:40]}`; there are {', '.join(State)}")
    return wanted


def _order(sort: str) -> tuple[str, bool]:
    field, _, direction = sort.partition(":")
    if field not in ORDERED or direction not in ("", "asc", "desc"):
        raise Invalid(f"can't sort by `{sort[:60]}`; there is {', '.join(sorted(ORDERED))} with :asc or :desc")
    return field, direction != "asc"


def _shown(parts: Parts, session: Session, found: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    names = {one.id: one.name for one in repositories.every(session)}
    for row in found:
        yield shapes.execution(parts.kit, row, now(), names.get(row.execution.pin.repository) if row.execution.pin else None)


def _latest(row: Row) -> dict[str, Any]:
    of = row.execution
    return {"id": of.id, "namespace": of.namespace, "flowId": of.flow, "startDate": iso(of.created), "status": of.state.value}


_HEAD = ("id", "tenantId", "namespace", "flowId", "flowRevision", "state", "startDate", "endDate", "duration", "originalId", "labels", "inputs")


def _table(parts: Parts, wanted: Filter) -> Iterator[str]:
    """Pages of lines. Each is read by itself, so that nobody who reads slowly keeps the database from tidying up."""
    offset, head = 0, _lines([_HEAD])
    while True:
        with parts.kit.database.read() as session:
            found, _ = rows.search(session, wanted, limit=_PAGE, offset=offset)
        yield head + _lines(_cells(parts, row) for row in found)
        if len(found) < _PAGE:
            return
        offset, head = offset + _PAGE, ""


def _cells(parts: Parts, row: Row) -> tuple[Any, ...]:
    of, masked = row.execution, parts.kit.masker.value
    end = None if of.ended is None else iso(of.ended)
    lasted = format_duration((of.ended or now()) - of.created)
    known = (of.id, of.environment, of.namespace, of.flow, of.revision, of.state.value, iso(of.created), end, lasted, of.original or of.id)
    return (*known, to_json(masked(dict(of.labels))), to_json(masked(dict(of.inputs))))


def _lines(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue()


def _joined(first: str, rest: Iterator[str]) -> Iterator[bytes]:
    yield first.encode()
    for lines in rest:
        yield lines.encode()
