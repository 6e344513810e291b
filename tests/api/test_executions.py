"""Executions over HTTP: started, looked for, followed, stopped, and their logs read."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service.store.database import announce
from tests.api.calling import at_work, problem
from tests.support.serving import served, until
from tests.support.station import Station

API = "/api/v1/main"
FLOW = """
id: f
namespace: t.sub
labels: {team: a}
inputs:
  - {id: word, type: STRING, defaults: hello}
  - {id: n, type: FLOAT, required: false}
  - {id: any, type: JSON, required: false}
tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: '{{ inputs.word }}'}
  - {id: b, type: io.kestra.plugin.core.log.Log, message: '<script>alert(1)</script>'}
"""
NAP = "id: nap\nnamespace: t\ntasks: [{id: z, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}]\n"


@pytest.fixture
def flows(station: Station) -> None:
    station.push({".flows/f.yml": FLOW, ".flows/nap.yml": NAP})


def started(client: TestClient, path: str = "t.sub/f", **sent) -> dict:
    answer = client.post(f"{API}/executions/{path}", **sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events(lines) -> list[tuple[str, dict]]:
    """Server-sent events as (name, data)."""
    found, name = [], ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((name, json.loads(line.removeprefix("data: "))))
    return found


@pytest.mark.usefixtures("flows")
def test_an_execution_has_kestras_shape(client: TestClient, station: Station):
    id = started(client, json={"inputs": {"word": "hi"}}, params={"labels": ["a:b", "c.d:e:f"]})["id"]
    station.tick()
    shown = client.get(f"{API}/executions/{id}").json()
    assert {key: shown[key] for key in ("id", "namespace", "flowId", "flowRevision", "tenantId", "inputs", "deleted")} == {
        "id": id,
        "namespace": "t.sub",
        "flowId": "f",
        "flowRevision": 1,
        "tenantId": "main",
        "inputs": {"word": "hi", "n": None, "any": None},
        "deleted": False,
    }
    assert shown["labels"][:1] == [{"key": "team", "value": "a"}]
    assert {"key": "c.d", "value": "e:f"} in shown["labels"]
    assert [entry["state"] for entry in shown["state"]["histories"]] == ["CREATED", "RUNNING", "SUCCESS"]
    assert shown["state"]["endDate"].endswith("Z")
    assert shown["state"]["duration"].startswith("PT")
    first, second = shown["taskRunList"]
    assert (first["taskId"], first["outputs"], first["attempts"][0]["state"]["current"]) == ("a", {"value": "hi"}, "SUCCESS")
    assert (second["taskId"], second["executionId"]) == ("b", id)
    assert shown["commit"]["path"] == ".flows/f.yml"
    assert client.get(f"/api/v1/executions/{id}").json() == shown
    assert client.get(f"{API}/executions/{id[:18]}").json()["id"] == id


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"inputs": {"word": "é"}}},
        {"json": {"parameters": {"word": "é"}}},
        {"data": {"word": "é"}},
        {"files": {"word": (None, "é")}},
    ],
    ids=["inputs", "parameters", "form", "multipart"],
)
def test_inputs_come_as_json_or_as_a_form(client: TestClient, sent):
    assert started(client, **sent)["inputs"]["word"] == "é"


@pytest.mark.usefixtures("flows")
def test_without_a_body_the_defaults_count(client: TestClient):
    assert started(client)["inputs"]["word"] == "hello"
    assert started(client, "trigger/t.sub/f")["inputs"]["word"] == "hello"


@pytest.mark.usefixtures("flows")
def test_odd_values_are_refused_or_kept_but_never_break_the_reading(client: TestClient, station: Station):
    kept = [
        {"word": "\ud800"},
        {"word": "a\0b"},
        {"word": "\U0001f600" * 1000},
        {"word": "{{ secret('X') }}"},
        {"n": 1e308},
        {"n": "NaN"},
        {"n": "Infinity"},
        {"any": {"deep": json.loads("[" * 90 + "]" * 90)}},
        {"any": json.loads("[" * 900 + "]" * 900)},
        {"any": [None, True, {"": ""}]},
    ]
    for inputs in kept:
        answer = client.post(f"{API}/executions/t.sub/f", content=json.dumps({"inputs": inputs}), headers={"content-type": "application/json"})
        assert answer.status_code in (200, 422), (inputs, answer.text)
        if answer.status_code == 200:
            station.tick()
            assert client.get(f"{API}/executions/{answer.json()['id']}").status_code == 200
    assert client.get(f"{API}/executions/search").status_code == 200
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("label", ["nocolon", ":x", "a:", "system.from:me", "x" * 2000 + ":y"])
def test_a_label_that_is_none_is_refused(client: TestClient, label: str):
    problem(client.post(f"{API}/executions/t.sub/f", params={"labels": label}), 422)


@pytest.mark.usefixtures("flows")
def test_files_as_inputs_are_refused_by_name(client: TestClient):
    answer = client.post(f"{API}/executions/t.sub/f", files={"word": ("a.txt", b"x")})
    assert "input `word`: files as inputs are not taken" in problem(answer, 422)["message"]


@pytest.mark.usefixtures("flows")
def test_whoever_waits_gets_the_end(client: TestClient, station: Station):
    with at_work(station):
        assert started(client, params={"wait": "true"})["state"]["current"] == "SUCCESS"


@pytest.mark.usefixtures("flows")
def test_a_disabled_flow_is_not_started(client: TestClient, station: Station):
    from service.store import flows  # noqa: PLC0415 - the overlay has no route yet

    row = station.live()["t.sub", "f"]
    station.database.write(lambda session: flows.disable(session, row.id, disabled=True))
    problem(client.post(f"{API}/executions/t.sub/f"), 409)


# search


@pytest.mark.usefixtures("flows")
def test_executions_are_found_by_what_they_are(client: TestClient, station: Station):
    done = [started(client)["id"] for _ in range(3)]
    station.tick()
    napping = started(client, "t/nap")["id"]
    station.tick()

    def found(**query) -> list[str]:
        answer = client.get(f"{API}/executions/search", params=query).json()
        assert answer["total"] >= len(answer["results"])
        return [one["id"] for one in answer["results"]]

    assert found() == [napping, *reversed(done)]
    assert found(namespace="t") == [napping, *reversed(done)]
    assert found(namespace="t.sub") == found(flowId="f") == found(state="SUCCESS") == list(reversed(done))
    assert found(labels="team:a") == found(labels=["team:a", "no:1"][:1]) == list(reversed(done))
    assert found(labels="team:A") == found(labels="eam:a") == found(labels=["team:a", "no:1"]) == found(labels='"team:a') == []
    assert found(state="running,PAUSED") == found(q="na") == [napping]
    assert found(sort="state.startDate:asc") == [*done, napping]
    assert found(size=2, page=2) == [done[1], done[0]]
    assert found(size=2, page=9) == []
    assert found(startDate="2999-01-01T00:00:00Z") == []
    assert len(found(endDate="2999-01-01T00:00:00Z")) == 4


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("text", ["'", "' OR 1=1 --", "%", "_", "\\", "f' UNION SELECT * FROM token --", "*", "[a", '"'])
def test_letters_that_mean_something_to_a_database_are_letters(client: TestClient, station: Station, text: str):
    started(client)
    for query in ({"q": text}, {"namespace": text}, {"flowId": text}):
        answer = client.get(f"{API}/executions/search", params=query)
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
    for query in ({"q": text}, {"namespace": text}):
        answer = client.get(f"{API}/flows/search", params=query)
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
    assert client.get(f"{API}/executions/search", params={"sort": text}).status_code == 422
    assert client.get(f"{API}/executions/search", params={"state": text}).status_code in (200, 422)
    assert client.get(f"{API}/executions/search", params={"startDate": text}).status_code == 422


# stopping


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize(("method", "path"), [("DELETE", "kill"), ("POST", "actions/kill")])
def test_an_execution_is_killed_once(client: TestClient, station: Station, method: str, path: str):
    with at_work(station):
        id = started(client, "t/nap")["id"]
        until(lambda: station.state(id) == "RUNNING")
        answer = client.request(method, f"{API}/executions/{id}/{path}")
    assert (answer.status_code, answer.json()["state"]["current"]) == (202, "KILLED")
    problem(client.request(method, f"{API}/executions/{id}/{path}"), 409)


# logs


@pytest.mark.usefixtures("flows")
def test_logs_come_as_kestra_gives_them(client: TestClient, station: Station):
    id = started(client)["id"]
    station.tick()
    debug, info = client.get(f"{API}/logs/{id}").json()
    assert debug["level"] == "DEBUG"
    assert info.keys() == {"namespace", "flowId", "executionId", "taskId", "taskRunId", "attemptNumber", "timestamp", "level", "message"}
    assert (info["taskId"], info["attemptNumber"], info["message"]) == ("b", 0, "<script>alert(1)</script>")
    assert client.get(f"{API}/logs/{id}", params={"minLevel": "info"}).json() == [info]
    assert client.get(f"{API}/logs/{id}", params={"taskId": "a"}).json() == [debug]
    assert client.get(f"{API}/logs/{id}", params={"taskRunId": info["taskRunId"]}).json() == [info]
    problem(client.get(f"{API}/logs/{id}", params={"minLevel": "LOUD"}), 422)


@pytest.mark.usefixtures("flows")
def test_a_log_is_followed_from_the_first_line_to_the_last(station: Station):
    id = station.start("t.sub", "f")
    with served(station) as url, httpx2.stream("GET", f"{url}{API}/logs/{id}/follow", timeout=20) as stream:
        threading.Timer(0.2, station.tick).start()
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = events(stream.iter_lines())
    assert [name for name, _ in told] == ["start", "progress", "progress", "end"]
    assert [data["message"] for name, data in told if name == "progress"] == ["hello", "<script>alert(1)</script>"]
    assert told[-1][1] == {"id": id, "state": "SUCCESS"}


@pytest.mark.usefixtures("flows")
def test_an_execution_is_followed_to_its_end(station: Station):
    id = station.start("t.sub", "f")
    with served(station) as url, httpx2.stream("GET", f"{url}{API}/executions/{id}/follow", timeout=20) as stream:
        threading.Timer(0.2, station.tick).start()
        told = events(stream.iter_lines())
    assert (told[0][0], told[-1][0]) == ("start", "end")
    assert [data["state"]["current"] for _, data in told][-1] == "SUCCESS"
    assert len(told[-1][1]["taskRunList"]) == 2


@pytest.mark.usefixtures("flows")
def test_following_what_has_ended_ends_at_once(client: TestClient, station: Station):
    id = started(client)["id"]
    station.tick()
    assert [name for name, _ in events(client.get(f"{API}/executions/{id}/follow").text.splitlines())] == ["end"]
    assert [name for name, _ in events(client.get(f"{API}/logs/{id}/follow").text.splitlines())] == ["start", "progress", "progress", "end"]


@pytest.mark.usefixtures("flows")
@pytest.mark.parametrize("what", ["executions", "logs"])
def test_whoever_leaves_a_stream_in_the_middle_leaves_nothing_in_our_log(station: Station, caplog: pytest.LogCaptureFixture, what: str):
    id = station.start("t", "nap")
    station.tick()
    with served(station) as url:
        for _ in range(5):
            with httpx2.stream("GET", f"{url}{API}/{what}/{id}/follow", timeout=20) as stream:
                next(stream.iter_lines())
            # What is sent next meets nobody.
            station.database.write(lambda session: announce(session, ("execution", id), ("log", id)))
        station.database.write(lambda session: announce(session, ("execution", id), ("log", id)))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.usefixtures("flows")
def test_streams_end_when_the_service_does(station: Station):
    id = station.start("t", "nap")
    station.tick()
    ended = threading.Event()
    with served(station) as url:

        def follow() -> None:
            with httpx2.stream("GET", f"{url}{API}/executions/{id}/follow", timeout=20) as stream:
                for _ in stream.iter_lines():
                    begun.set()
            ended.set()

        begun = threading.Event()
        threading.Thread(target=follow, daemon=True).start()
        assert begun.wait(10)
    until(ended.is_set)


PAUSE = """
id: waits
namespace: t
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: reason, type: STRING}
      - {id: amount, type: INT, defaults: 3}
  - {id: z, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.wait.onResume.reason }} {{ outputs.wait.onResume.amount }}"}
