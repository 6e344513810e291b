"""What people do with one execution over HTTP: each address, in both styles, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from runners.protocol import Outcome, Result
from tests.api.calling import at_work, problem
from tests.support.serving import until
from tests.support.station import RUNNER, Station

API = "/api/v1/main"
CORE = "io.kestra.plugin.core"
FLAKY = f"""
id: flaky
namespace: t
labels: {{team: a}}
inputs:
  - {{id: bad, type: STRING, defaults: "yes"}}
tasks:
  - {{id: a, type: {CORE}.debug.Return, format: "first"}}
  - id: g
    type: {CORE}.flow.Sequential
    tasks:
      - {{id: b, type: {CORE}.execution.Fail, condition: "{{{{ inputs.bad == 'yes' and taskrun.attemptsCount == 0 }}}}"}}
  - {{id: c, type: {CORE}.debug.Return, format: "{{{{ outputs.a.value }}}} {{{{ inputs.bad }}}}"}}
errors:
  - {{id: e, type: {CORE}.log.Log, message: mending}}
"""
WAITS = f"id: waits\nnamespace: t\ntasks:\n  - {{id: p, type: {CORE}.flow.Pause}}\n  - {{id: z, type: {CORE}.log.Log, message: x}}\n"
JOBS = "id: jobs\nnamespace: t\ntasks:\n" + "".join(
    f'  - {{id: {id}, type: io.kestra.plugin.scripts.shell.Commands, commands: ["true"]}}\n' for id in ("one", "two")
)


@pytest.fixture(autouse=True)
def running(station: Station) -> Iterator[None]:
    station.push({".flows/flaky.yml": FLAKY, ".flows/waits.yml": WAITS, ".flows/jobs.yml": JOBS})
    with at_work(station):
        yield


def ended(client: TestClient, flow: str = "flaky", **sent) -> dict:
    answer = client.post(f"{API}/executions/t/{flow}", params={"wait": "true"}, **sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def waiting(client: TestClient, station: Station, flow: str = "waits", state: str = "PAUSED", **params) -> str:
    id = str(client.post(f"{API}/executions/t/{flow}", params=params).json()["id"])
    until(lambda: station.state(id) == state)
    return id


def settled(client: TestClient, station: Station, id: str) -> dict:
    until(lambda: station.execution(id).execution.state.terminal)
    return dict(client.get(f"{API}/executions/{id}").json())


def runs(shown: dict) -> dict[str, str]:
    return {run["taskId"]: run["state"]["current"] for run in shown["taskRunList"]}


def history(shown: dict) -> list[str]:
    return [each["state"] for each in shown["state"]["histories"]]


def labels(shown: dict) -> dict[str, str]:
    return {each["key"]: each["value"] for each in shown["labels"]}


STYLES = pytest.mark.parametrize("style", ["", "actions/"], ids=["old", "new"])


@STYLES
def test_restart(client: TestClient, station: Station, style: str):
    first = ended(client)
    assert (first["state"]["current"], runs(first)) == ("FAILED", {"a": "SUCCESS", "g": "FAILED", "b": "FAILED", "e": "SUCCESS"})
    answer = client.post(f"{API}/executions/{first['id']}/{style}restart")
    assert (answer.status_code, answer.json()["id"]) == (200, first["id"])
    shown = settled(client, station, first["id"])
    assert runs(shown) == {"a": "SUCCESS", "g": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert history(shown) == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert (shown["metadata"]["attemptNumber"], labels(shown)["system.restarted"]) == (2, "true")
    assert [len(run["attempts"]) for run in shown["taskRunList"]] == [1, 2, 2, 1]
    assert "is SUCCESS; only one that is" in problem(client.post(f"{API}/executions/{first['id']}/{style}restart"), 409)["message"]


def test_restart_in_another_revision_is_another_execution(client: TestClient, station: Station):
    first = ended(client)
    station.push({".flows/flaky.yml": FLAKY.replace('format: "{{', 'format: "new {{').replace("inputs.bad == 'yes' and ", "false and ")})
    problem(client.post(f"{API}/executions/{first['id']}/restart?revision=9"), 404)
    same = client.post(f"{API}/executions/{first['id']}/restart?revision=2")
    assert same.status_code == 200, same.text
    shown = settled(client, station, same.json()["id"])
    assert (shown["id"] == first["id"], shown["parentId"], shown["flowRevision"]) == (False, first["id"], 2)
    assert (shown["state"]["current"], shown["taskRunList"][-1]["outputs"]) == ("SUCCESS", {"value": "new first yes"})
    assert {run["id"] for run in shown["taskRunList"]}.isdisjoint(run["id"] for run in first["taskRunList"])
    assert station.state(first["id"]) == "FAILED"


@STYLES
def test_replay_from_the_beginning(client: TestClient, station: Station, style: str):
    first = ended(client, json={"inputs": {"bad": "no"}})
    answer = client.post(f"{API}/executions/{first['id']}/{style}replay")
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] != first["id"]
    shown = settled(client, station, answer.json()["id"])
    assert (shown["parentId"], shown["originalId"], shown["inputs"]) == (first["id"], first["id"], {"bad": "no"})
    assert (history(shown), runs(shown)) == (["CREATED", "RUNNING", "SUCCESS"], runs(first))
    assert (labels(shown)["system.replay"], labels(shown)["team"]) == ("true", "a")
    assert labels(client.get(f"{API}/executions/{first['id']}").json())["system.replayed"] == "true"


def test_replay_from_a_task_run(client: TestClient, station: Station):
    first = ended(client, json={"inputs": {"bad": "no"}})
    ids = {run["taskId"]: run["id"] for run in first["taskRunList"]}
    answer = client.post(f"{API}/executions/{first['id']}/replay", params={"taskRunId": ids["c"]})
    shown = settled(client, station, answer.json()["id"])
    assert (runs(shown), shown["taskRunList"][0]["outputs"]) == (runs(first), {"value": "first"})
    assert [len(run["attempts"]) for run in shown["taskRunList"]] == [1, 1, 1, 2]
    assert shown["taskRunList"][2]["parentTaskRunId"] == shown["taskRunList"][1]["id"]
    assert history(shown) == ["CREATED", "RUNNING", "SUCCESS", "RESTARTED", "RUNNING", "SUCCESS"]
    assert "it has no task run `nobody`" in problem(client.post(f"{API}/executions/{first['id']}/replay?taskRunId=nobody"), 409)["message"]


@pytest.mark.parametrize("sent", [{"json": {"inputs": {"bad": "no"}}}, {"files": {"bad": (None, "no")}}])
def test_replay_with_other_inputs(client: TestClient, station: Station, sent: dict):
    first = ended(client)
    answer = client.post(f"{API}/executions/{first['id']}/replay-with-inputs", **sent)
    assert answer.status_code == 200, answer.text
    assert settled(client, station, answer.json()["id"])["taskRunList"][-1]["outputs"] == {"value": "first no"}
    wrong = client.post(f"{API}/executions/{first['id']}/replay-with-inputs", json={"inputs": {"bad": {"not": "text"}}})
    assert problem(wrong, 422)["errors"][0]["input"] == "bad"


def test_replay_in_the_latest_revision(client: TestClient, station: Station):
    first = ended(client)
    station.push({".flows/flaky.yml": FLAKY.replace("inputs.bad == 'yes' and ", "false and ")})
    shown = settled(client, station, client.post(f"{API}/executions/{first['id']}/replay?latestRevision=true").json()["id"])
    assert (shown["state"]["current"], shown["flowRevision"]) == ("SUCCESS", 2)
    ids = {run["taskId"]: run["id"] for run in first["taskRunList"]}
    station.push({".flows/flaky.yml": FLAKY.replace("id: b,", "id: bb,")})
    refused = problem(client.post(f"{API}/executions/{first['id']}/replay", params={"latestRevision": True, "taskRunId": ids["b"]}), 409)
    assert "in another place, or not at all" in refused["message"]


@STYLES
def test_change_of_state(client: TestClient, station: Station, style: str):
    first = ended(client)
    ids = {run["taskId"]: run["id"] for run in first["taskRunList"]}
    path = f"{API}/executions/{first['id']}/{style}state"
    for wrong, status in (({}, 400), ([], 400), ({"taskRunId": ids["b"], "state": "GREAT"}, 422), ({"taskRunId": "nobody", "state": "SUCCESS"}, 409)):
        problem(client.post(path, json=wrong), status)
    assert client.post(path, json={"taskRunId": ids["b"], "state": "WARNING"}).status_code == 200
    shown = settled(client, station, first["id"])
    assert (shown["state"]["current"], runs(shown)) == ("WARNING", {"a": "SUCCESS", "g": "WARNING", "b": "WARNING", "c": "SUCCESS"})


@STYLES
def test_change_of_status(client: TestClient, station: Station, style: str):
    first = ended(client)
    path = f"{API}/executions/{first['id']}/{style}change-status"
    problem(client.post(path), 422)
    problem(client.post(path, params={"status": "RUNNING"}), 422)
    answer = client.post(path, params={"status": "SUCCESS"}).json()
    assert (answer["state"]["current"], runs(answer)["b"]) == ("SUCCESS", "FAILED")
    problem(client.post(path, params={"status": "SUCCESS"}), 409)


@STYLES
def test_labels(client: TestClient, station: Station, style: str):
    first = ended(client)
    path = f"{API}/executions/{first['id']}/{style}labels"
    sent = [{"key": "x", "value": "y"}, *(each for each in first["labels"] if each["key"].startswith("system."))]
    answer = client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    assert labels(answer.json()) == {"x": "y", **{key: value for key, value in labels(first).items() if key.startswith("system.")}}
    problem(client.post(path, json=[{"key": "system.from", "value": "me"}]), 422)
    problem(client.post(path, json=[{"key": "", "value": "me"}]), 422)
    problem(client.post(path, json="x"), 400)
    problem(client.post(f"{API}/executions/{waiting(client, station)}/{style}labels", json={"x": "y"}), 409)


@STYLES
def test_pause_and_resume(client: TestClient, station: Station, style: str):
    id = waiting(client, station, "jobs", "RUNNING")
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    assert client.post(f"{API}/executions/{id}/{style}pause").json()["state"]["current"] == "RUNNING"
    problem(client.post(f"{API}/executions/{id}/{style}pause"), 409)
    station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    until(lambda: station.state(id) == "PAUSED")
    assert station.dispatch.try_claim(RUNNER) is None
    assert runs(client.post(f"{API}/executions/{id}/{style}resume").json()) == {"one": "SUCCESS", "two": "CREATED"}
    problem(client.post(f"{API}/executions/{id}/{style}resume"), 409)
    assert client.delete(f"{API}/executions/{id}/kill?isOnKillCascade=false").status_code == 202


@STYLES
def test_breakpoints(client: TestClient, station: Station, style: str):
    id = waiting(client, station, "flaky", "BREAKPOINT", breakpoints="a,c")
    shown = client.get(f"{API}/executions/{id}").json()
    assert (shown["breakpoints"], runs(shown)) == ([{"id": "a"}, {"id": "c"}], {"a": "BREAKPOINT"})
    client.post(f"{API}/executions/{id}/{style}resume-from-breakpoint", params={"breakpoints": "g"})
    until(lambda: station.states(id).get("g") == "BREAKPOINT")
    assert client.post(f"{API}/executions/{id}/{style}resume-from-breakpoint").status_code == 200
    assert settled(client, station, id)["state"]["current"] == "FAILED"
    problem(client.post(f"{API}/executions/{id}/{style}resume-from-breakpoint"), 409)
    assert "names no task" in problem(client.post(f"{API}/executions/t/flaky?breakpoints=zz"), 422)["message"]
    problem(client.post(f"{API}/executions/{id}/replay?breakpoints=zz"), 422)


def test_a_playground_is_in_no_list(client: TestClient, station: Station):
    id = str(client.post(f"{API}/executions/t/jobs?kind=playground").json()["id"])
    assert client.get(f"{API}/executions/{id}").json()["kind"] == "PLAYGROUND"
    assert client.get(f"{API}/executions/search").json()["total"] == 0
    assert [each["id"] for each in client.get(f"{API}/executions/search?kind=PLAYGROUND").json()["results"]] == [id]
    problem(client.post(f"{API}/executions/t/jobs?kind=serious"), 422)


def test_of_two_at_once_one_is_refused(client: TestClient, station: Station):
    id = ended(client)["id"]
    with ThreadPoolExecutor(2) as both:
        got = [both.submit(client.post, f"{API}/executions/{id}/restart") for _ in range(2)]
    assert sorted(each.result().status_code for each in got) == [200, 409]
    assert settled(client, station, id)["metadata"]["attemptNumber"] == 2


def test_delete(client: TestClient, station: Station):
    id = ended(client)["id"]
    folder = station.folder / "storage" / "t" / "flaky" / "executions" / id
    folder.mkdir(parents=True)
    problem(client.delete(f"{API}/executions/{waiting(client, station)}"), 409)
    assert client.delete(f"{API}/executions/{id}").status_code == 204
    problem(client.get(f"{API}/executions/{id}"), 404)
    problem(client.delete(f"{API}/executions/{id}"), 404)
    until(lambda: not folder.exists())
    with station.database.read() as session:
        for table in ("taskrun", "logchunk", "timer", "event", "job"):
            assert session.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE execution_id = ?", (id,)).scalar() == 0  # noqa: S608


def test_logs_and_files_can_be_kept(client: TestClient, station: Station):
    id = ended(client)["id"]
    folder = station.folder / "storage" / "t" / "flaky" / "executions" / id
    folder.mkdir(parents=True)
    assert client.delete(f"{API}/executions/{id}?deleteLogs=false&deleteStorage=false&deleteMetrics=false").status_code == 204
    assert folder.exists()
    with station.database.read() as session:
        assert session.exec_driver_sql("SELECT count(*) FROM logchunk WHERE execution_id = ?", (id,)).scalar()


def test_addresses_of_flows_of_these_names_still_start_them(client: TestClient, station: Station):
    station.push({".flows/restart.yml": WAITS.replace("id: waits", "id: restart", 1)})
    assert client.post(f"{API}/executions/t/restart").json()["flowId"] == "restart"
