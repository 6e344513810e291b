"""The same for many executions at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api import bulk
from tests.api.calling import at_work, problem
from tests.api.test_actions import FLAKY, JOBS, WAITS
from tests.support.serving import until
from tests.support.station import Station

API = "/api/v1/main/executions"


@pytest.fixture(autouse=True)
def running(station: Station) -> Iterator[None]:
    station.push({".flows/flaky.yml": FLAKY, ".flows/waits.yml": WAITS, ".flows/jobs.yml": JOBS})
    with at_work(station):
        yield


def several(station: Station, flow: str, state: str, number: int = 3) -> list[str]:
    ids = [station.start("t", flow) for _ in range(number)]
    until(lambda: {station.state(id) for id in ids} == {state})
    return ids


def invalid(answer: Any, verb: str) -> dict[str, str]:
    """The executions that a BulkErrorResponse names, with why."""
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text
    found = answer.json()
    assert found["message"].startswith(f"invalid bulk {verb}")
    assert [each["execution"] for each in found["errors"]] == [each["invalidValue"] for each in found["invalids"]]
    return {each["invalidValue"]: each["message"] for each in found["invalids"]}


def settled(station: Station, ids: list[str], state: str) -> None:
    until(lambda: {station.state(id) for id in ids} == {state})


STYLES = pytest.mark.parametrize("style", ["", "/actions"], ids=["old", "new"])


@STYLES
def test_restart(client: TestClient, station: Station, style: str):
    ids = several(station, "flaky", "FAILED")
    assert client.post(f"{API}{style}/restart/by-ids", json=ids).json() == {"count": 3}
    settled(station, ids, "SUCCESS")
    named = invalid(client.post(f"{API}{style}/restart/by-ids", json=[*ids, "nobody"]), "restart")
    assert named["nobody"] == "execution not found"
    assert all("is SUCCESS; only one that is" in named[id] for id in ids)


def test_where_one_can_not_be_none_is(client: TestClient, station: Station):
    failed, well = several(station, "flaky", "FAILED", 2)
    client.post(f"{API}/{well}/restart")
    settled(station, [well], "SUCCESS")
    assert list(invalid(client.post(f"{API}/restart/by-ids", json=[failed, well]), "restart")) == [well]
    assert station.state(failed) == "FAILED"


@STYLES
def test_all_that_a_query_finds(client: TestClient, station: Station, style: str, monkeypatch):
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    ids, others = several(station, "flaky", "FAILED", 5), several(station, "waits", "PAUSED", 1)
    assert client.post(f"{API}{style}/restart/by-query", params={"flowId": "flaky", "state": "FAILED"}).json() == {"count": 5}
    settled(station, ids, "SUCCESS")
    assert list(invalid(client.post(f"{API}{style}/pause/by-query", params={"state": "PAUSED"}), "pause")) == others
    assert client.post(f"{API}{style}/resume/by-query", params={"namespace": "t", "state": "PAUSED"}).json() == {"count": 1}
    settled(station, others, "SUCCESS")
    assert client.post(f"{API}{style}/resume/by-query", params={"state": "PAUSED"}).json() == {"count": 0}
    problem(client.post(f"{API}{style}/restart/by-query?states=FAILED"), 422)


def test_kill_and_delete(client: TestClient, station: Station):
    paused, jobs = several(station, "waits", "PAUSED"), several(station, "jobs", "RUNNING")
    assert client.request("DELETE", f"{API}/kill/by-ids", json=paused).json() == {"count": 3}
    settled(station, paused, "KILLED")
    assert set(invalid(client.request("DELETE", f"{API}/by-ids", json=[*jobs, *paused]), "delete")) == set(jobs)
    assert client.delete(f"{API}/kill/by-query", params={"flowId": "jobs"}).json() == {"count": 3}
    assert client.delete(f"{API}/by-query", params={"state": "KILLED", "flowId": "jobs"}).json() == {"count": 3}
    assert client.request("DELETE", f"{API}/by-ids", json=paused, params={"deleteLogs": False}).json() == {"count": 3}
    assert client.get(f"{API}/search").json()["total"] == 0


@STYLES
def test_replay(client: TestClient, station: Station, style: str):
    ids = several(station, "flaky", "FAILED", 2)
    assert client.post(f"{API}{style}/replay/by-ids", json=ids).json() == {"count": 2}
    station.push({".flows/flaky.yml": FLAKY.replace("inputs.bad == 'yes' and ", "false and ")})
    assert client.post(f"{API}{style}/replay/by-query", params={"latestRevision": True, "state": "FAILED"}).status_code == 200
    until(lambda: len([row for row in station.every() if row.execution.state.value == "SUCCESS"]) >= 2)
    assert {row.execution.parent for row in station.every()} >= {None, *ids}


@STYLES
def test_labels_and_status(client: TestClient, station: Station, style: str):
    ids = several(station, "flaky", "FAILED", 2)
    sent = {"executionsId": ids, "executionLabels": [{"key": "x", "value": "y"}]}
    assert client.post(f"{API}{style}/labels/by-ids", json=sent).json() == {"count": 2}
    assert client.get(f"{API}/search?labels=x:y").json()["total"] == 2
    assert client.post(f"{API}{style}/labels/by-query?labels=x:y", json=[{"key": "x", "value": "z"}]).json() == {"count": 2}
    problem(client.post(f"{API}{style}/labels/by-ids", json=ids), 400)
    assert client.post(f"{API}{style}/change-status/by-ids?newStatus=WARNING", json=ids).json() == {"count": 2}
    assert client.post(f"{API}{style}/change-status/by-query?newStatus=success&labels=x:z").json() == {"count": 2}
    assert {station.state(id) for id in ids} == {"SUCCESS"}


@pytest.mark.parametrize("sent", ["x", {"ids": []}, [1], None])
def test_a_body_that_is_no_list_of_ids(client: TestClient, sent):
    problem(client.post(f"{API}/restart/by-ids", json=sent), 400)


def test_none_of_nothing(client: TestClient):
    assert client.post(f"{API}/restart/by-ids", json=[]).json() == {"count": 0}