"""


@pytest.fixture
def paused(client: TestClient, station: Station) -> str:
    station.push({".flows/waits.yml": PAUSE})
    id = started(client, "t/waits")["id"]
    station.tick()
    return id


@pytest.mark.parametrize("path", ["resume", "actions/resume"])
@pytest.mark.parametrize("sent", [{"json": {"inputs": {"reason": "because", "amount": 4}}}, {"files": {"reason": (None, "because"), "amount": (None, "4")}}])
def test_a_paused_execution_is_resumed_once(client: TestClient, station: Station, paused: str, path: str, sent: dict):
    with at_work(station):
        answer = client.post(f"{API}/executions/{paused}/{path}", **sent)
    assert answer.status_code == 200, answer.text
    shown = client.get(f"{API}/executions/{paused}").json()
    assert [stamp["state"] for stamp in shown["state"]["histories"]] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert (shown["taskRunList"][1]["outputs"], shown["taskRunList"][0]["outputs"]["resumed"]["by"]) == ({"value": "because 4"}, "local")
    assert problem(client.post(f"{API}/executions/{paused}/{path}", **sent), 409)["detail"].endswith("is SUCCESS; it waits for nobody to resume it")


APPROVAL = """
id: asks
namespace: t
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Approval
    commentRequired: true
    inputs: [{id: amount, type: INT}]
  - {id: z, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.ask.inputs.amount }} {{ outputs.ask.comment }}"}
