"""Webhooks: stored durably, then answered; what follows from them is done after.

Anybody may call here, so nothing is done for an address that is no hook: its body is not read, and it leaves no row.
"""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from runners.crashpoints import crashpoint
from service.actions import deliveries
from service.api import body
from service.api.access import Anyone
from service.api.parts import Parts, Use
from service.errors import ServiceError, TooLarge
from service.store.codec import now
from service.store.repositories import Repository
from webhooks.change import NotAuthentic, Unreadable

router = APIRouter(tags=["hooks"])

CAP = 25_000_000
PATIENCE = 10.0  #: seconds that a body may take: the forges themselves give up after that long
_log = logging.getLogger("headgate.hooks")


@router.post("/hooks/{hook_id}")
async def receive(hook_id: str, request: Request, parts: Use, _: Anyone) -> Response:
    """A forge's delivery: 202 once it is stored, whether or not it has been here before."""
    repository = await run_in_threadpool(_hooked, parts, hook_id)
    source = request.client.host if request.client else ""
    headers = {name.lower(): value for name, value in request.headers.items()}
    content = b""
    try:
        content = await _body(request)
        delivery_id, event = await run_in_threadpool(deliveries.check, parts.kit, repository, headers, content, time.time())
    except (TooLarge, NotAuthentic, Unreadable) as failure:
        await _audit(parts, hook_id, failure, content, source)
        raise
    at = now().timestamp()
    crashpoint("hooks.before_accept")
    new = await parts.kit.database.awrite(lambda session: deliveries.accept(session, repository, delivery_id, event, headers, content, at))
    crashpoint("hooks.accepted")
    return JSONResponse({"status": "accepted" if new else "duplicate", "delivery": delivery_id}, 202)


def _hooked(parts: Parts, hook_id: str) -> Repository:
    with parts.kit.database.read() as session:
        return deliveries.hooked(session, hook_id)


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            return await body.read(request, CAP)
    except TimeoutError as failure:
        raise HTTPException(408, f"the body did not come within {PATIENCE:.0f} seconds", {"Connection": "close"}) from failure


async def _audit(parts: Parts, hook_id: str, failure: Exception, content: bytes, source: str) -> None:
    """A refused delivery leaves a row, so that "it never arrived" can be told from "we said no"."""
    status = failure.status if isinstance(failure, ServiceError | Unreadable) else 401
    _log.warning("a delivery from %s was refused with %d: %s", source, status, failure)
    at = now().timestamp()
    await parts.kit.database.awrite(lambda session: deliveries.refuse(session, hook_id, status, str(failure), content, source, at))
