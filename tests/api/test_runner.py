"""The runner protocol's own address: what is no message is refused, whoever sends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from runners.protocol import Lease, RunnerInfo, encode
from service.git.helper import Helper
from tests.api.calling import calling, problem
from tests.support.station import RUNNER, RUNNER_TOKEN, Station, station_at

API = "/api/v1/runner"
LEASE = encode(Lease("nobody", 1, 1))
JOB = "  - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo]}\n"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> Iterator[Station]:
    """One for all tests here: they leave nothing behind that another would see."""
    with station_at(tmp_path_factory.mktemp("station") / "data", helper) as station:
        station.allow()
        yield station


@pytest.fixture(scope="module")
def client(station: Station) -> Iterator[TestClient]:
    """One as well: the routes are put together once."""
    with calling(station) as client:
        yield client


@pytest.fixture
def headers() -> dict[str, str]:
    return {"authorization": f"Bearer {RUNNER_TOKEN}"}


@pytest.mark.parametrize(
    ("verb", "content", "status"),
    [
        ("claim", {}, 400),
        ("claim", [], 400),
        ("claim", {"runner": {"id": 1}}, 400),
        ("claim", {"runner": encode(RUNNER), "wait": "long"}, 400),
        ("claim", {"runner": encode(RUNNER), "wait": None}, 400),
        ("beat", {"leases": []}, 400),
        ("beat", {"runner": "x", "leases": [{"task_run": "a"}]}, 400),
        ("beat", {"runner": "x", "leases": "no"}, 400),
        ("log", {"lease": LEASE}, 400),
        ("log", {"lease": LEASE, "lines": [{"number": 0}]}, 400),
        ("finish", {"lease": LEASE, "outcome": {"result": "FINE"}}, 400),
        ("finish", {"lease": LEASE, "outcome": {"result": "SUCCESS"}}, 409),
        ("adopt", {"runner": "x"}, 400),
        ("adopt", {"runner": "x", "lease": LEASE}, 409),
    ],
)
def test_each_message_has_its_number(client: TestClient, headers: dict[str, str], verb: str, content: object, status: int):
    problem(client.post(f"{API}/{verb}", json=content, headers=headers), status)


def test_a_claim_with_nothing_to_do_is_answered_in_time(client: TestClient, headers: dict[str, str]):
    for wait in (0, 0.05, -5):
        assert client.post(f"{API}/claim", json={"runner": encode(RUNNER), "wait": wait}, headers=headers).status_code == 204


@pytest.mark.parametrize(
    ("path", "status"), [("nobody/1/1/tree", 409), ("nobody/1/1/file?uri=kestra:///x", 409), ("nobody/x/1/tree", 422), ("nobody/1/1/file", 422)]
)
def test_files_of_a_lease_that_is_not_there_are_not_given(client: TestClient, headers: dict[str, str], path: str, status: int):
    problem(client.get(f"{API}/jobs/{path}", headers=headers), status)


def test_files_are_refused_before_their_first_byte(client: TestClient, station: Station, headers: dict[str, str]):
    station.flow(JOB)
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    place = f"{API}/jobs/{job.lease.task_run}/1/1/file"
    uri = client.put(place, params={"name": "a b.txt"}, content=b"content", headers=headers).json()["uri"]
    assert client.get(place, params={"uri": uri}, headers=headers).content == b"content"
    problem(client.get(place, params={"uri": uri + "x"}, headers=headers), 404)
    problem(client.get(place, params={"uri": "file:///etc/passwd"}, headers=headers), 422)
    problem(client.put(place, params={"name": "../x"}, content=b"x", headers=headers), 422)
    assert client.get(f"{API}/jobs/{job.lease.task_run}/1/1/tree", headers=headers).headers["content-type"] == "application/x-tar"


def test_runners_are_listed_for_people(client: TestClient, station: Station):
    station.dispatch.try_claim(RunnerInfo("r1", "h1", "1.0", slots=3, labels={"gpu": "yes"}))
    shown, *_ = client.get("/api/v1/main/runners").json()
    assert {key: shown[key] for key in ("id", "host", "version", "slots", "labels")} == {
        "id": "r1",
        "host": "h1",
        "version": "1.0",
        "slots": 3,
        "labels": {"gpu": "yes"},
    }
    assert shown["seen_at"].endswith("Z")