"""


@pytest.fixture
def undecided(client: TestClient, station: Station) -> str:
    station.push({".flows/asks.yml": APPROVAL})
    id = started(client, "t/asks")["id"]
    station.tick()
    return id


@pytest.mark.parametrize("path", ["review", "actions/review"])
@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"decision": "APPROVED", "comment": "go", "inputs": {"amount": 4}}},
        {"files": {"decision": (None, "approve"), "comment": (None, "go"), "amount": (None, "4")}},
    ],
)
def test_an_approval_is_decided_once(client: TestClient, station: Station, undecided: str, path: str, sent: dict):
    with at_work(station):
        answer = client.post(f"{API}/executions/{undecided}/{path}", **sent)
    assert (answer.status_code, answer.json()["decision"]) == (200, "APPROVED"), answer.text
    station.tick()
    shown = client.get(f"{API}/executions/{undecided}").json()
    assert [stamp["state"] for stamp in shown["state"]["histories"]] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert (shown["taskRunList"][1]["outputs"], shown["taskRunList"][0]["outputs"]["by"]) == ({"value": "4 go"}, "local")
    assert problem(client.post(f"{API}/executions/{undecided}/{path}", **sent), 409)["detail"].endswith("it waits for nobody's decision")


@pytest.mark.parametrize(
    ("sent", "status", "named"),
    [
        ({"decision": "APPROVED", "inputs": {"amount": 4}}, 422, ["comment"]),
        ({"decision": "APPROVED", "comment": "x", "inputs": {"amount": "many"}}, 422, ["amount"]),
        ({"decision": "yes", "comment": "x"}, 422, ["decision"]),
        ({"comment": "x"}, 422, ["decision"]),
        ({"decision": "DENIED", "why": "x"}, 400, None),
        ({"decision": "DENIED", "inputs": []}, 400, None),
        ([], 400, None),
    ],
)
def test_a_decision_that_can_not_be_taken_is_told_why(client: TestClient, station: Station, undecided: str, sent: Any, status: int, named: list[str] | None):
    found = problem(client.post(f"{API}/executions/{undecided}/actions/review", json=sent), status)
    assert [error["input"] for error in found.get("errors", [])] == (named or [])
    station.tick()
    assert station.state(undecided) == "PAUSED"


def test_what_a_pause_asks_for_is_checked_before_it_goes_on(client: TestClient, station: Station, paused: str):
    wrong = problem(client.post(f"{API}/executions/{paused}/resume", json={"inputs": {"amount": "many"}}), 422)
    assert [error["input"] for error in wrong["errors"]] == ["reason", "amount"]
    assert problem(client.post(f"{API}/executions/{paused}/resume"), 422)["errors"][0]["input"] == "reason"
    problem(client.post(f"{API}/executions/{paused}/resume", json={"inputs": {"reason": "x"}}, params={"taskRunId": "nobody"}), 404)
    station.tick()
    assert station.state(paused) == "PAUSED"
