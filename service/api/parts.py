"""What the routes are given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from service.actions.dispatch import Dispatch
from service.actions.kit import Kit
from service.errors import NotFound
from service.git.host import Host
from service.store import repositories
from service.store.hub import Topic

_RUNNER_THREADS, _EDIT_THREADS, _TEMPLATE_THREADS, _CALLING_THREADS = 16, 8, 2, 8


#: Characters of a text to search for; the database refuses patterns of tens of thousands.
LONGEST_WORD = 500

#: A revision's number as a query parameter.
Revision: Any = Query(None, ge=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """The service's parts as the API needs them.

    `stopping` is set when streams and waits should end, `draining` before that: no more jobs are given out. `ill` names what should work and does not.
    Work that blocks has threads of its own where it must not hold up the rest: runners' calls, commits of edits, templates that people try out,
    and inputs that call other flows.
    """

    kit: Kit
    dispatch: Dispatch
    host: Host
    ill: Callable[[], Sequence[str]] = lambda: ()
    runner_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_RUNNER_THREADS))
    edit_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_EDIT_THREADS))
    template_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_TEMPLATE_THREADS))
    calling_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_CALLING_THREADS))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    draining: asyncio.Event = field(default_factory=asyncio.Event)


async def _parts(request: Request) -> Parts:
    # Async although it waits for nothing: FastAPI would run a plain function in a thread, for every request.
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]


async def _environment(request: Request, parts: Use) -> str:
    """The tenant segment."""
    name: str = request.path_params["tenant"]
    if name != repositories.MAIN and not await run_in_threadpool(_is_open, parts, name):
        raise NotFound(f"there is no environment `{name[:100]}`")
    return name


def _is_open(parts: Parts, environment: str) -> bool:
    with parts.kit.database.read() as session:
        return repositories.has_environment(session, environment)


Tenant = Annotated[str, Depends(_environment)]


@contextmanager
def listening(parts: Parts, *topics: Topic) -> Iterator[asyncio.Event]:
    """An event that is set whenever one of the topics has news."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake(_: Topic) -> None:
        # The loop may have ended between the commit and now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(woken.set)

    stops = [parts.kit.database.hub.listen(topic, wake) for topic in topics]
    try:
        yield woken
    finally:
        for stop in stops:
            stop()


async def pause(parts: Parts, woken: asyncio.Event, seconds: float) -> None:
    """Waits for news, for the end of the service, or for the time."""
    tasks = [asyncio.ensure_future(woken.wait()), asyncio.ensure_future(parts.stopping.wait())]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    woken.clear()
