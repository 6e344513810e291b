"""Health is told truly, to anybody, and for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import httpx2
import pytest
from starlette.testclient import TestClient

from service.api.parts import Parts
from service.api.server import application
from service.git.host import Host
from tests.api.calling import HERE, problem
from tests.support.station import Station


@pytest.mark.parametrize("path", ["/healthz", "/ping"])
@pytest.mark.parametrize("ill", [["the database"], ["the executor", "the reaper"]])
def test_who_is_ill_says_so(station: Station, path: str, ill: Sequence[str]):
    parts = Parts(station.kit, station.dispatch, Host(station.git.root), lambda: ill)
    with TestClient(application(parts), base_url=HERE) as client:
        found = problem(client.get(path), 503)
    assert found["detail"] == f"not working: {', '.join(ill)}"


def test_it_is_answered_while_the_database_is_busy(station: Station):
    async def ask() -> int:
        parts = Parts(station.kit, station.dispatch, Host(station.git.root), lambda: [] if station.database.answers() else ["the database"])
        held = station.database.submit(lambda _: release.wait(10))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(application(parts)), base_url=HERE) as client:
            answer = await asyncio.wait_for(client.get("/healthz"), 2)
        release.set()
        held.result(10)
        return answer.status_code

    release = threading.Event()
    assert asyncio.run(ask()) == 200
