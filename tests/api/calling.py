"""Calls to the application, without a network in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.testclient import TestClient

from service.loops import Runner
from service.loops.executor import Executor
from service.loops.reconciler import Reconciler
from tests.support.serving import app_of
from tests.support.station import Station

HERE = "http://127.0.0.1:8080"
YAML = {"content-type": "application/x-yaml"}


@contextmanager
def calling(station: Station, **settings: Any) -> Iterator[TestClient]:
    """A client of the station; a fault of ours is an answer, as it is for everybody."""
    with TestClient(app_of(station, **settings), base_url=HERE, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@contextmanager
def at_work(station: Station) -> Iterator[None]:
    """The loops that follow pushes and run executions, in their threads."""
    loops = Reconciler(station.kit), Executor(station.kit)
    running = [Runner(loop, station.database.hub) for loop in loops]
    for one in running:
        one.start()
    station.followed = True
    try:
        yield
    finally:
        station.followed = False
        for one in running:
            one.stop()
        for one in running:
            one.join(10)
        loops[0].close()


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem that an answer is; checks its shape."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found.keys() == {"type", "title", "status", "detail", "message", "errors"}
    assert (found["status"], found["message"]) == (status, found["detail"])
    assert isinstance(found["errors"], list)
    for word in ("Traceback", "Error(", "sqlite", "sqlalchemy", "pydantic", "/work/", "service.", ".py"):
        assert word not in answer.text
    return dict(found)
