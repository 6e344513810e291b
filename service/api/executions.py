"""Executions: start, look at, follow."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from service.actions import executions
from service.actions.executions import Order, Prepared
from service.api import body, shapes
from service.api.access import Reader, Writer
from service.api.filters import Among, check_kind, pairs
from service.api.filters import breakpoints as points
from service.api.found import Found, find
from service.api.parts import Parts, Revision, Tenant, Use, listening, pause
from service.engine.execution import NORMAL, TaskRun
from service.errors import Invalid, Malformed
from service.flows.values import BadValue, read_instant
from service.store import executions as rows
from service.store import repositories
from service.store.codec import now
from service.store.database import Session
from service.store.executions import Row

router = APIRouter(prefix="/executions", tags=["executions"])
_FILES = 100  #: parts of a form that may be files, which are then refused by the input's name
_SORTS = {"state.startDate", "startDate", "created"}
_CORRELATION = "system.correlationId"
FORM = ("multipart/form-data", "application/x-www-form-urlencoded")
LONGEST_WAIT = 3600.0  #: seconds that `wait` waits for the end; the answer then shows how far it is


@router.get("/search")
def search(
    parts: Use,
    _: Reader,
    wanted: Among,
    sort: str = "state.startDate:desc",
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(25, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of executions, newest first."""
    field, _sep, direction = sort.partition(":")
    if field not in _SORTS or direction not in ("", "asc", "desc"):
        raise Invalid(f"can't sort by `{sort[:60]}`; there is {', '.join(sorted(_SORTS))} with :asc or :desc")
    with parts.kit.database.read() as session:
        found, total = rows.search(session, wanted, limit=size, offset=(page - 1) * size, oldest_first=direction == "asc")
        return {"results": [_shape(parts, session, row, ()) for row in found], "total": total}


@router.get("/{id}")
def get(id: str, parts: Use, _: Reader, tenant: Tenant) -> dict[str, Any]:
    """One execution with its task runs."""
    with parts.kit.database.read() as session:
        row = find(session, tenant, id)
        return _shape(parts, session, row, rows.runs(session, row.execution.id))


@router.get("/{id}/follow", response_class=EventSourceResponse)
async def follow(found: Found, parts: Use, _: Reader) -> AsyncIterator[ServerSentEvent]:
    """The execution as it is, then again whenever it has changed, until it has ended and what is done after its end is done."""

    def look() -> tuple[dict[str, Any], bool]:
        with parts.kit.database.read() as session:
            row = executions.get(session, found.execution.id)
            return _shape(parts, session, row, rows.runs(session, row.execution.id)), row.execution.over

    with listening(parts, ("execution", found.execution.id)) as woken:
        kind = "start"
        while not parts.stopping.is_set():
            shown, ended = await run_in_threadpool(look)
            name = "end" if ended else kind
            yield ServerSentEvent(data=shown, event=name, id=name)
            if ended:
                return
            kind = "progress"
            await pause(parts, woken, 15.0)


@router.post("/trigger/{namespace}/{id}")
@router.post("/{namespace}/{id}")
async def create(  # noqa: PLR0913, PLR0917 - one parameter for each option of the address
    namespace: str,
    id: str,
    request: Request,
    parts: Use,
    caller: Writer,
    tenant: Tenant,
    labels: list[str] | None = Query(None),
    revision: int | None = Revision,
    schedule_date: str | None = Query(None, alias="scheduleDate"),
    wait: bool = False,
    kind: str = NORMAL,
    breakpoints: list[str] | None = Query(None),
) -> dict[str, Any]:
    """Starts an execution, at `scheduleDate` where that is given; inputs are the parts of a form, or `inputs` (or `parameters`) of a JSON body. 422 where a
    check of the flow blocks it."""
    inputs = await given_inputs(request)
    given = _labels(labels)
    order = Order(
        tenant,
        namespace,
        id,
        inputs,
        given,
        revision=revision,
        scheduled=_date("scheduleDate", schedule_date),
        correlation=given.get(_CORRELATION),
        by=caller.person,
        kind=check_kind(kind),
        breakpoints=points(breakpoints),
    )
    prepared = await run_in_threadpool(_prepare, parts, order)
    moment = now()
    await parts.kit.database.awrite(lambda session: executions.add(session, parts.kit, prepared, moment))
    if wait:
        await _ended(parts, request, prepared.execution.id)
    return await run_in_threadpool(get, prepared.execution.id, parts, caller, tenant)


def _date(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else read_instant(text)
    except BadValue as bad:
        raise Invalid(f"{name} {bad}: `{text[:60] if text else ''}`") from bad


def _prepare(parts: Parts, order: Order) -> Prepared:
    with parts.kit.database.read() as session:
        return executions.prepare(session, parts.kit, order, now())


async def given_inputs(request: Request) -> Mapping[str, Any]:
    """The inputs that a request gives: the parts of a form, or `inputs` of a JSON body."""
    if body.content_type(request) in FORM:
        return await form_of(request)
    content = await body.read_json(request)
    if not isinstance(content, dict):
        raise Malformed('the body must be a JSON object such as {"inputs": {"name": "value"}}')
    found = content.get("inputs", content.get("parameters", {}))
    unknown = content.keys() - {"inputs", "parameters"}
    if len(content.keys() - unknown) > 1:
        raise Invalid("the body has `inputs` and `parameters`, which are the same thing: give one of them")
    if unknown or not isinstance(found, dict):
        raise Invalid('the body takes {"inputs": {…}} or {"parameters": {…}}' + (f", not `{sorted(unknown)[0][:60]}`" if unknown else ""))
    return found


async def form_of(request: Request) -> Mapping[str, Any]:
    async with body.capped(request, body.JSON_CAP).form(max_files=_FILES, max_fields=1000, max_part_size=body.JSON_CAP) as form:
        found: dict[str, Any] = {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                raise Invalid(f"input `{name[:60]}`: files as inputs are not taken by this version")
            found[name] = value if name not in found else [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
    return found


def _labels(texts: list[str] | None) -> dict[str, str]:
    """Labels to be given. Raises Invalid."""
    found = pairs(texts)
    if any(key.startswith("system.") and key != _CORRELATION for key in found):
        raise Invalid(f"labels whose key begins with `system.` are given by the service alone, but for `{_CORRELATION}`")
    return found


async def _ended(parts: Parts, request: Request, id: str) -> None:
    """Waits until the execution has ended, but no longer than somebody waits for the answer."""
    deadline = time.monotonic() + LONGEST_WAIT

    def terminal() -> bool:
        with parts.kit.database.read() as session:
            row = rows.get(session, id)
            return row is None or row.execution.over

    with listening(parts, ("execution", id)) as woken:
        while not (parts.stopping.is_set() or await request.is_disconnected() or await run_in_threadpool(terminal)):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await pause(parts, woken, min(left, 15.0))


def _shape(parts: Parts, session: Session, row: Row, runs: tuple[TaskRun, ...]) -> dict[str, Any]:
    pin = row.execution.pin
    repository = repositories.by_id(session, pin.repository) if pin else None
    return shapes.execution(parts.kit, row, runs, now(), repository.name if repository else None)
