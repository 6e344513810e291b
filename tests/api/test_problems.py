"""What goes wrong is a problem of one shape, with the right number, and says nothing of our insides."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.git.helper import Helper
from tests.api.calling import YAML, calling, problem
from tests.support.station import Station, station_at

BIG = 2_000_000
API = "/api/v1/main"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> Iterator[Station]:
    """One for all tests here: they leave nothing behind that another would see."""
    with station_at(tmp_path_factory.mktemp("station") / "data", helper) as station:
        station.repository()
        yield station


@pytest.fixture(scope="module")
def client(station: Station) -> Iterator[TestClient]:
    """One as well: the routes are put together once."""
    with calling(station) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/main/nothing", 404),
        ("POST", "/healthz", 405),
        ("DELETE", f"{API}/flows/search", 405),
        ("GET", f"{API}/executions/search?page=0", 422),
        ("GET", f"{API}/executions/search?size=1000000000", 422),
        ("GET", f"{API}/executions/search?size=-1", 422),
        ("GET", f"{API}/executions/search?page=x", 422),
        ("GET", f"{API}/executions/search?page=1e9", 422),
        ("GET", f"{API}/executions/search?page=99999999999999999999999", 422),
        ("GET", f"{API}/executions/search?sort=name;drop", 422),
        ("GET", f"{API}/executions/search?sort=created:sideways", 422),
        ("GET", f"{API}/executions/search?state=LOST", 422),
        ("GET", f"{API}/executions/search?startDate=yesterday", 422),
        ("GET", f"{API}/flows/search?size=0", 422),
        ("GET", f"{API}/repositories/default/commits?size=201", 422),
        ("GET", "/?page=0", 422),
        ("GET", f"{API}/executions/nobody", 404),
        ("GET", f"{API}/executions/nobody/follow", 404),
        ("GET", f"{API}/logs/nobody", 404),
        ("GET", f"{API}/logs/nobody/follow", 404),
        ("DELETE", f"{API}/executions/nobody/kill", 404),
        ("POST", f"{API}/executions/nobody/actions/kill", 404),
        ("GET", f"{API}/flows/t/nobody", 404),
        ("GET", f"{API}/flows/t/nobody?revision=x", 422),
        ("GET", f"{API}/flows/t/nobody?revision=99999999999999999999999", 404),
        ("GET", f"{API}/flows/t/nobody/revisions", 404),
        ("POST", f"{API}/executions/t/nobody", 404),
        ("POST", f"{API}/executions/t/nobody?revision=99999999999999999999999", 404),
        ("GET", f"{API}/flows/t/nobody?revision=0", 422),
        ("GET", f"{API}/repositories/nobody", 404),
        ("POST", f"{API}/repositories/nobody/sync", 404),
        ("GET", f"{API}/repositories/default/commits/xyz", 422),
        ("GET", f"{API}/repositories/default/commits/abcdef", 404),
        ("GET", f"{API}/repositories/default/commits/{'a' * 4000}", 422),
        ("GET", "/api/v1/elsewhere/flows/search", 404),
        ("GET", "/api/v1/elsewhere/executions/search", 404),
        ("GET", "/executions/nobody", 404),
        ("GET", "/commits/default/xyz", 422),
        ("POST", "/hooks/nobody", 404),
        ("GET", "/git/nobody.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/git/default.git/info/refs?service=git-evil", 403),
        ("GET", "/git/default.git/info/refs", 422),
        ("POST", "/git/default.git/git-upload-pack", 415),
        ("GET", "/git/default.git/HEAD", 404),
        ("GET", "/git/default.git/objects/info/packs", 404),
        ("GET", "/git/..%2fdefault.git/info/refs?service=git-upload-pack", 404),
    ],
)
def test_each_mistake_has_its_number(client: TestClient, method: str, path: str, status: int):
    problem(client.request(method, path), status)


@pytest.mark.parametrize(
    ("path", "sent", "body", "status"),
    [
        ("repositories", {"content-type": "application/json"}, b"{", 400),
        ("repositories", {"content-type": "application/json"}, b"\xff", 400),
        ("repositories", {"content-type": "application/json"}, b"[" * 100_000, 400),
        ("repositories", {"content-type": "application/json"}, b"[]", 422),
        ("repositories", {"content-type": "application/json"}, b"null", 422),
        ("repositories", {"content-type": "application/json"}, b"{}", 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": 1}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "more": 1}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "../x"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "forge": "nobody", "url": "https://127.0.0.1/a/b"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "allow_private": "yes"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "token_from": "plain-token"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x\\ud800"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "api_url": "http://x"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "token_from": "env:X"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "allow_private": true}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "branch": "-x"}', 422),
        ("repositories", {"content-type": "application/json"}, b'{"name": "x", "branch": "a..b"}', 400),
        ("repositories", {"content-type": "text/plain"}, b'{"name": "x"}', 415),
        ("repositories", {"content-type": "application/json-patch+json"}, b'{"name": "x"}', 415),
        ("repositories", {}, b'{"name": "x"}', 415),
        ("repositories", {"content-type": "application/json", "content-encoding": "gzip"}, b"{}", 415),
        ("repositories", {"content-type": "application/json"}, b" " * 6_000_000, 413),
        ("flows", {"content-type": "application/json"}, b"{}", 415),
        ("flows", {"content-type": "text/plain"}, b"id: x", 415),
        ("flows", YAML, b"", 422),
        ("flows", YAML, b"\xff\xfe", 422),
        ("flows", YAML, b"id: x", 422),
        ("flows", YAML, b"x" * BIG, 413),
        ("flows/validate", {"content-type": "multipart/form-data"}, b"id: x", 415),
        ("flows/validate", YAML, b"x" * BIG, 413),
        ("executions/t/f", {"content-type": "application/json"}, b"{", 400),
        ("executions/t/f", {"content-type": "application/json"}, b"[]", 400),
        ("executions/t/f", {"content-type": "application/json"}, b'{"input": {}}', 422),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": []}', 422),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": {"x": 1}, "parameters": {"x": 2}}', 422),
        ("executions/t/f", {"content-type": "application/json"}, b'{"\\udc00": 1}', 422),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": {"x": "\\uD83d"}}', 422),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": {"x": NaN}}', 400),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": {"x": -1e999}}', 400),
        ("executions/t/f", {"content-type": "application/json"}, b'{"inputs": {"x": ' + b"9" * 10_000 + b"}}", 400),
        ("executions/t/f", {"content-type": "text/plain"}, b'{"inputs": {}}', 415),
        ("executions/t/f", {"content-type": "multipart/form-data"}, b"x", 400),
    ],
)
def test_each_body_has_its_number(client: TestClient, path: str, sent: dict[str, str], body: bytes, status: int):
    problem(client.post(f"{API}/{path}", content=body, headers=sent), status)


def test_a_whole_pair_of_surrogates_is_a_character(client: TestClient):
    problem(client.post(f"{API}/executions/t/f", content=b'{"inputs": {"x": "\\ud83d\\ude00"}}', headers={"content-type": "application/json"}), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "flows/t/f?revision=99999999999999999999999"),
        ("POST", "executions/t/f?revision=99999999999999999999999"),
        ("GET", "executions/search?page=100000&size=1000&startDate=9999-12-31T23:59:59Z"),
    ],
)
def test_no_number_is_too_large_to_be_answered(client: TestClient, station: Station, method: str, path: str):
    station.push({".flows/f.yml": "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"})
    answer = client.request(method, f"{API}/{path}")
    assert answer.status_code in (200, 404, 422), answer.text


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "executions/search?nosuch=x", "`nosuch`"),
        ("GET", "flows/search?filters%5Bstate%5D%5BEQUALS%5D=SUCCESS", "`filters[state][EQUALS]`"),
        ("POST", "executions/t/f?fast=a", "`fast`"),
        ("GET", "flows/search?order=id", "`order`"),
        ("GET", "repositories?x=1", "there is none"),
    ],
)
def test_a_parameter_that_would_be_passed_over_is_refused_by_name(client: TestClient, method: str, path: str, named: str):
    assert named in problem(client.request(method, f"{API}/{path}"), 422)["message"]


@pytest.mark.parametrize("value", [b"Basic \xe9", b"Basic !", b"Basic 4pyT4pyT", b"Basic /w==", b"Bearer \xff", b"Basic", b"\xff"])
def test_no_login_is_too_odd_to_be_answered(client: TestClient, value: bytes):
    answer = client.get(f"{API}/flows/search", headers={b"authorization": value})
    assert answer.status_code in (200, 401), answer.text


def test_a_body_without_a_declared_length_is_counted(client: TestClient, station: Station):
    def endless():
        for _ in range(100):
            yield b"x" * 100_000

    problem(client.post(f"{API}/flows", content=endless(), headers=YAML), 413)


def test_a_flow_with_problems_is_refused_with_every_place(client: TestClient, station: Station):
    text = "id: f\nnamespace: t\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Lag\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n"
    found = problem(client.post(f"{API}/flows", content=text, headers=YAML), 422)
    assert len(found["errors"]) >= 2
    assert all(error.keys() == {"code", "severity", "path", "line", "column", "message", "hint"} for error in found["errors"])
    assert (found["errors"][0]["line"], found["errors"][0]["column"]) == (5, 11)


def test_inputs_that_do_not_fit_are_refused_by_name(client: TestClient, station: Station):
    inputs = "inputs: [{id: n, type: INT}, {id: d, type: DATE}]\n"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\n{inputs}tasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"})
    found = problem(client.post(f"{API}/executions/t/f", json={"inputs": {"n": "x"}}), 422)
    assert sorted(error["input"] for error in found["errors"]) == ["d", "n"]


def test_a_fault_of_ours_is_told_without_its_insides(client: TestClient, station: Station):
    station.push({".flows/f.yml": "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"})
    id = station.start("t", "f")
    station.database.write(lambda session: session.exec_driver_sql(f"UPDATE execution SET history = 'no JSON' WHERE id = '{id}'"))
    found = problem(client.get(f"{API}/executions/{id}"), 500)
    assert found["detail"] == "an internal error; the service's log has it"


def test_an_unexpected_length_of_path_or_query_is_no_fault(client: TestClient):
    for path in (f"{API}/executions/search?q={'x' * 60_000}", f"{API}/flows/search?namespace={'x' * 60_000}"):
        problem(client.get(path), 422)
    for path in (f"{API}/flows/{'n' * 5_000}/{'f' * 5_000}", f"{API}/flows/%00/%ff", f"{API}/flows/é/ü", f"{API}/executions/%F0%9F%98%80"):
        assert client.get(path).status_code in (200, 404)


def test_what_is_printed_of_a_request_is_short(client: TestClient):
    for path in (
        f"{API}/executions/{'x' * 5_000}",
        f"{API}/flows/{'n' * 5_000}/{'f' * 5_000}",
        f"{API}/repositories/{'x' * 5_000}",
        f"{API}/executions/search?sort={'x' * 5_000}",
    ):
        assert len(client.get(path).text) < 1_500, path


def test_unavailable_says_when_to_try_again(station: Station):
    with calling(station) as client:
        client.app.state.parts.stopping.set()  # type: ignore[attr-defined]  # the application behind the client
        answered = client.get("/healthz")
    problem(answered, 503)
    assert answered.headers["retry-after"] == "5"


def test_problems_are_json_that_every_reader_takes(client: TestClient):
    json.loads(client.get(f"{API}/executions/search?state=%22%7D%0A%00").content)
