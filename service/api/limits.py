"""Executions that wait for a place, or for anything else, and are let go on; and how many places of flows are taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.actions import waiting
from service.api import serial
from service.api.access import Caller, Reader, Writer
from service.api.ambiguity import ExecutionRoute
from service.api.found import find
from service.api.parts import LONGEST_WORD, Parts, Tenant, Use, listening, pause
from service.store import events
from service.store import executions as rows
from service.store.database import Session

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)
flows = APIRouter(prefix="/concurrency-limit", tags=["executions"])

_PATIENCE = 10.0  #: seconds until the answer shows the execution as it is, whether or not it has been dealt with


@first.post("/{id}/unqueue")
@router.post("/{id}/actions/unqueue")
async def unqueue(id: str, parts: Use, caller: Writer, tenant: Tenant, state: str = Query("RUNNING", max_length=LONGEST_WORD)) -> Response:
    """Takes an execution out of the queue of its flow: to run although there is no place, or to end as CANCELLED or FAILED. 409 where it is not queued."""
    wanted = waiting.wanted(state)
    return await _dealt_with(parts, tenant, id, caller, lambda session, found: waiting.unqueue(session, found, wanted, caller.name))


@first.post("/{id}/force-run")
@router.post("/{id}/actions/force-run")
async def force_run(id: str, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Lets an execution go on whatever it waits for: a place, its date, or somebody who resumes it. 409 where it has ended."""
    return await _dealt_with(parts, tenant, id, caller, lambda session, found: waiting.force(session, found, caller.name))


async def _dealt_with(parts: Parts, tenant: str, id: str, caller: Caller, tell: Callable[[Session, rows.Row], int]) -> Response:
    """Tells the executor, and answers with the execution as it then is."""

    def action(session: Session) -> tuple[str, int]:
        row = find(session, tenant, id)
        return row.execution.id, tell(session, row)

    def heard(number: int) -> bool:
        with parts.kit.database.read() as session:
            return not events.waits(session, number)

    deadline = time.monotonic() + _PATIENCE
    with listening(parts, ("executions", "")) as woken:
        found, number = await parts.kit.database.awrite(action)
        while not parts.stopping.is_set() and not await run_in_threadpool(heard, number) and time.monotonic() < deadline:
            await pause(parts, woken, 0.5)
    return await run_in_threadpool(_shown, parts, tenant, found)


def _shown(parts: Parts, tenant: str, id: str) -> Response:
    with parts.kit.database.read() as session:
        return Response(serial.execution(parts.kit, session, find(session, tenant, id)), media_type="application/json")


@flows.get("/search")
def search(parts: Use, _: Reader, tenant: Tenant, page: int = Query(1, ge=1, le=100_000), size: int = Query(25, ge=1, le=1000)) -> dict[str, Any]:
    """The flows that have a limit, and how many of their executions run now: counted from states, so that there is nothing to be set right."""
    with parts.kit.database.read() as session:
        found, total = waiting.limits(session, parts.kit, tenant, limit=size, offset=(page - 1) * size)
    return {"results": [{"tenantId": tenant, **one} for one in found], "total": total}
