"""Limits, dates, checks and outputs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.loops import Runner
from service.loops.executor import Executor
from tests.api.calling import at_work, problem
from tests.api.test_bulk import invalid
from tests.api.test_executions import API, started
from tests.support.station import Station

PAUSE = "io.kestra.plugin.core.flow.Pause"
LIMITED = f"id: one\nnamespace: t\nconcurrency: {{limit: 1}}\ntasks: [{{id: p, type: {PAUSE}}}]\n"
FREE = f"id: free\nnamespace: t\ndescription: 'without concurrency'\ntasks: [{{id: p, type: {PAUSE}}}]\n"
GIVES = """
id: gives
namespace: t
inputs: [{id: n, type: INT, defaults: 5}]
checks:
  - {condition: "{{ inputs.n > 0 }}", message: n must be more than nothing, style: ERROR}
  - {condition: "{{ inputs.n > 1 }}", message: n is small, behavior: FAIL_EXECUTION}
outputs: [{id: twice, type: INT, value: "{{ inputs.n * 2 }}"}]
tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]
"""


@pytest.fixture
def flows(station: Station) -> None:
    station.push({".flows/one.yml": LIMITED, ".flows/free.yml": FREE, ".flows/gives.yml": GIVES})


@pytest.fixture
def executor(station: Station) -> Iterator[None]:
    """Somebody who deals with what is asked for, at once."""
    running = Runner(Executor(station.kit), station.database.hub)
    running.start()
    yield
    running.stop()
    running.join(10)


def queued(client: TestClient, station: Station, flow: str = "one") -> tuple[str, str]:
    first, second = (started(client, f"t/{flow}")["id"] for _ in range(2))
    station.tick()
    return first, second


def shown(client: TestClient, id: str) -> dict:
    return dict(client.get(f"{API}/executions/{id}").json())


# the queue


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("way", ["unqueue", "actions/unqueue"])
@pytest.mark.parametrize(
    ("wanted", "end"), [(None, "PAUSED"), ("RUNNING", "PAUSED"), ("CANCELLED", "CANCELLED"), ("canceled", "CANCELLED"), ("FAILED", "FAILED")]
)
def test_an_execution_is_taken_out_of_the_queue(client: TestClient, station: Station, way: str, wanted: str | None, end: str, request: pytest.FixtureRequest):
    first, second = queued(client, station)
    assert shown(client, second)["state"]["current"] == "QUEUED"
    request.getfixturevalue("executor")
    answer = client.post(f"{API}/executions/{second}/{way}", params={"state": wanted} if wanted else {})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["id"], answer.json()["state"]["current"]) == (second, end)
    assert shown(client, first)["state"]["current"] == "PAUSED"
    said = problem(client.post(f"{API}/executions/{second}/{way}"), 409)["detail"]
    assert said == f"execution {second} is {end}; only one that is QUEUED can be taken out of the queue"


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("way", ["unqueue", "actions/unqueue"])
def test_it_can_not_become_anything(client: TestClient, station: Station, way: str):
    _, second = queued(client, station)
    said = problem(client.post(f"{API}/executions/{second}/{way}", params={"state": "SUCCESS"}), 422)["detail"]
    assert said == "a queued execution can't become `SUCCESS`; it can become RUNNING, CANCELLED, FAILED"
    problem(client.post(f"{API}/executions/{'0' * 22}/{way}"), 404)
    station.tick()
    assert station.state(second) == "QUEUED"


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("way", ["force-run", "actions/force-run"])
def test_an_execution_is_run_by_force(client: TestClient, station: Station, way: str, request: pytest.FixtureRequest):
    first, second = queued(client, station)
    later = started(client, "t/free", params={"scheduleDate": "2099-01-01T00:00:00+01:00"})
    assert (later["scheduleDate"], later["state"]["current"]) == ("2098-12-31T23:00:00.000000Z", "CREATED")
    request.getfixturevalue("executor")
    for id in (second, later["id"]):
        assert client.post(f"{API}/executions/{id}/{way}").json()["state"]["current"] == "PAUSED"
    answer = client.post(f"{API}/executions/{first}/{way}").json()
    assert [stamp["state"] for stamp in answer["state"]["histories"]] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert answer["taskRunList"][0]["outputs"]["resumed"]["by"] == "local"
    problem(client.post(f"{API}/executions/{first}/{way}"), 409)


@pytest.mark.usefixtures("flows")
def test_how_many_places_are_taken_is_told(client: TestClient, station: Station):
    one = {"tenantId": "main", "namespace": "t", "flowId": "one", "limit": 1, "behavior": "QUEUE"}
    assert client.get(f"{API}/concurrency-limit/search").json() == {"results": [one | {"running": 0}], "total": 1}
    first, _ = queued(client, station)
    queued(client, station, "free")
    assert client.get("/api/v1/concurrency-limit/search").json() == {"results": [one | {"running": 1}], "total": 1}
    client.delete(f"{API}/executions/{first}/kill")
    station.tick()
    assert client.get(f"{API}/concurrency-limit/search", params={"page": 2}).json() == {"results": [], "total": 1}
    assert client.get(f"{API}/concurrency-limit/search").json()["results"] == [one | {"running": 1}]


# dates


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("date", ["tomorrow", "2099-01-01", "2099-01-01T00:00:00", "2099-02-31T00:00:00Z", ""])
def test_a_date_that_is_none_is_refused(client: TestClient, station: Station, date: str):
    assert problem(client.post(f"{API}/executions/t/free", params={"scheduleDate": date}), 422)["detail"].startswith("scheduleDate ")
    assert station.every() == []


@pytest.mark.usefixtures("flows")
def test_one_without_a_date_shows_none(client: TestClient):
    assert not {"scheduleDate", "outputs"} & started(client, "t/free").keys()


# checks, outputs and labels


@pytest.mark.usefixtures("flows")
def test_a_check_refuses_and_says_why(client: TestClient, station: Station):
    said = problem(client.post(f"{API}/executions/t/gives", json={"inputs": {"n": 0}}), 422)
    assert said["detail"] == "the flow's checks do not let it start: n must be more than nothing; n is small"
    assert said["errors"] == [
        {"message": "n must be more than nothing", "style": "ERROR", "behavior": "BLOCK_EXECUTION"},
        {"message": "n is small", "style": "INFO", "behavior": "FAIL_EXECUTION"},
    ]
    assert station.every() == []


@pytest.mark.usefixtures("flows")
def test_or_makes_a_failed_execution(client: TestClient, station: Station):
    made = started(client, "t/gives", json={"inputs": {"n": 1}})
    assert [stamp["state"] for stamp in made["state"]["histories"]] == ["CREATED", "FAILED"]
    station.tick()
    assert (shown(client, made["id"])["taskRunList"], station.log(made["id"], "ERROR")) == ([], ["n is small"])


@pytest.mark.usefixtures("flows", "executor")
def test_whoever_waits_gets_the_outputs(client: TestClient):
    answer = started(client, "t/gives", json={"inputs": {"n": 4}}, params={"wait": "true"})
    assert (answer["state"]["current"], answer["outputs"]) == ("SUCCESS", {"twice": 8})


@pytest.mark.usefixtures("flows")
def test_what_executions_have_in_common_can_be_given(client: TestClient):
    made = started(client, "t/free", params={"labels": ["system.correlationId:abc", "a:b"]})
    assert {"key": "system.correlationId", "value": "abc"} in made["labels"]
    problem(client.post(f"{API}/executions/t/free", params={"labels": "system.from:me"}), 422)


# what comes after the end


def test_a_stream_ends_when_all_is_done(client: TestClient, station: Station):
    text = f"id: f\nnamespace: t\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\nafterExecution: [{{id: p, type: {PAUSE}}}]\n"
    station.push({".flows/f.yml": text})
    id = started(client, "t/f")["id"]
    station.tick()
    assert (station.state(id), station.states(id)) == ("SUCCESS", {"a": "SUCCESS", "p": "PAUSED"})
    with at_work(station):
        assert client.post(f"{API}/executions/{id}/resume").status_code == 200
    station.tick()
    with client.stream("GET", f"{API}/executions/{id}/follow") as answer:
        names = [line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: ")]
    assert (names, station.states(id)["p"]) == (["end"], "SUCCESS")
    problem(client.delete(f"{API}/executions/{id}/kill"), 409)


# many at once


QUEUES = f"id: queues\nnamespace: t\nconcurrency: {{limit: 1}}\ntasks: [{{id: p, type: {PAUSE}}}]\n"
STYLES = pytest.mark.parametrize("style", ["", "/actions"], ids=["old", "new"])


def in_line(client: TestClient, station: Station) -> list[str]:
    """One that holds the place, and three that wait for it."""
    station.push({".flows/queues.yml": QUEUES})
    ids = [started(client, "t/queues")["id"] for _ in range(4)]
    station.tick()
    assert [station.state(id) for id in ids] == ["PAUSED", "QUEUED", "QUEUED", "QUEUED"]
    return ids


@STYLES
@pytest.mark.parametrize(
    ("params", "end"), [({}, "PAUSED"), ({"state": "RUNNING"}, "PAUSED"), ({"state": "CANCELLED"}, "CANCELLED"), ({"newState": "FAILED"}, "FAILED")]
)
def test_several_are_taken_out_of_the_queue(client: TestClient, station: Station, style: str, params: dict[str, str], end: str, request: pytest.FixtureRequest):
    first, *waiting = in_line(client, station)
    request.getfixturevalue("executor")
    assert client.post(f"{API}/executions{style}/unqueue/by-ids", json=waiting, params=params).json() == {"count": 3}
    assert {station.state(id) for id in waiting} == {end}
    named = invalid(client.post(f"{API}/executions{style}/unqueue/by-ids", json=[first, waiting[0]], params=params), "unqueue")
    assert list(named) == [first, waiting[0]]
    assert named[first] == f"execution {first} is PAUSED; only one that is QUEUED can be taken out of the queue"


@STYLES
def test_all_that_a_query_finds_are_taken_out_of_the_queue(client: TestClient, station: Station, style: str, request: pytest.FixtureRequest):
    _, *waiting = in_line(client, station)
    request.getfixturevalue("executor")
    answer = client.post(f"{API}/executions{style}/unqueue/by-query", params={"state": "QUEUED", "namespace": "t", "newState": "CANCELLED"})
    assert answer.json() == {"count": 3}
    assert {station.state(id) for id in waiting} == {"CANCELLED"}
    assert client.post(f"{API}/executions{style}/unqueue/by-query", params={"state": "QUEUED"}).json() == {"count": 0}
    problem(client.post(f"{API}/executions{style}/unqueue/by-query", params={"newState": "SUCCESS"}), 422)


@STYLES
def test_several_are_run_by_force(client: TestClient, station: Station, style: str, request: pytest.FixtureRequest):
    first, *waiting = in_line(client, station)
    request.getfixturevalue("executor")
    assert client.post(f"{API}/executions{style}/force-run/by-ids", json=[waiting[0], waiting[1]]).json() == {"count": 2}
    assert [station.state(id) for id in waiting] == ["PAUSED", "PAUSED", "QUEUED"]
    assert client.post(f"{API}/executions{style}/force-run/by-query", params={"flowId": "queues", "state": "PAUSED"}).json() == {"count": 3}
    assert {station.state(id) for id in (first, *waiting[:2])} == {"SUCCESS"}
    assert invalid(client.post(f"{API}/executions{style}/force-run/by-ids", json=[first, "nobody"]), "force run") == {
        first: f"execution {first} is SUCCESS; only one that has not ended can be run by force",
        "nobody": "execution not found",
    }
