"""Keys of the KV store over HTTP: the same values as tasks have them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.actions.kept import Kept
from service.actions.keys import Overtaken
from service.actions.steps import Batch
from service.store import events
from tests.api.calling import problem
from tests.support.station import Station

API = "/api/v1/main"
CORE = "io.kestra.plugin.core"


def put(client: TestClient, key: str, text: str | bytes, namespace: str = "t.sub", headers: dict[str, str] | None = None, **query: str) -> Any:
    return client.put(f"{API}/namespaces/{namespace}/kv/{key}", content=text, headers={"content-type": "text/plain"} | (headers or {}), params=query)


def value(client: TestClient, key: str, namespace: str = "t.sub") -> tuple[str, Any]:
    answer = client.get(f"{API}/namespaces/{namespace}/kv/{key}")
    assert answer.status_code == 200, answer.text
    return answer.json()["type"], answer.json()["value"]


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("1", "NUMBER", 1),
        ("1.50", "NUMBER", 1.5),
        ("true", "BOOLEAN", True),
        ('"hello"', "STRING", "hello"),
        ("hello", "STRING", "hello"),
        ("two words", "STRING", "two words"),
        ('"2026-01-31"', "STRING", "2026-01-31"),
        ("2026-01-31", "DATE", "2026-01-31"),
        ("2026-01-31T06:00:00Z", "DATETIME", "2026-01-31T06:00:00.000000Z"),
        ("2026-01-31T06:00:00+01:00", "DATETIME", "2026-01-31T05:00:00.000000Z"),
        ("PT1H", "DURATION", "PT1H"),
        ('"PT90S"', "DURATION", "PT1M30S"),
        ('{"a": [1, null]}', "JSON", {"a": [1, None]}),
        ("[1]", "JSON", [1]),
        ("null", "JSON", None),
        ("P", "STRING", "P"),
        ("PTA", "STRING", "PTA"),
        (" 7\n", "NUMBER", 7),
    ],
)
def test_a_value_has_the_type_that_it_looks_like(client: TestClient, text: str, kind: str, shown: Any):
    answer = put(client, "k", text)
    assert (answer.status_code, answer.content) == (200, b"")
    assert value(client, "k") == (kind, shown)


def test_a_type_may_be_said(client: TestClient):
    put(client, "k", "PT1H", type="STRING")
    assert value(client, "k") == ("STRING", "PT1H")
    put(client, "k", "12", type="string")
    assert value(client, "k") == ("STRING", "12")
    problem(put(client, "k", "x", type="NUMBER"), 422)
    problem(put(client, "k", "x", type="WORD"), 422)


@pytest.mark.parametrize(
    ("text", "status", "headers"),
    [
        ("{", 400, {}),
        ('"half', 400, {}),
        ("", 400, {}),
        (b"\xff", 400, {}),
        ("1", 415, {"content-type": "application/x-yaml"}),
        ("1", 422, {"ttl": "an hour"}),
        ("1", 422, {"description": "x" * 1001}),
        ("2026-02-31", 422, {}),
        ("x" * 1_000_001, 422, {}),
        ("x" * 3_000_000, 413, {}),
    ],
)
def test_what_is_no_value_is_refused(client: TestClient, text: str | bytes, status: int, headers: dict[str, str]):
    problem(put(client, "k", text, headers=headers), status)
    problem(client.get(f"{API}/namespaces/t.sub/kv/k"), 404)


@pytest.mark.parametrize(("namespace", "key"), [("t.sub", "a%20b"), ("t.sub", ".a"), ("t.sub", "x" * 300), ("T", "a"), ("x" * 151, "a"), ("..", "a")])
def test_what_is_no_name_is_refused(client: TestClient, namespace: str, key: str):
    assert put(client, key, "1", namespace=namespace).status_code in (404, 422)


def test_keys_are_listed_with_what_is_known_of_them(client: TestClient):
    put(client, "b", "1", headers={"description": "for b", "ttl": "PT1H"})
    put(client, "a", "1")
    put(client, "a", "2")
    put(client, "a", "3", namespace="t")
    first, second = client.get(f"{API}/namespaces/t.sub/kv").json()
    assert (first["key"], first["version"], first["description"], first["expirationDate"]) == ("a", 2, None, None)
    assert first.keys() == {"namespace", "key", "version", "description", "creationDate", "updateDate", "expirationDate"}
    assert (second["key"], second["description"]) == ("b", "for b")
    assert second["expirationDate"] > second["updateDate"]
    above = client.get(f"{API}/namespaces/t.sub.deep/kv/inheritance").json()
    assert [(one["namespace"], one["key"]) for one in above] == [("t.sub", "a"), ("t.sub", "b")]
    everything = client.get(f"{API}/kv", params={"size": 2}).json()
    assert ([(one["namespace"], one["key"]) for one in everything["results"]], everything["total"]) == ([("t", "a"), ("t.sub", "a")], 3)
    assert client.get(f"{API}/kv", params={"filters[namespace][EQUALS]": "t"}).json()["total"] == 1
    assert client.get(f"{API}/kv", params={"q": "b"}).json()["total"] == 1
    assert client.get("/api/v1/namespaces/t.sub/kv").json() == [first, second]


def test_keys_are_deleted_one_by_one_or_many_at_once(client: TestClient):
    for key in "abcd":
        put(client, key, "1")
    assert client.delete(f"{API}/namespaces/t.sub/kv/a").json() is True
    assert client.delete(f"{API}/namespaces/t.sub/kv/a").json() is False
    assert client.request("DELETE", f"{API}/namespaces/t.sub/kv", json={"keys": ["b", "nobody"]}).json() == {"keys": ["b"]}
    assert client.request("DELETE", f"{API}/namespaces/t.sub/kv", json=["c"]).json() == {"keys": ["c"]}
    assert [one["key"] for one in client.get(f"{API}/namespaces/t.sub/kv").json()] == ["d"]
    problem(client.request("DELETE", f"{API}/namespaces/t.sub/kv", json={"keys": "d"}), 422)
    problem(client.request("DELETE", f"{API}/namespaces/t.sub/kv", json=["x"] * 1001), 422)


def test_what_is_past_its_end_is_not_there(client: TestClient):
    put(client, "k", "1", headers={"ttl": "PT0S"})
    problem(client.get(f"{API}/namespaces/t.sub/kv/k"), 404)
    assert client.get(f"{API}/namespaces/t.sub/kv").json() == []


def test_tasks_and_people_see_the_same(client: TestClient, station: Station):
    put(client, "day", "2026-01-31", namespace="t")
    tasks = f"""
  - {{id: read, type: {CORE}.debug.Return, format: "{{{{ kv('day') | dateAdd(1, 'DAYS') | date('yyyy-MM-dd') }}}}"}}
  - {{id: set, type: {CORE}.kv.Set, key: span, value: "PT5M", kvType: DURATION}}
"""
    id = station.flow(tasks)
    station.tick()
    assert station.state(id) == "SUCCESS", station.log(id)
    assert station.runs(id)["read"].outputs == {"value": "2026-02-01"}
    assert value(client, "span", "t") == ("DURATION", "PT5M")


def test_a_task_that_was_overtaken_by_somebody_looks_again(client: TestClient, station: Station):
    put(client, "n", "1", namespace="t")
    number = f"""
  - {{id: get, type: {CORE}.kv.Get, key: n}}
  - {{id: set, type: {CORE}.kv.Set, key: n, value: "{{{{ outputs.get.value + 1 }}}}"}}
"""
    id = station.flow(number)
    with station.database.read() as session:
        batch = Batch(station.kit, session, station.clock.now, Kept())
        for waiting in events.waiting(session, station.clock.now.timestamp(), 10):
            batch.hear(waiting)
    put(client, "n", "10", namespace="t")
    with pytest.raises(Overtaken, match="the key `n` of the namespace `t`"):
        station.database.write(batch.store)
    station.tick()
    assert station.state(id) == "SUCCESS"
    assert value(client, "n", "t") == ("NUMBER", 11)
