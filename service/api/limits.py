"""Executions that wait for a place, or for anything else, and are let go on; and how many places of flows are taken."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.actions import waiting
from service.api.access import Caller, Reader, Writer
from service.api.actions import answer, row_of
from service.api.ambiguity import ExecutionRoute
from service.api.bulk import Deed, by_ids, by_query, ids_of, simple
from service.api.execution_search import Wanted
from service.api.parts import LONGEST_WORD, Parts, Tenant, Use
from service.engine.events import Forced, Unqueued
from service.engine.state import State

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)
flows = APIRouter(prefix="/concurrency-limit", tags=["executions"])
#: Many executions at once; has to be looked at before all the others.
several = APIRouter(prefix="/executions", tags=["executions"])

#: What is to become of an execution that is taken out of the queue, as a query parameter.
Target: Any = Query("RUNNING", alias="state", max_length=LONGEST_WORD)
NewState: Any = Query(None, alias="newState", max_length=LONGEST_WORD)


@first.post("/{id}/unqueue")
@router.post("/{id}/actions/unqueue")
async def unqueue(id: str, parts: Use, caller: Writer, tenant: Tenant, state: str = Target) -> Response:
    """Takes an execution out of the queue of its flow: to run although there is no place, or to end as CANCELLED or FAILED. 409 where it is not queued."""
    event = Unqueued(waiting.wanted(state), caller.name)
    return await answer(parts, await row_of(parts, tenant, id), event)


@first.post("/{id}/force-run")
@router.post("/{id}/actions/force-run")
async def force_run(id: str, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Lets an execution go on whatever it waits for: a place, its date, or somebody who resumes it. 409 where it has ended."""
    return await answer(parts, await row_of(parts, tenant, id), Forced(caller.name))


def _unqueued(caller: Caller, name: str) -> Deed:
    event = Unqueued(waiting.wanted(name), caller.name)
    return Deed("unqueue", Unqueued, lambda _session, _row: (None, event))


def _forced(_: Parts, caller: Caller) -> Deed:
    return Deed("force run", Forced, lambda _session, _row: (None, Forced(caller.name)))


simple(several, "force-run", _forced)


@several.post("/unqueue/by-ids")
@several.post("/actions/unqueue/by-ids")
async def unqueue_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant, state: str = Target, new_state: str | None = NewState) -> Response:
    """Takes them out of the queues of their flows, as `unqueue` does."""
    return await by_ids(parts, tenant, await ids_of(request), _unqueued(caller, new_state or state))


@several.post("/unqueue/by-query")
@several.post("/actions/unqueue/by-query")
async def unqueue_query(parts: Use, caller: Writer, wanted: Wanted, new_state: str | None = NewState) -> Response:
    """The same for all that a query finds. `state` is of the query, so `newState` says what becomes of them."""
    return await by_query(parts, wanted, _unqueued(caller, new_state or State.RUNNING))


@flows.get("/search")
def search(parts: Use, _: Reader, tenant: Tenant, page: int = Query(1, ge=1, le=100_000), size: int = Query(25, ge=1, le=1000)) -> dict[str, Any]:
    """The flows that have a limit, and how many of their executions run now: counted from states, so that there is nothing to be set right."""
    with parts.kit.database.read() as session:
        found, total = waiting.limits(session, parts.kit, tenant, limit=size, offset=(page - 1) * size)
    return {"results": [{"tenantId": tenant, **one} for one in found], "total": total}
