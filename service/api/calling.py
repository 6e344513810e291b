"""Requests whose inputs may call other flows: they wait for these in threads of their own, and no longer than somebody waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from fastapi import Request

from service.actions.input_calls import InputCalls
from service.api.parts import Parts

T = TypeVar("T")

_LOOK = 1.0  #: seconds until it is looked whether somebody still waits


async def calling(parts: Parts, request: Request, work: Callable[[InputCalls], T]) -> T:
    """Does the work in a thread that may wait for minutes. When the service stops, or whoever asked has left, its calls are given up."""
    given_up = asyncio.Event()
    calls = InputCalls(parts.kit, lambda: given_up.is_set() or parts.stopping.is_set())
    watching = asyncio.ensure_future(_watch(request, given_up))
    try:
        return await to_thread.run_sync(work, calls, limiter=parts.calling_threads)
    finally:
        watching.cancel()


async def _watch(request: Request, given_up: asyncio.Event) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_LOOK)
    given_up.set()
