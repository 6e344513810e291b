"""Executions: start, look at, follow."""

from __future__ import annotations

import time
from datetime import datetime

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.actions import executions
from service.actions.executions import Chosen, Order, Prepared
from service.api import given, serial
from service.api.access import Writer
from service.api.calling import calling
from service.api.parts import Parts, Revision, Tenant, Use, listening, pause
from service.engine.execution import NORMAL
from service.errors import Invalid
from service.flows.flow_calls import may_call
from service.flows.values import BadValue, read_instant
from service.store import executions as rows
from service.store.codec import now

router = APIRouter(prefix="/executions", tags=["executions"])
LONGEST_WAIT = 3600.0  #: seconds that `wait` waits for the end; the answer then shows how far it is


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
) -> Response:
    """Starts an execution, at `scheduleDate` where that is given; inputs are the parts of a form, or `inputs` (or `parameters`) of a JSON body. 422 where a
    check of the flow blocks it."""
    chosen = given.labels(labels)
    order = Order(
        tenant,
        namespace,
        id,
        await given.inputs(request),
        chosen,
        revision=revision,
        scheduled=_date("scheduleDate", schedule_date),
        correlation=chosen.get(given.CORRELATION),
        by=caller.person,
        kind=given.check_kind(kind),
        breakpoints=given.breakpoints(breakpoints),
    )
    prepared, shown = await _prepared(parts, request, order)
    moment = now()
    await parts.kit.database.awrite(lambda session: executions.add(session, parts.kit, prepared, moment))
    if wait:
        shown = await run_in_threadpool(_shown, parts, await _ended(parts, request, prepared.execution.id))
    return Response(shown, media_type="application/json")


def _date(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else read_instant(text)
    except BadValue as bad:
        raise Invalid(f"{name} {bad}: `{text[:60] if text else ''}`") from bad


async def _prepared(parts: Parts, request: Request, order: Order) -> tuple[Prepared, str]:
    """An execution that can be stored, and how it is shown then."""

    def prepare() -> tuple[Prepared, str] | Chosen:
        with parts.kit.database.read() as session:
            chosen = executions.choose(session, parts.kit, order)
        return chosen if may_call(chosen.flow.source) else begun(executions.settle_chosen(parts.kit, order, chosen, now()))

    def begun(prepared: Prepared) -> tuple[Prepared, str]:
        row = rows.Row(prepared.execution, prepared.flow, 1, caused=False, created_at=prepared.execution.created.timestamp())
        with parts.kit.database.read() as session:
            return prepared, serial.whole(serial.head(parts.kit, session, row), ())

    found = await run_in_threadpool(prepare)
    if isinstance(found, Chosen):
        return await calling(parts, request, lambda calls: begun(executions.settle_chosen(parts.kit, order, found, now(), calls)))
    return found


def _shown(parts: Parts, id: str) -> str:
    with parts.kit.database.read() as session:
        return serial.execution(parts.kit, session, executions.get(session, id))


async def _ended(parts: Parts, request: Request, id: str) -> str:
    """Waits until the execution has ended, or the one that takes over from it, but no longer than somebody waits for the answer. Gives the one to be shown."""
    deadline = time.monotonic() + LONGEST_WAIT

    def look() -> tuple[str, bool]:
        with parts.kit.database.read() as session:
            row = rows.successor(session, executions.get(session, id))
            return row.execution.id, row.execution.over

    while True:
        with listening(parts, ("execution", id)) as woken:
            while True:
                latest, over = await run_in_threadpool(look)
                left = deadline - time.monotonic()
                if (over and latest == id) or left <= 0 or parts.stopping.is_set() or await request.is_disconnected():
                    return latest
                if latest != id:
                    break
                await pause(parts, woken, min(left, 15.0))
        id = latest
