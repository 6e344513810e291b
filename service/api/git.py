"""The embedded Git host over smart HTTP. Bytes stream both ways; what a push means is said by the hooks."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.actions import repositories
from service.api import body
from service.api.access import Reader, Writer
from service.api.parts import Parts, Use
from service.errors import NotFound
from service.git.host import SERVICES
from service.store.repositories import Repository

router = APIRouter(tags=["git"], include_in_schema=False)


class _Raw(Response):
    """An answer that speaks ASGI itself."""

    def __init__(self, parts: Parts, repository: str, service: str, request: Request, *, announce: bool) -> None:
        super().__init__()
        self._parts, self._service, self._announce = parts, service, announce
        self._path = parts.kit.git.path(repository)
        self._protocol = request.headers.get("git-protocol", "")
        self._gzip = request.headers.get("content-encoding", "").lower() == "gzip"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = self._parts.host
        if self._announce:
            await host.announce(send, self._path, self._service, self._protocol)
        else:
            await host.exchange(receive, send, self._path, self._service, gzip=self._gzip, protocol=self._protocol)


async def _embedded(parts: Parts, name: str) -> Repository:
    def find() -> Repository:
        with parts.kit.database.read() as session:
            return repositories.get(session, name)

    found = await run_in_threadpool(find)
    if not found.embedded:
        raise NotFound(f"repository `{name}` is not hosted here; it is at {found.url}")
    return found


@router.get("/git/{name}.git/info/refs")
async def info_refs(name: str, service: str, request: Request, parts: Use, _: Reader) -> Response:
    """What a fetch or a push begins with."""
    if service not in SERVICES:
        raise HTTPException(403, "only smart HTTP is served")
    repository = await _embedded(parts, name)
    return _Raw(parts, repository.name, service, request, announce=True)


@router.post("/git/{name}.git/git-upload-pack")
async def fetch(name: str, request: Request, parts: Use, _: Reader) -> Response:
    """The objects that a clone or a fetch wants."""
    body.require_type(request, ("application/x-git-upload-pack-request",))
    return _Raw(parts, (await _embedded(parts, name)).name, "git-upload-pack", request, announce=False)


@router.post("/git/{name}.git/git-receive-pack")
async def push(name: str, request: Request, parts: Use, _: Writer) -> Response:
    """The objects and refs of a push."""
    body.require_type(request, ("application/x-git-receive-pack-request",))
    return _Raw(parts, (await _embedded(parts, name)).name, "git-receive-pack", request, announce=False)
