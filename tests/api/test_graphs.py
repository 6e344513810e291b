"""Graphs over HTTP: of a text, of a flow's revisions, of an execution."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calling import YAML, problem
from tests.support.station import Station

API = "/api/v1/main"
LOG = "io.kestra.plugin.core.log.Log"
GROUP = "io.kestra.plugin.core.flow.Sequential"


def text(*ids: str, more: str = "") -> str:
    """A flow whose tasks stand in a group."""
    tasks = ", ".join(f"{{id: {id}, type: {LOG}, message: hello}}" for id in ids)
    return f"id: f\nnamespace: t.sub\ntasks:\n  - {{id: g, type: {GROUP}, tasks: [{tasks}]}}\n{more}"


def tasks(graph: dict[str, Any]) -> list[str]:
    return [node["task"]["id"] for node in graph["nodes"] if "task" in node]


@pytest.mark.parametrize("api", [API, "/api/v1"])
def test_a_text_has_a_graph_without_being_stored(client: TestClient, station: Station, api: str):
    answer = client.post(f"{api}/flows/graph", content=text("a", "b"), headers=YAML)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown.keys() == {"nodes", "edges", "clusters", "flowables"}
    assert tasks(shown) == ["g", "a", "b"]
    assert {"source": "task.a", "target": "task.b", "relation": {"relationType": "SEQUENTIAL"}} in shown["edges"]
    assert [(one["cluster"]["uid"], one["nodes"]) for one in shown["clusters"]] == [("cluster.g", ["start.g", "task.g", "task.a", "task.b", "end.g"])]
    assert station.live() == {}


def test_what_is_not_run_yet_has_a_graph(client: TestClient, station: Station):
    shown = client.post(f"{API}/flows/graph", content=text("a").replace("Sequential", "Parallel"), headers=YAML).json()
    assert tasks(shown) == ["g", "a"]


def test_a_wrong_text_is_refused_with_every_place(client: TestClient, station: Station):
    found = problem(client.post(f"{API}/flows/graph", content=text("a", "a", more="tsaks: []\n"), headers=YAML), 422)
    assert [(error["code"], error["line"]) for error in found["errors"]] == [("HG-0213", 4), ("HG-0201", 5)]
    problem(client.post(f"{API}/flows/graph", content=b"", headers=YAML), 422)
    problem(client.post(f"{API}/flows/graph", content=b"\xff\xfe\x00", headers=YAML), 422)
    problem(client.post(f"{API}/flows/graph", json={}), 415)
    problem(client.post(f"{API}/flows/graph", content=b"x" * 1_100_000, headers=YAML), 413)
    problem(client.post("/api/v1/elsewhere/flows/graph", content=text("a"), headers=YAML), 404)


def test_a_flow_has_a_graph_at_each_of_its_revisions(client: TestClient, station: Station):
    station.push({".flows/f.yml": text("a")})
    station.push({".flows/f.yml": text("a", "b")})
    assert tasks(client.get(f"{API}/flows/t.sub/f/graph").json()) == ["g", "a", "b"]
    assert tasks(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": 1}).json()) == ["g", "a"]
    assert client.get("/api/v1/flows/t.sub/f/graph").json() == client.get(f"{API}/flows/t.sub/f/graph").json()
    problem(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": 3}), 404)
    problem(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": 0}), 422)
    problem(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": "9" * 30}), 422)
    problem(client.get(f"{API}/flows/t.sub/nobody/graph"), 404)


def test_a_deleted_flow_has_graphs_of_what_it_was(client: TestClient, station: Station):
    station.push({".flows/f.yml": text("a")})
    station.push({".flows/f.yml": None})
    assert "deleted in revision 2" in problem(client.get(f"{API}/flows/t.sub/f/graph"), 404)["detail"]
    assert "deleted in revision 2" in problem(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": 2}), 404)["detail"]
    assert tasks(client.get(f"{API}/flows/t.sub/f/graph", params={"revision": 1}).json()) == ["g", "a"]


def test_a_revision_that_can_not_be_read_any_more_says_why(client: TestClient, station: Station):
    station.push({".flows/f.yml": text("a")})
    gone = f"UPDATE revision SET blob = '{'0' * 40}', source = replace(source, 'log.Log', 'log.Gone')"
    station.database.write(lambda session: session.exec_driver_sql(gone))
    found = problem(client.get(f"{API}/flows/t.sub/f/graph"), 422)
    assert [(error["code"], error["path"]) for error in found["errors"]] == [("HG-0220", ".flows/f.yml")]


def test_an_execution_has_the_graph_of_its_revision_with_the_states_of_its_tasks(client: TestClient, station: Station):
    failing = text("a").replace("]}\n", ", {id: x, type: io.kestra.plugin.core.execution.Fail}]}\n") + f"errors: [{{id: e, type: {LOG}, message: oh}}]\n"
    station.push({".flows/f.yml": failing.replace("errors:", f"finally: [{{id: z, type: {LOG}, message: x, disabled: true}}]\nerrors:")})
    id = station.start("t.sub", "f")
    station.push({".flows/f.yml": text("later")})
    before = client.get(f"{API}/executions/{id}/graph").json()
    assert tasks(before) == ["g", "a", "x", "e", "z"]
    assert not any("taskRun" in node for node in before["nodes"])
    station.tick()
    nodes = {node["task"]["id"]: node for node in client.get(f"{API}/executions/{id}/graph").json()["nodes"] if "task" in node}
    assert {task: node["states"] for task, node in nodes.items() if "states" in node} == {
        "g": {"FAILED": 1},
        "a": {"SUCCESS": 1},
        "x": {"FAILED": 1},
        "e": {"SUCCESS": 1},
    }
    run = nodes["x"]["taskRun"]
    assert (run["id"], run["taskId"], run["state"]["current"]) == (station.runs(id)["x"].id, "x", "FAILED")
    assert (nodes["z"]["disabled"], "taskRun" in nodes["z"]) == (True, False)
    assert client.get(f"/api/v1/executions/{id}/graph").status_code == 200
    problem(client.get(f"{API}/executions/nobody/graph"), 404)
