"""Executions looked for with Kestra's filters, exported, and what stands around them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store import executions as rows
from service.store.database import Session
from service.store.filters import Condition
from tests.api.calling import problem
from tests.support.cost import steps
from tests.support.station import Station

API = "/api/v1/main"
CORE = "io.kestra.plugin.core"
FLOW = f"""
id: f
namespace: t.sub
labels: {{team: a, "dotted.key": 'say "x"'}}
inputs: [{{id: word, type: STRING, defaults: hello}}]
tasks:
  - {{id: a, type: {CORE}.debug.Return, format: '{{{{ inputs.word }}}}'}}
  - id: l
    type: {CORE}.flow.ForEach
    values: [x, y]
    tasks: [{{id: b, type: {CORE}.debug.Return, format: '{{{{ taskrun.value }}}}'}}]
"""
NAP = f"id: nap\nnamespace: t\ntasks: [{{id: z, type: {CORE}.flow.Sleep, duration: P9D}}]\n"
SYSTEM = f"id: s\nnamespace: system.care\ntasks: [{{id: z, type: {CORE}.log.Log, message: x}}]\n"


@pytest.fixture
def ids(station: Station) -> dict[str, str]:
    """Executions an hour apart, the oldest first, each known by a letter: one of two flows, one that another one started, one that looks after the rest."""
    station.push({".flows/f.yml": FLOW, ".flows/nap.yml": NAP, ".flows/s.yml": SYSTEM})
    child = {"id": "after", "type": f"{CORE}.trigger.Flow", "variables": {"executionId": "0" * 22}}
    found = {}
    for letter, namespace, flow in (("a", "t.sub", "f"), ("n", "t", "nap"), ("c", "t.sub", "f"), ("s", "system.care", "s")):
        found[letter] = station.start(namespace, flow, trigger=child if letter == "c" else None)
        station.tick()
        station.clock.forward(hours=1)
    return found


def found(client: TestClient, ids: dict[str, str], **query: Any) -> str:
    """The letters of the executions that are found."""
    answer = client.get(f"{API}/executions/search", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] >= len(answer.json()["results"])
    letters = {id: letter for letter, id in ids.items()}
    return "".join(letters[one["id"]] for one in answer.json()["results"])


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"namespace][EQUALS": "t"}, "n"),
        ({"namespace][PREFIX": "t"}, "cna"),
        ({"namespace][STARTS_WITH": "t."}, "ca"),
        ({"namespace][ENDS_WITH": "sub"}, "ca"),
        ({"namespace][CONTAINS": "s"}, "sca"),
        ({"namespace][NOT_EQUALS": "t.sub"}, "sn"),
        ({"namespace][IN": "t, system.care"}, "sn"),
        ({"namespace][NOT_IN": "t,t.sub"}, "s"),
        ({"namespace][REGEX": "^t$|care"}, "sn"),
        ({"flowId][EQUALS": "f"}, "ca"),
        ({"flowRevision][EQUALS": "1"}, "scna"),
        ({"flowRevision][GREATER_THAN": "1"}, ""),
        ({"state][EQUALS": "SUCCESS"}, "sca"),
        ({"state][NOT_EQUALS": "SUCCESS"}, "n"),
        ({"state][IN": "running,PAUSED"}, "n"),
        ({"state][NOT_IN": "RUNNING"}, "sca"),
        ({"labels][EQUALS][team": "a"}, "ca"),
        ({"labels][EQUALS": "team:a"}, "ca"),
        ({"labels][NOT_EQUALS][team": "a"}, "sn"),
        ({"labels][EQUALS][dotted.key": 'say "x"'}, "ca"),
        ({"labels][CONTAINS][dotted.key": "say"}, "ca"),
        ({"labels][IN": "team:b,team:a"}, "ca"),
        ({"startDate][GREATER_THAN_OR_EQUAL_TO": "2026-03-02T14:00:00Z"}, "sc"),
        ({"startDate][GREATER_THAN_OR_EQUAL_TO": "2026-03-02T14:00:00+00:00", "startDate][LESS_THAN": "2026-03-02T15:00:00Z"}, "c"),
        ({"endDate][LESS_THAN_OR_EQUAL_TO": "2026-03-02T12:00:00Z"}, "a"),
        ({"timeRange][EQUALS": "PT1S"}, None),
        ({"scope][EQUALS": "SYSTEM"}, "s"),
        ({"scope][NOT_EQUALS": "SYSTEM"}, "cna"),
        ({"scope][IN": "USER,SYSTEM"}, "scna"),
        ({"kind][EQUALS": "NORMAL"}, "scna"),
        ({"kind][EQUALS": "TEST"}, ""),
        ({"childFilter][EQUALS": "CHILD"}, "c"),
        ({"childFilter][EQUALS": "MAIN"}, "sna"),
        ({"triggerId][EQUALS": "after"}, "c"),
        ({"triggerId][NOT_EQUALS": "after"}, "sna"),
        ({"triggerExecutionId][EQUALS": "0" * 22}, "c"),
        ({"q][EQUALS": "na"}, "n"),
        ({"q][NOT_EQUALS": "na"}, "sca"),
        ({"flowId][EQUALS": "f", "childFilter][EQUALS": "MAIN"}, "a"),
    ],
)
def test_filters_narrow_a_search(client: TestClient, ids: dict[str, str], filters: dict[str, str], wanted: str | None):
    query = {f"filters[{name}]": value for name, value in filters.items()}
    if wanted is None:  # the clock of the tests stands elsewhere than that of the machine
        assert client.get(f"{API}/executions/search", params=query).status_code == 200
        return
    assert found(client, ids, **query) == wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"scope": "USER"}, "cna"),
        ({"scope": "SYSTEM,USER"}, "scna"),
        ({"childFilter": "CHILD"}, "c"),
        ({"kind": "TEST"}, ""),
        ({"triggerExecutionId": "0" * 22}, "c"),
    ],
)
def test_older_parameters_mean_the_same(client: TestClient, ids: dict[str, str], query: dict[str, str], wanted: str):
    assert found(client, ids, **query) == wanted


@pytest.mark.parametrize(
    "query",
    [
        {"filters[nothing][EQUALS]": "x"},
        {"filters[state][EQUALS]": "DONE"},
        {"filters[state][CONTAINS]": "RUN"},
        {"filters[flowRevision][EQUALS]": "one"},
        {"filters[labels][EQUALS]": "nocolon"},
        {'filters[labels][CONTAINS][a"b]': "x"},
        {"filters[childFilter][EQUALS]": "x"},
        {"filters[startDate][EQUALS]": "today"},
        {"filters[namespace][REGEX]": "(" * 10},
        {"filters[namespace][REGEX]": "a" * 501},
        {"filters[namespace][EQUALS][x][y]": "a"},
        {"sort": "inputs:asc"},
    ],
)
def test_a_search_that_means_nothing_is_refused(client: TestClient, query: dict[str, str]):
    problem(client.get(f"{API}/executions/search", params=query), 422)
    problem(client.get(f"{API}/executions/export/by-query/csv", params=query), 422)


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("state.startDate:asc", "ancs"),
        ("flowId:asc", "acns"),
        ("namespace:desc", "cans"),
        ("state.current:asc", "nacs"),
        ("id:asc", "ancs"),
        ("state.endDate:asc", "nacs"),
    ],
)
def test_a_search_is_ordered(client: TestClient, ids: dict[str, str], sort: str, wanted: str):
    assert found(client, ids, sort=sort) == wanted


def test_the_longest_come_first(client: TestClient, ids: dict[str, str]):
    assert found(client, ids, sort="state.duration:desc", size=1) == "n"


def test_the_newest_of_a_flow_costs_the_same_among_few_and_among_many(station: Station, ids: dict[str, str]):
    def cost(query: Any) -> int:
        return steps(station.database, query)

    def newest(session: Session) -> object:
        return rows.latest(session, "main", "t.sub", "f")

    before = cost(newest)
    for _ in range(30):
        station.clock.forward(seconds=1)
        station.start("t", "nap")
        station.start("t.sub", "f")
    assert cost(newest) == before
    wanted = rows.Filter("main", conditions=(Condition("flowId", "EQUALS", ("nap",)),))
    with station.database.read() as session:
        assert rows.search(session, wanted, limit=5, offset=0)[1] == 31


# around them


def test_executions_are_exported_as_a_table(client: TestClient, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.api.execution_search._PAGE", 2)
    answer = client.get(f"{API}/executions/export/by-query/csv", params={"filters[namespace][PREFIX]": "t", "sort": "state.startDate:asc"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["id"] for line in lines] == [ids[letter] for letter in "anc"]
    assert (lines[0]["namespace"], lines[0]["state"], lines[0]["inputs"]) == ("t.sub", "SUCCESS", '{"word":"hello"}')
    assert (lines[1]["endDate"], lines[1]["flowId"]) == ("", "nap")


def test_the_latest_execution_of_each_flow(client: TestClient, ids: dict[str, str]):
    flows = [{"namespace": "t.sub", "id": "f"}, {"namespace": "t", "id": "nobody"}, {"namespace": "t", "id": "nap"}]
    answer = client.post(f"{API}/executions/latest", json=flows).json()
    assert [(one["id"], one["flowId"], one["namespace"], one["status"]) for one in answer] == [
        (ids["c"], "f", "t.sub", "SUCCESS"),
        (ids["n"], "nap", "t", "RUNNING"),
    ]
    problem(client.post(f"{API}/executions/latest", json={"namespace": "t"}), 422)
    problem(client.post(f"{API}/executions/latest", json=[{"namespace": "t"}]), 422)


@pytest.mark.usefixtures("ids")
def test_what_there_is_to_choose_from(client: TestClient):
    def distinct(field: str, **query: str) -> Any:
        return client.get(f"{API}/executions/distinct-field-values", params={"field": field, **query}).json()

    assert distinct("namespace") == ["system.care", "t", "t.sub"]
    assert distinct("flowId", namespace="t") == ["f", "nap"]
    assert distinct("state") == ["RUNNING", "SUCCESS"]
    problem(client.get(f"{API}/executions/distinct-field-values", params={"field": "inputs"}), 422)


def test_the_flow_of_an_execution_is_that_of_its_revision(client: TestClient, station: Station, ids: dict[str, str]):
    station.push({".flows/f.yml": FLOW.replace("hello", "bye")})
    shown = client.get(f"{API}/executions/{ids['a']}/flow").json()
    assert (shown["id"], shown["revision"], shown["inputs"][0]["defaults"]) == ("f", 1, "hello")
    assert client.get(f"{API}/executions/flows/t.sub/f").json()["revision"] == 2
    assert client.get(f"{API}/executions/flows/t.sub/f", params={"revision": 1}).json() == shown
    assert client.get(f"{API}/executions/namespaces").json() == ["system.care", "t", "t.sub"]
    assert [flow["id"] for flow in client.get(f"{API}/executions/namespaces/t.sub/flows").json()] == ["f"]
    problem(client.get(f"{API}/executions/flows/t.sub/nobody"), 404)
    problem(client.get(f"{API}/executions/{'0' * 22}/flow"), 404)
    station.push({".flows/f.yml": None})
    problem(client.get(f"{API}/executions/flows/t.sub/f"), 404)


def test_outputs_by_themselves(client: TestClient, ids: dict[str, str]):
    assert client.get(f"{API}/outputs/{ids['a']}").json() == {"a": {"value": "hello"}, "b": {"x": {"value": "x"}, "y": {"value": "y"}}}
    runs = client.get(f"{API}/executions/{ids['a']}").json()["taskRunList"]
    assert client.get(f"{API}/outputs/{ids['a']}/{runs[0]['id']}").json() == {"value": "hello"}
    assert client.get(f"{API}/outputs/{ids['n']}").json() == {}
    problem(client.get(f"{API}/outputs/{ids['n']}/{runs[0]['id']}"), 404)
    problem(client.get(f"{API}/outputs/{ids['n']}/nobody"), 404)
