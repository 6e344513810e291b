"""A station's HTTP application, really served: on a free port of the loopback, in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from service.api.parts import Parts
from service.api.server import application
from service.git.host import Host
from tests.support.station import Station


def app_of(station: Station, **settings: object) -> FastAPI:
    """The application over a station's parts. To be called where its event loop will be, or with one to come."""
    kit = station.kit
    if settings:
        changed = replace(kit.settings, **settings)  # type: ignore[arg-type]
        kit = replace(kit, settings=changed, url=changed.url or kit.url)
    return application(Parts(kit, station.dispatch, Host(station.git.root)))


@contextmanager
def served(station: Station) -> Iterator[str]:
    """The address at which the station answers."""
    server: list[uvicorn.Server] = []
    stops: list[Callable[[], object]] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))

        async def run() -> None:
            app, loop = app_of(station), asyncio.get_running_loop()
            stops.append(lambda: loop.call_soon_threadsafe(app.state.parts.stopping.set))
            server.append(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)))
            await server[0].serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        try:
            until(lambda: server and server[0].started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # As the service itself ends: streams are told first.
            for stop in stops:
                stop()
            server[0].should_exit = True
            thread.join(10)


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.01)
