"""Executions: start, look at, follow, stop."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.actions import executions, pausing
from service.actions.executions import Order, Prepared
from service.actions.pausing import Resumption
from service.api import given, serial
from service.api.access import Writer
from service.api.ambiguity import ExecutionRoute
from service.api.found import find
from service.api.parts import LONGEST_WORD, Parts, Revision, Tenant, Use, listening, pause
from service.store import executions as rows
from service.store.codec import now
from service.store.database import Session
from service.store.executions import Row

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)

TaskRunId = Annotated[str | None, Query(alias="taskRunId", max_length=LONGEST_WORD)]
LONGEST_WAIT = 3600.0  #: seconds that `wait` waits for the end; the answer then shows how far it is


@router.post("/trigger/{namespace}/{id}")
@router.post("/{namespace}/{id}")
async def create(  # noqa: PLR0913 - one parameter for each option of the address
    namespace: str,
    id: str,
    request: Request,
    parts: Use,
    _: Writer,
    tenant: Tenant,
    labels: list[str] | None = Query(None),
    revision: int | None = Revision,
    wait: bool = False,
) -> Response:
    """Starts an execution; inputs are the parts of a form, or `inputs` (or `parameters`) of a JSON body."""
    inputs = await given.inputs(request)
    order = Order(tenant, namespace, id, inputs, given.labels(labels), revision=revision)
    prepared = await run_in_threadpool(_prepare, parts, order)
    moment = now()
    await parts.kit.database.awrite(lambda session: executions.add(session, parts.kit, prepared, moment))
    id = await _ended(parts, request, prepared.execution.id) if wait else prepared.execution.id

    def shown() -> Response:
        with parts.kit.database.read() as session:
            return Response(serial.execution(parts.kit, session, executions.get(session, id)), media_type="application/json")

    return await run_in_threadpool(shown)


def _prepare(parts: Parts, order: Order) -> Prepared:
    with parts.kit.database.read() as session:
        return executions.prepare(session, parts.kit, order, now())


async def _ended(parts: Parts, request: Request, id: str) -> str:
    """Waits until the execution has ended, or the one that takes over from it, but no longer than somebody waits for the answer. Gives the one to be shown."""
    deadline = time.monotonic() + LONGEST_WAIT

    def look() -> tuple[str, bool]:
        with parts.kit.database.read() as session:
            row = rows.successor(session, executions.get(session, id))
            return row.execution.id, row.execution.state.terminal

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


@router.delete("/{id}/kill", status_code=202)
@router.post("/{id}/actions/kill", status_code=202)
async def kill(id: str, parts: Use, caller: Writer, tenant: Tenant) -> dict[str, Any]:
    """Stops an execution; 409 when it has ended."""

    def action(session: Session) -> Row:
        return executions.kill(session, find(session, tenant, id).execution.id, caller.name)

    row = await parts.kit.database.awrite(action)
    return {"id": row.execution.id, "state": row.execution.state.value}


@first.post("/{id}/resume")
@router.post("/{id}/actions/resume")
async def resume(
    id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant, task_run: str | None = Query(None, alias="taskRunId")
) -> dict[str, Any]:
    """Lets a paused execution go on, with the inputs that the pause asks for: parts of a form, or `inputs` of a JSON body. 409 where it waits for nobody."""
    prepared = await _resumption(request, parts, tenant, id, task_run)
    await parts.kit.database.awrite(lambda session: pausing.resume(session, prepared, caller.name))
    return {"id": prepared.row.execution.id, "taskRunId": prepared.run.id}


async def _resumption(request: Request, parts: Parts, tenant: str, id: str, task_run: str | None) -> Resumption:
    values = await given.inputs(request)

    def prepare() -> Resumption:
        with parts.kit.database.read() as session:
            return pausing.prepare(session, parts.kit, find(session, tenant, id), values, task_run)

    return await run_in_threadpool(prepare)
