"""What anybody can send without a token costs us little: addresses that are no hook, bodies that never come, bodies without an end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api import body, hooks
from tests.api.calling import problem
from tests.support.serving import app_of
from tests.support.station import Station

API = "/api/v1/main"


class Caller:
    """A request whose body is sent as a test says; counts how often somebody asks for more of it."""

    def __init__(self, station: Station, path: str, **headers: str) -> None:
        self.asked, self.status, self.headers = 0, 0, dict[bytes, bytes]()
        self._app = app_of(station)
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1"), *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())],
            "client": ("198.51.100.7", 1),
            "server": ("127.0.0.1", 8080),
        }

    async def call(self, *chunks: bytes) -> int:
        """Sends these chunks and then nothing more; gives the status."""
        waiting = iter(chunks)

        async def receive() -> dict[str, Any]:
            self.asked += 1
            chunk = next(waiting, None)
            if chunk is None:
                await asyncio.sleep(3600)
            return {"type": "http.request", "body": chunk, "more_body": True}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status, self.headers = message["status"], dict(message["headers"])

        await asyncio.wait_for(self._app(self._scope, receive, send), 20)
        return self.status


def rows(station: Station, table: str) -> int:
    with station.database.read() as session:
        return int(session.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608 - a name of ours


def hook_of(station: Station) -> str:
    return station.repository("site", url="http://127.0.0.1:9/acme/site.git", forge="github", allow_private=True).hook_id


@pytest.mark.parametrize("path", ["/hooks/invented", "/hooks/" + "x" * 5000, "/hooks/%00"])
def test_the_body_for_an_address_that_is_no_hook_is_not_read(station: Station, path: str):
    caller = Caller(station, path)
    assert (asyncio.run(caller.call(b"x" * 1000)), caller.asked, rows(station, "refusal")) == (404, 0, 0)


def test_an_embedded_repository_reads_no_body_either(station: Station):
    caller = Caller(station, f"/hooks/{station.repository().hook_id}")
    assert (asyncio.run(caller.call(b"x")), caller.asked) == (404, 0)


def test_a_body_that_never_comes_is_given_up(station: Station, monkeypatch):
    monkeypatch.setattr(hooks, "PATIENCE", 0.2)
    caller, begun = Caller(station, f"/hooks/{hook_of(station)}"), time.monotonic()
    assert asyncio.run(caller.call(b"{", b'"a":')) == 408
    assert time.monotonic() - begun < 5
    # Whoever trickles on is not listened to.
    assert caller.headers[b"connection"] == b"close"
    assert rows(station, "refusal") == rows(station, "delivery") == 0


def test_a_hooks_body_without_an_end_is_cut_at_the_cap(station: Station, monkeypatch):
    monkeypatch.setattr(hooks, "CAP", 10_000)
    caller = Caller(station, f"/hooks/{hook_of(station)}")
    assert asyncio.run(caller.call(*[b"x" * 1000] * 100)) == 413
    assert (caller.asked, rows(station, "refusal")) == (11, 1)


@pytest.mark.parametrize("path", ["executions/t/f", "executions/t/f/validate", "namespaces/t/files", "executions/latest"])
def test_the_body_of_somebody_without_a_token_is_not_read(station: Station, path: str):
    caller = Caller(station, f"{API}/{path}", content_type="multipart/form-data; boundary=b")
    caller._app = app_of(station, host="0.0.0.0")
    assert (asyncio.run(caller.call(b"x" * 1000)), caller.asked) == (401, 0)


# forms: many fields may be as large as one


def fields(form: str) -> tuple[str, list[bytes]]:
    value = b"x" * 100_000
    if form == "multipart":
        parts = [b'--b\r\ncontent-disposition: form-data; name="n%d"\r\n\r\n%s\r\n' % (number, value) for number in range(100)]
        return "multipart/form-data; boundary=b", [*parts, b"--b--\r\n"]
    return "application/x-www-form-urlencoded", [b"n%d=%s&" % (number, value) for number in range(100)]


@pytest.mark.parametrize("form", ["multipart", "urlencoded"])
def test_a_form_is_capped_as_a_whole(station: Station, form: str):
    kind, chunks = fields(form)
    caller = Caller(station, f"{API}/executions/t/f", content_type=kind)
    assert asyncio.run(caller.call(*chunks)) == 413
    assert caller.asked <= body.JSON_CAP // 100_000 + 1


@pytest.mark.parametrize("form", ["multipart", "urlencoded"])
def test_a_form_that_declares_its_size_is_refused_before_it_is_read(station: Station, form: str):
    caller = Caller(station, f"{API}/executions/t/f", content_type=fields(form)[0], content_length="10000000")
    assert (asyncio.run(caller.call(b"x")), caller.asked) == (413, 0)


def test_a_form_within_the_cap_is_read_as_before(client: TestClient, station: Station):
    task = "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ninputs: [{{id: who, type: STRING}}]\n{task}"})
    for sent in ({"data": {"who": "é" * 1000}}, {"files": {"who": (None, "é" * 1000)}}):
        assert client.post(f"{API}/executions/t/f", **sent).json()["inputs"] == {"who": "é" * 1000}
    problem(client.post(f"{API}/executions/t/f", data={"who": "x" * (body.JSON_CAP + 1)}), 413)
