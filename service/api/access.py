"""Who may call what. Every route declares a permission; a route without one does not exist (a test walks them all).

On loopback the service needs no login, unless its `url` says that a proxy lets others in. Bound to any other address it wants a token, for the embedded Git
host too. On loopback two guards stand in for the login, because a browser on this machine will send anything anywhere: the `Host` must be a loopback name (or
the one of `url`), and a request that a page of another origin made is refused. No rule here looks at a path.

A parameter that an address does not take is refused to whoever may call it: a filter that is passed over would answer with everything.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.parts import Parts
from service.errors import Forbidden, Invalid, Unauthorized
from service.settings import hostname, is_loopback_name
from service.store import settings as tokens


class Permission(StrEnum):
    """What a route needs."""

    PUBLIC = "public"  #: nothing: health, and hooks, which carry their own signature
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    REGISTRATION = "registration"  #: a token that is used once, for a runner to make its own key known
    RUNNER = "runner"  #: a runner's token, also on loopback: tasks run there


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking."""

    name: str
    kind: str

    @property
    def person(self) -> str | None:
        """The name of somebody; None for whoever is known by a token, or not at all."""
        return None if self.name in (self.kind, _NOBODY) else self.name

    def may(self, permission: Permission) -> bool:
        """Whether this one could call what needs a permission."""
        return self.kind in _ENOUGH[permission]


_NOBODY = "local"
_LOCAL = Caller(_NOBODY, "admin")
_ENOUGH = {Permission.READ: ("admin",), Permission.WRITE: ("admin",), Permission.ADMIN: ("admin",), Permission.RUNNER: ("runner",)}
_ENOUGH[Permission.REGISTRATION] = ("registration",)

_ALWAYS = frozenset({Permission.RUNNER, Permission.REGISTRATION})  #: what needs a token on loopback, too

_FILTERS = "filters["  #: how the parameters begin that name what they mean themselves

Checker = Callable[[Request], Awaitable[Caller]]


def needs(permission: Permission) -> Any:
    """The dependency of a route; the caller is its value."""

    async def check(request: Request) -> Caller:
        caller = await _check(request, permission)
        if permission is not Permission.PUBLIC:
            _refuse_unknown(request)
        return caller

    check.permission = permission  # type: ignore[attr-defined]  # read by the test that walks the routes
    return Depends(check)


async def _check(request: Request, permission: Permission) -> Caller:
    parts: Parts = request.app.state.parts
    if permission is Permission.PUBLIC:
        return Caller("anyone", "anyone")
    token = token_of(request.headers)
    if permission not in _ALWAYS and token is None and parts.kit.settings.open:
        return _LOCAL
    if token is None:
        raise Unauthorized("this needs a token: Authorization: Bearer …")
    # A runner's report must not wait behind people's requests.
    kind = await to_thread.run_sync(_kind, parts, token, limiter=parts.runner_threads if permission is Permission.RUNNER else None)
    if kind is None:
        raise Unauthorized("the token is not known")
    kind, _, name = kind.partition(":")
    if kind not in _ENOUGH[permission]:
        raise Forbidden(f"a {kind}'s token may not do this")
    return Caller(name or kind, kind)


def _refuse_unknown(request: Request) -> None:
    """Raises Invalid for a query parameter that this address does not have."""
    if not request.query_params:
        return
    route: APIRoute = request.scope["route"]
    known = set(_names(route.dependant))
    filters = any(name.startswith(_FILTERS) for name in known)
    for name in request.query_params:
        if name not in known and not (filters and name.startswith(_FILTERS)):
            there = f"there is {', '.join(sorted(known))}" if known else "there is none"
            raise Invalid(f"the parameter `{name[:60]}` means nothing at this address of this version; {there}")


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for below in dependant.dependencies:
        yield from _names(below)


def _kind(parts: Parts, token: str) -> str | None:
    with parts.kit.database.read() as session:
        return tokens.token_kind(session, token)


def token_of(headers: Headers) -> str | None:
    """Bearer, or Basic with the token as password (what `git` sends)."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except ValueError:  # not base64, not even ASCII, or no UTF-8 inside
            return None
    return None


Reader = Annotated[Caller, needs(Permission.READ)]
Writer = Annotated[Caller, needs(Permission.WRITE)]
Admin = Annotated[Caller, needs(Permission.ADMIN)]
Newcomer = Annotated[Caller, needs(Permission.REGISTRATION)]
AnyRunner = Annotated[Caller, needs(Permission.RUNNER)]
Anyone = Annotated[Caller, needs(Permission.PUBLIC)]


class LoopbackGuard:
    """Refuses what a browser was made to send: a foreign Host (DNS rebinding), and requests of other origins."""

    def __init__(self, app: ASGIApp, own: str, *, loopback: bool) -> None:
        self._app, self._loopback = app, loopback
        self._own, self._url = hostname(own), own.rstrip("/").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._refusal(headers, scope["method"])
            if refusal is not None:
                problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": refusal, "message": refusal, "errors": []}
                await JSONResponse(problem, 403, media_type="application/problem+json")(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is one of our own: the address it was asked under, or the one in `url`."""
        return origin.rstrip("/").lower() == self._url or (_hostname(_netloc(origin)) == _hostname(host) != "" and _same_port(origin, host))

    def _refusal(self, headers: Headers, method: str) -> str | None:
        host = _hostname(headers.get("host", ""))
        if self._loopback and not (is_loopback_name(host) or (self._own and host == self._own)):
            return "this service listens on loopback only and is not known by that Host; set HEADGATE_URL when a proxy stands before it"
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, headers.get("host", "")):
            return "a page of another origin made this request"
        followed = headers.get("sec-fetch-mode") == "navigate" and method in ("GET", "HEAD")  # a link, not a form
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not followed:
            return "a page of another origin made this request"
        return None


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _hostname(netloc: str) -> str:
    return hostname(f"//{netloc}")


def _same_port(origin: str, host: str) -> bool:
    try:
        parts, own = urlsplit(origin), urlsplit(f"//{host}")
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.port or standard) == (own.port or standard)
    except ValueError:
        return False
