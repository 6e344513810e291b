"""Clients that leave in the middle of a stream, which is how everybody ends following a log, or of their own request, as a runner that is killed does. It is no
fault of ours, so nothing is logged."""

from __future__ import annotations

from anyio import BrokenResourceError, ClosedResourceError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

_GONE = (BrokenResourceError, ClosedResourceError, ClientDisconnect)


class Leavers:
    """Ends a request in silence when all that went wrong is that nobody listens any more. Other faults go on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            await self._app(scope, receive, send)
        except* _GONE:
            pass
