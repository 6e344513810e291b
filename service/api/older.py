"""Addresses of before there were tenants: `/api/v1/flows` is `/api/v1/main/flows`.

They are read as the newer ones, so that each route exists once: routes are what the start of the service and its first request take longest to make.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from service.store.repositories import MAIN

API = "/api/v1/"


class OlderAddresses:
    """Puts the tenant into an address that begins with a noun, also where there is a tenant of that name: the older address was there first."""

    def __init__(self, app: ASGIApp, nouns: Iterable[str]) -> None:
        self._app = app
        self._nouns = frozenset(nouns)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"].startswith(API):
            rest = scope["path"][len(API) :]
            if rest.partition("/")[0] in self._nouns:
                scope = {**scope, "path": f"{API}{MAIN}/{rest}"}
        await self._app(scope, receive, send)
