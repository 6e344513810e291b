"""Whoever waits holds nothing that others need: not for a sync, not for an execution, and never what a runner needs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from anyio import to_thread
from starlette.testclient import TestClient

from runners.protocol import encode
from service.actions import sync
from service.api import editing, executions
from tests.api.calling import HERE, YAML, at_work, problem
from tests.support.commits import MAIN
from tests.support.serving import app_of
from tests.support.station import RUNNER, RUNNER_TOKEN, Station

API = "/api/v1/main"
AUTHORIZED = {"authorization": f"Bearer {RUNNER_TOKEN}"}
_BAD_ROW = "INSERT INTO flowfile (repository_id, path, blob, guessed, valid, level, problems) SELECT id, 'x.yml', '', 0, 0, 3, 'no JSON' FROM repository"


def text(id: str = "f") -> str:
    return f"id: {id}\nnamespace: t\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"


def calling(station: Station, story: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
    """Tells the story with a client in the application's own event loop."""

    async def run() -> Any:
        transport = httpx2.ASGITransport(app_of(station), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=HERE, timeout=30) as client:
            return await story(client)

    return asyncio.run(run())


@contextmanager
def impatient(monkeypatch, seconds: float) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(editing, "PATIENCE", seconds)
        yield


# threads


def test_however_many_edits_wait_everybody_else_is_answered(station: Station, monkeypatch):
    station.repository()

    async def story(client: httpx2.AsyncClient) -> tuple[float, list[int]]:
        edits = [asyncio.create_task(client.post(f"{API}/flows", content=text(f"f{number}"), headers=YAML)) for number in range(60)]
        await asyncio.sleep(1.5)  # nobody syncs: the first is committed and waits, the others wait for it
        assert not any(edit.done() for edit in edits)
        begun = time.monotonic()
        answers = [await client.get(path) for path in (f"{API}/flows/search", "/healthz", f"{API}/repositories/default")]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        return time.monotonic() - begun, [edit.status_code for edit in await asyncio.gather(*edits)]

    with impatient(monkeypatch, 4.0):
        took, statuses = calling(station, story)
    assert took < 2.0
    assert set(statuses) == {503}


def test_a_runner_is_answered_when_people_hold_every_thread(station: Station):
    station.allow()
    release = threading.Event()

    async def story(client: httpx2.AsyncClient) -> list[int]:
        held = [asyncio.create_task(to_thread.run_sync(release.wait)) for _ in range(int(to_thread.current_default_thread_limiter().total_tokens))]
        search = asyncio.create_task(client.get(f"{API}/flows/search"))
        await asyncio.sleep(0.1)
        try:
            calls = [
                client.post("/api/v1/runner/claim", json={"runner": encode(RUNNER), "wait": 0}, headers=AUTHORIZED),
                client.post("/api/v1/runner/beat", json={"runner": RUNNER.id, "leases": []}, headers=AUTHORIZED),
                client.get("/api/v1/runner/jobs/nobody/1/1/tree", headers=AUTHORIZED),
                client.put("/api/v1/runner/jobs/nobody/1/1/file?name=x", content=b"x", headers=AUTHORIZED),
                client.get("/healthz"),
            ]
            answers = await asyncio.wait_for(asyncio.gather(*calls), 5)
            assert not search.done()
        finally:
            release.set()
        await asyncio.gather(*held, search)
        return [answer.status_code for answer in answers]

    assert calling(station, story) == [204, 200, 409, 409, 200]


# what the sync says


def test_an_edit_whose_sync_fails_names_the_fault(client: TestClient, station: Station, monkeypatch, caplog):
    station.repository()
    station.database.write(lambda session: session.exec_driver_sql(_BAD_ROW))
    with caplog.at_level("CRITICAL"), at_work(station), impatient(monkeypatch, 1.5):
        found = problem(client.post(f"{API}/flows", content=text(), headers=YAML), 503)
    assert "the change is committed as " in found["detail"]
    assert "Expecting value" in found["detail"]


def test_an_edit_that_can_not_be_synced_says_why(client: TestClient, station: Station, monkeypatch):
    station.repository()
    monkeypatch.setattr(sync, "_HEAVIEST", 10)
    with at_work(station):
        made = problem(client.post(f"{API}/flows", content=text(), headers=YAML), 409)
        assert "the change is committed as " in made["detail"]
        assert "push them in several steps" in made["detail"]
        # The branch stands at that commit now, so nothing can be changed before it is mended; that is what the next one hears.
        refused = problem(client.post(f"{API}/flows", content=text("g"), headers=YAML), 409)
    assert "nothing is changed: refs/heads/main stands at " in refused["detail"]
    assert "push them in several steps" in refused["detail"]


def test_an_edit_waits_for_a_push_that_is_not_synced_yet(client: TestClient, station: Station):
    station.push({".flows/f.yml": text()})
    writer = station.commits()
    writer.move(MAIN, writer.write({".flows/g.yml": text("g")}, station.git.refs("default")[MAIN]))
    with at_work(station):
        assert client.delete(f"{API}/flows/t/f").status_code == 200
    assert [id for _, id in station.live()] == ["g"]


def test_an_edit_of_a_branch_that_vanished_is_given_up(client: TestClient, station: Station, monkeypatch):
    station.push({".flows/f.yml": text()})
    station.commits().move(MAIN, None)
    with impatient(monkeypatch, 1.0):
        begun = time.monotonic()
        found = problem(client.delete(f"{API}/flows/t/f"), 503)
    assert time.monotonic() - begun < 5
    assert found["detail"] == "nothing is changed: refs/heads/main is gone, and its sync has not ended yet"


# executions


def test_waiting_for_an_execution_has_an_end(client: TestClient, station: Station, monkeypatch):
    monkeypatch.setattr(executions, "LONGEST_WAIT", 0.5)
    station.push({".flows/f.yml": text()})
    begun = time.monotonic()
    answered = client.post(f"{API}/executions/t/f?wait=true")
    assert (answered.status_code, answered.json()["state"]["current"]) == (200, "CREATED")
    assert 0.4 < time.monotonic() - begun < 5


def test_nobody_waits_for_somebody_who_has_left(station: Station):
    station.push({".flows/f.yml": text()})

    async def story(_: httpx2.AsyncClient) -> bool:
        app, asked = app_of(station), asyncio.Event()  # called without the client, which can't leave early
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            message = next(messages, None)
            if message is None:
                asked.set()
                return {"type": "http.disconnect"}
            return message

        async def send(_: Any) -> None:
            """Nobody is there."""

        path = f"{API}/executions/t/f"
        scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": ""}
        scope |= {"path": path, "raw_path": path.encode(), "query_string": b"wait=true", "headers": [(b"host", b"127.0.0.1")]}
        await asyncio.wait_for(app(scope, receive, send), 5)
        return asked.is_set()

    assert calling(station, story)
    assert len(station.every()) == 1
