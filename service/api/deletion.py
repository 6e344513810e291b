"""Executions that are deleted, with their logs and files. One that has not ended is refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from service.actions import deletion
from service.api.access import Caller, Writer
from service.api.answers import decided
from service.api.bulk import Deed, by_ids, by_query, ids_of
from service.api.execution_search import Wanted
from service.api.found import find
from service.api.parts import Parts, Tenant, Use
from service.engine.events import Deleted
from service.store import events

router = APIRouter(prefix="/executions", tags=["executions"])

_FEW = 20  #: executions whose files go in one step


def _what(
    logs: bool = Query(True, alias="deleteLogs"), metrics: bool = Query(True, alias="deleteMetrics"), storage: bool = Query(True, alias="deleteStorage")
) -> Deleted:
    return Deleted("", logs, metrics, storage)


What = Annotated[Deleted, Depends(_what)]


@router.delete("/by-ids")
async def delete_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant, what: What) -> Response:
    """Deletes those of a list."""
    return _then_files(parts, await by_ids(parts, tenant, await ids_of(request), _deed(caller, what)))


@router.delete("/by-query")
async def delete_query(parts: Use, caller: Writer, wanted: Wanted, what: What) -> Response:
    """Deletes all that a query finds."""
    return _then_files(parts, await by_query(parts, wanted, _deed(caller, what)))


@router.delete("/{id}", status_code=204)
async def delete(id: str, parts: Use, caller: Writer, tenant: Tenant, what: What) -> Response:
    """Deletes one."""

    def look() -> str:
        with parts.kit.database.read() as session:
            return find(session, tenant, id).execution.id

    found = await run_in_threadpool(look)
    event = Deleted(caller.name, what.logs, what.metrics, what.storage)
    done = await decided(parts, lambda session, asked: events.add(session, found, None, event, asked))
    return _then_files(parts, Response(status_code=204 if done else 202))


def _deed(caller: Caller, what: Deleted) -> Deed:
    event = Deleted(caller.name, what.logs, what.metrics, what.storage)
    return Deed("delete", Deleted, lambda _session, _row: (None, event))


def _then_files(parts: Parts, response: Response) -> Response:
    """Files go once it is answered; what a crash leaves of them, housekeeping finds."""

    def clear() -> None:
        while deletion.clear(parts.kit, _FEW) == _FEW:
            pass

    response.background = BackgroundTask(clear)
    return response
