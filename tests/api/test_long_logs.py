"""A log of any length is read and followed page by page, whole and in order."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store import logs
from service.store.logs import Line
from tests.support.serving import app_of
from tests.support.station import Station

API = "/api/v1/main"
LONG = 12


@pytest.fixture
def logged(station: Station) -> tuple[str, list[str]]:
    """An execution that has ended, with a log of several pages: its id, and what was logged."""
    station.push({".flows/f.yml": "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"})
    id = station.start("t", "f")
    station.tick()
    said = station.log(id)
    for chunk in range(LONG):
        texts = [f"{chunk}.{line} {'é' * 3000}" for line in range(100)]
        lines = [Line(station.clock.now, "WARN" if chunk % 2 else "DEBUG", text) for text in texts]
        station.database.write(partial(logs.append, execution=id, task_run="", task="", attempt=0, lines=lines))
        said += texts
    return id, said


def test_a_page_ends_with_a_chunk_and_the_next_begins_behind_it(station: Station, logged):
    id, said = logged
    after, pages = 0, 0
    found: list[str] = []
    with station.database.read() as session:
        while page := logs.page(session, id, after=after):
            assert sum(len(entry.line.message) for entry in page) < 1_500_000
            found, after, pages = found + [entry.line.message for entry in page], page[-1].chunk, pages + 1
        assert logs.page(session, id, after=0, until=0) == ()
    assert found == said
    assert pages >= 3


def test_all_of_it_is_read_as_one_array(client: TestClient, logged):
    id, said = logged
    assert [entry["message"] for entry in client.get(f"{API}/logs/{id}").json()] == said
    warned = client.get(f"{API}/logs/{id}", params={"minLevel": "WARN"}).json()
    assert [entry["message"] for entry in warned] == [text for text in said[1:] if int(text.partition(".")[0]) % 2]


def test_an_empty_log_is_an_empty_array(client: TestClient, station: Station):
    station.push({".flows/f.yml": "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"})
    answer = client.get(f"{API}/logs/{station.start('t', 'f')}")
    assert (answer.content, answer.headers["content-type"]) == (b"[]", "application/json")


def test_all_of_it_is_followed(client: TestClient, logged):
    id, said = logged
    sent = [json.loads(line[5:]) for line in client.get(f"{API}/logs/{id}/follow").text.splitlines() if line.startswith("data:")]
    assert [entry["message"] for entry in sent if "message" in entry] == said


@pytest.mark.parametrize("path", ["", "/follow"])
def test_no_more_than_a_page_of_it_is_held(station: Station, logged, path: str):
    id, _ = logged
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": "", "query_string": b""}
    scope |= {"path": f"{API}/logs/{id}{path}", "raw_path": b"", "headers": [(b"host", b"127.0.0.1")]}
    sent: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(len(message.get("body", b"")))

    app = app_of(station)
    tracemalloc.start()
    asyncio.run(app(scope, receive, send))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sent) > 7_000_000
    assert max(sent) < sum(sent) / 2
    assert most < 3 * sum(sent)
