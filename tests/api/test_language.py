"""The language over HTTP: texts checked without being stored, the flows of a namespace put in one commit, words found in texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calling import YAML, at_work, problem
from tests.support.station import Station

API = "/api/v1/main"
LOG = "io.kestra.plugin.core.log.Log"


def text(id: str = "f", namespace: str = "t.sub", message: str = "hello", rest: str = "") -> str:
    return f"id: {id}\nnamespace: {namespace}\ntasks:\n  - {{id: a, type: {LOG}, message: {message}}}\n{rest}"


@pytest.fixture
def working(station: Station) -> Iterator[None]:
    station.repository()
    with at_work(station):
        yield


def validate(client: TestClient, body: str, part: str = "", type: str = "application/x-yaml") -> Any:
    answer = client.post(f"{API}/flows/validate{part}", content=body.encode(), headers={"content-type": type})
    assert answer.status_code == 200, answer.text
    return answer.json()


def replace(client: TestClient, body: str, namespace: str = "t.sub", **params: str) -> Any:
    return client.post(f"{API}/flows/{namespace}", content=body.encode(), headers=YAML, params=params)


def live(client: TestClient, namespace: str = "t.sub") -> dict[str, int]:
    return {flow["id"]: flow["revision"] for flow in client.get(f"{API}/flows/{namespace}").json()}


# texts that are not stored


@pytest.mark.usefixtures("working")
def test_several_flows_are_checked_at_once_each_with_its_lines_in_the_whole_text(client: TestClient):
    body = f"{text('one')}---\n# the second\n{text('two', message='[]')}---\nid: three\n"
    first, second, third = validate(client, body)
    assert (first["index"], first["namespace"], first["flow"], first["constraints"]) == (0, "t.sub", "one", None)
    assert (second["index"], second["flow"], second["constraints"]) == (1, "two", None)
    assert (third["index"], third["flow"]) == (2, None)
    assert third["constraints"] == "12:1: `namespace` is missing\n12:1: `tasks` is missing"
    assert [(one["code"], one["line"]) for one in third["problems"]] == [("HG-0202", 12), ("HG-0202", 12)]


@pytest.mark.usefixtures("working")
def test_old_names_are_told_by_their_paths(client: TestClient):
    body = "id: x\nnamespace: t\ntasks:\n  - id: a\n    type: io.kestra.core.tasks.log.Log\n    message: x\ntaskDefaults: []\n"
    (result,) = validate(client, body)
    assert (result["constraints"], result["warnings"]) == (None, [])
    assert result["deprecationPaths"] == ["tasks[0].type", "taskDefaults"]
    assert result["infos"] == [f"5:11: `io.kestra.core.tasks.log.Log` is an old name of `{LOG}`", "7:1: `taskDefaults` is the old spelling of `pluginDefaults`"]


@pytest.mark.usefixtures("working")
def test_a_text_that_says_an_older_revision_is_outdated(client: TestClient):
    replace(client, text())
    replace(client, text(message="again"))
    assert [validate(client, text(rest=f"revision: {number}\n"))[0]["outdated"] for number in (1, 2, 3)] == [True, False, False]
    assert validate(client, text("unknown", rest="revision: 1\n"))[0]["outdated"] is False


@pytest.mark.parametrize(
    ("part", "body", "type", "told"),
    [
        ("/task", f"id: a\ntype: {LOG}\nmessage: x\n", "application/x-yaml", None),
        ("/task", f'{{"id": "a", "type": "{LOG}"}}', "application/json", "1:1: `message` is missing"),
        ("/task", f"id: a\ntype: {LOG}\nmesage: x\nmessage: y\n", "application/x-yaml", "3:1: unknown property `mesage`"),
        ("/task", "- x\n", "application/x-yaml", "1:1: a task is a mapping, this file holds a list"),
        ("/trigger", "id: t\ntype: io.kestra.plugin.core.trigger.Schedule\ncron: '@daily'\n", "application/yaml", None),
        ("/trigger", "id: t\ntype: io.kestra.plugin.core.trigger.Schedule\ncron: x\n", "text/yaml", "3:7: `cron`: expected 5 fields, got 1"),
        ("/trigger", f"id: t\ntype: {LOG}\n", "application/x-yaml", f"2:7: `{LOG}` is a task, not a trigger"),
    ],
)
@pytest.mark.usefixtures("working")
def test_a_task_and_a_trigger_are_checked_by_themselves(client: TestClient, part: str, body: str, type: str, told: str | None):
    assert validate(client, body, part, type)["constraints"] == told


# the flows of a namespace


@pytest.mark.usefixtures("working")
def test_the_flows_of_a_namespace_become_those_of_one_text_in_one_commit(client: TestClient, station: Station):
    assert [flow["id"] for flow in replace(client, f"{text('a')}---\n{text('b')}").json()] == ["a", "b"]
    replace(client, text("other", "t"), "t")
    assert replace(client, f"{text('b', message='new')}---\n{text('c')}", message="by hand").status_code == 200
    assert live(client) == {"b": 2, "c": 1}
    assert live(client, "t") == {"other": 1}
    messages = [one["message"] for one in client.get(f"{API}/repositories/default/commits").json()["results"]]
    assert messages == ["by hand", "Update t (1 written)", "Update t.sub (2 written)"]


@pytest.mark.usefixtures("working")
def test_flows_that_are_not_in_the_text_stay_where_that_is_asked(client: TestClient):
    replace(client, f"{text('a')}---\n{text('b')}")
    assert replace(client, text("b", message="new"), delete="false").status_code == 200
    assert live(client) == {"a": 1, "b": 2}
    assert replace(client, "").json() == []
    assert live(client) == {}


@pytest.mark.usefixtures("working")
def test_nothing_is_changed_when_one_of_the_flows_is_wrong(client: TestClient):
    replace(client, text("a"))
    told = problem(replace(client, f"{text('b')}---\n{text('c', 'elsewhere')}---\n{text('b')}---\nid: d\n"), 422)
    assert [(error["line"], error["message"]) for error in told["errors"]] == [
        (6, "`elsewhere.c` is not of the namespace `t.sub`"),
        (11, "`t.sub.b` is given twice"),
        (16, "`namespace` is missing"),
        (16, "`tasks` is missing"),
    ]
    assert told["message"].startswith("nothing is changed: 6:1: `elsewhere.c` is not of the namespace `t.sub` (and 3 more problems)")
    assert live(client) == {"a": 1}


@pytest.mark.usefixtures("working")
def test_another_namespace_can_be_put_in_place_of_the_ones_that_texts_name(client: TestClient):
    assert replace(client, text("a", "elsewhere # with a comment"), override="true").status_code == 200
    assert client.get(f"{API}/flows/t.sub/a").json()["source"] == text("a", "t.sub # with a comment")


@pytest.mark.parametrize(
    ("namespace", "written", "moved"),
    [
        ("t.sub", "namespace: &name elsewhere\ndescription: *name", "namespace: &name t.sub\ndescription: *name"),
        ("t.sub", "namespace:", "namespace: t.sub"),
        ("t.sub", "namespace: |\n  elsewhere", "namespace: t.sub"),
        ("t.sub", "'namespace':\n  'elsewhere' # why", "'namespace':\n  t.sub # why"),
        ("2026", "namespace: elsewhere", "namespace: '2026'"),
        ("1e999", "namespace: elsewhere", "namespace: '1e999'"),
        ("true", "namespace: 5", "namespace: 'true'"),
    ],
)
@pytest.mark.usefixtures("working")
def test_a_namespace_is_put_in_place_of_another_however_that_was_written(client: TestClient, namespace: str, written: str, moved: str):
    rest = f"tasks:\n  - {{id: a, type: {LOG}, message: x}}\n"
    assert replace(client, f"id: a\n{written}\n{rest}", namespace, override="true").status_code == 200
    assert client.get(f"{API}/flows/{namespace}/a").json()["source"] == f"id: a\n{moved}\n{rest}"


def test_too_many_flows_and_too_many_problems_of_them_are_not_all_told(client: TestClient):
    assert problem(replace(client, "a\n---\n" * 1_001), 422)["message"].startswith("the text has more than 1,000 flows")
    told = problem(replace(client, "a: b\n---\n" * 900), 422)
    assert len(told["errors"]) == 50
    assert "(and at least 5" in told["message"]


# words in texts


@pytest.mark.usefixtures("working")
def test_words_are_found_in_the_texts_of_live_flows_and_marked(client: TestClient):
    sure = text("b", message="'100% [sure]'")
    replace(client, f"{text('a', message='Hello World')}---\n{sure}")
    found = client.get(f"{API}/flows/source", params={"q": "hello wor"}).json()
    assert (found["total"], [one["model"]["id"] for one in found["results"]]) == (1, ["a"])
    assert found["results"][0]["fragments"] == [f"tasks:\n  - {{id: a, type: {LOG}, message: [mark]Hello Wor[/mark]ld}}"]
    assert [one["model"]["id"] for one in client.get(f"{API}/flows/source", params={"q": "100% ["}).json()["results"]] == ["b"]
    assert client.get(f"{API}/flows/source", params={"q": "nowhere"}).json() == {"results": [], "total": 0}
    page = client.get(f"{API}/flows/source", params={"size": "1", "page": "2", "namespace": "t"}).json()
    assert (page["total"], page["results"][0]["model"]["id"], page["results"][0]["fragments"]) == (2, "b", [])


@pytest.mark.usefixtures("working")
def test_flows_are_sorted_as_asked(client: TestClient):
    replace(client, f"{text('a')}---\n{text('c')}")
    replace(client, text("b", "t"), "t")

    def ids(sort: str) -> list[str]:
        return [flow["id"] for flow in client.get(f"{API}/flows/search", params={"sort": sort}).json()["results"]]

    assert [ids(sort) for sort in ("id:asc", "id:desc", "namespace:asc", "namespace")] == [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"], ["b", "a", "c"]]
    assert "`sort` is namespace or id" in problem(client.get(f"{API}/flows/search", params={"sort": "size:asc"}), 422)["message"]
