"""Flows over HTTP: read, searched, validated, and changed by commits on the live branch."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.store.repositories import change
from tests.api.calling import YAML, at_work, problem
from tests.support.station import Station

API = "/api/v1/main"


def text(id: str = "f", namespace: str = "t.sub", note: str = "x") -> str:
    return f"# kept: é\nid: {id}\nnamespace: {namespace}\ndescription: {note}\ntasks:\n  - {{id: a, type: io.kestra.plugin.core.log.Log, message: hello}}\n"


@pytest.fixture
def working(station: Station) -> Iterator[None]:
    station.repository()
    with at_work(station):
        yield


def post(client: TestClient, body: str, **params: str):
    return client.post(f"{API}/flows", content=body.encode(), headers=YAML, params=params)


def put(client: TestClient, body: str, path: str = "t.sub/f", **params: str):
    return client.put(f"{API}/flows/{path}", content=body.encode(), headers=YAML, params=params)


@pytest.mark.usefixtures("working")
def test_a_flow_is_created_changed_and_deleted_by_commits(client: TestClient, station: Station):
    created = post(client, text()).json()
    assert {key: created[key] for key in ("id", "namespace", "revision", "source", "repository", "path", "deleted", "disabled")} == {
        "id": "f",
        "namespace": "t.sub",
        "revision": 1,
        "source": text(),
        "repository": "default",
        "path": ".flows/t.sub/f.yml",
        "deleted": False,
        "disabled": False,
    }
    assert put(client, text(note="new"), message="reword it").json()["revision"] == 2
    commits = client.get(f"{API}/repositories/default/commits").json()["results"]
    assert [one["message"] for one in commits] == ["reword it", "Create t.sub.f"]
    assert client.delete(f"{API}/flows/t.sub/f").status_code == 200
    problem(client.get(f"{API}/flows/t.sub/f"), 404)
    problem(client.delete(f"{API}/flows/t.sub/f"), 404)
    problem(put(client, text()), 404)
    revisions = client.get(f"{API}/flows/t.sub/f/revisions").json()
    assert [(one["revision"], one["deleted"]) for one in revisions] == [(1, False), (2, False), (3, True)]
    assert {"commit", "path", "blob", "author", "date", "source"} <= revisions[0].keys()
    assert (revisions[0]["author"], revisions[1]["source"]) == ("Headgate API <api@headgate.invalid>", text(note="new"))
    assert client.get(f"{API}/flows/t.sub/f", params={"revision": 1}).json()["source"] == text()
    assert client.get(f"{API}/flows/t.sub/f", params={"allowDeleted": "true"}).json()["deleted"] is True
    assert post(client, text()).json()["revision"] == 4


@pytest.mark.usefixtures("working")
def test_what_is_there_is_not_created_again(client: TestClient):
    post(client, text())
    problem(post(client, text(note="new")), 409)


@pytest.mark.usefixtures("working")
def test_saving_the_same_text_again_is_no_commit(client: TestClient, station: Station):
    post(client, text())
    before = station.git.refs("default")
    assert put(client, text()).json()["revision"] == 1
    assert station.git.refs("default") == before


@pytest.mark.usefixtures("working")
def test_a_flow_keeps_its_name(client: TestClient):
    post(client, text())
    problem(put(client, text("other")), 422)
    problem(put(client, text(namespace="u")), 422)


@pytest.mark.usefixtures("working")
def test_a_change_goes_to_the_file_that_the_flow_is_in(client: TestClient, station: Station):
    station.push({".flows/deep/odd name.yaml": text(), ".flows/other.yml": text("g")})
    assert put(client, text(note="new")).json()["path"] == ".flows/deep/odd name.yaml"
    assert client.delete(f"{API}/flows/t.sub/f").status_code == 200
    assert [row.path for row in station.live().values()] == [".flows/other.yml"]


@pytest.mark.usefixtures("working")
def test_a_new_flow_overwrites_no_file_of_another(client: TestClient, station: Station):
    station.push({".flows/t.sub/f.yml": text("g")})
    created = post(client, text()).json()
    assert created["path"] != ".flows/t.sub/f.yml"
    assert sorted(f"{row.namespace}.{row.flow_id}" for row in station.live().values()) == ["t.sub.f", "t.sub.g"]


@pytest.mark.usefixtures("working")
def test_a_broken_file_is_mended_in_its_place(client: TestClient, station: Station):
    station.push({".flows/mine.yml": text()})
    station.push({".flows/mine.yml": text().replace("core.log.Log", "core.log.Lag")})
    answer = put(client, text(note="mended"))
    assert answer.status_code == 200, answer.text
    mended = answer.json()
    assert (mended["path"], mended["revision"]) == (".flows/mine.yml", 2)


@pytest.mark.usefixtures("working")
def test_a_change_that_can_not_become_live_says_so(client: TestClient, station: Station):
    station.push({".flows/a.yml": text()})
    station.push({".flows/b.yml": text()})
    assert "another file" in problem(put(client, text(note="new")), 409)["detail"]


@pytest.mark.usefixtures("working")
def test_a_namespace_goes_to_its_repository(client: TestClient, station: Station):
    station.push({".flows/a.yml": text("a", "theirs")}, name="other")
    assert post(client, text("b", "theirs")).json()["repository"] == "other"
    assert post(client, text("b", "mine")).json()["repository"] == "default"


def test_without_a_home_a_new_namespace_is_refused(client: TestClient, station: Station):
    for name in ("one", "two"):
        station.repository(name)
    assert "belongs to no repository" in problem(post(client, text()), 409)["detail"]


@pytest.mark.usefixtures("working")
def test_many_changes_at_once_are_all_made(client: TestClient, station: Station):
    answers = []

    def create(number: int) -> None:
        answers.append(post(client, text(f"f{number}")).status_code)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert len(station.live()) == 6


def test_a_branch_of_its_own_choice_is_written_to(client: TestClient, station: Station):
    repository = station.repository()
    station.push({"README.md": "words"}, ref="refs/heads/prod")
    station.database.write(lambda session: change(session, repository.id, {"branch": "prod"}))
    with at_work(station):
        post(client, text())
    assert list(station.git.refs("default")) == ["refs/heads/prod"]


# reading


def test_flows_are_found_by_name_and_namespace(client: TestClient, station: Station):
    station.push({f".flows/{number}.yml": text(f"f{number}", namespace) for number, namespace in enumerate(["t", "t.sub", "t.sub.deep", "team"])})

    def found(**query) -> list[str]:
        answer = client.get(f"{API}/flows/search", params=query).json()
        return [f"{one['namespace']}.{one['id']}" for one in answer["results"]]

    assert found() == ["t.f0", "t.sub.f1", "t.sub.deep.f2", "team.f3"]
    assert found(namespace="t") == ["t.f0", "t.sub.f1", "t.sub.deep.f2"]
    assert found(q="ea") == ["team.f3"]
    assert found(size=2, page=2) == ["t.sub.deep.f2", "team.f3"]
    assert [one["id"] for one in client.get(f"{API}/flows/t.sub").json()] == ["f1"]
    assert client.get("/api/v1/flows/search").json() == client.get(f"{API}/flows/search").json()
    shown = client.get(f"{API}/flows/t/f0").json()
    assert shown["tasks"] == [{"id": "a", "type": "io.kestra.plugin.core.log.Log", "message": "hello"}]
    assert "source" not in client.get(f"{API}/flows/t/f0", params={"source": "false"}).json()


WHOLE = """id: whole
namespace: t.sub
labels: {team: data}
tasks:
  - id: group
    type: io.kestra.plugin.core.flow.Sequential
    tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: "{{ inputs.n }}"}]
errors: [{id: b, type: io.kestra.plugin.core.log.Log, message: no}]
inputs: [{name: n, type: INT, defaults: 3}]
outputs: [{id: o, type: STRING, value: x}]
concurrency: {limit: 2}
taskDefaults: [{type: io.kestra.plugin.core.log.Log, values: {level: WARN}}]
triggers: [{id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "@daily"}]
"""


@pytest.mark.usefixtures("working")
def test_a_flow_is_shown_as_it_was_written(client: TestClient):
    shown = post(client, WHOLE).json()
    assert shown["labels"] == [{"key": "team", "value": "data"}]
    assert shown["tasks"][0]["tasks"] == [{"id": "a", "type": "io.kestra.plugin.core.log.Log", "message": "{{ inputs.n }}"}]
    assert [one["id"] for one in shown["errors"]] == ["b"]
    assert [(one["id"], one["type"], one["defaults"], one["required"]) for one in shown["inputs"]] == [("n", "INT", 3, True)]
    assert (shown["outputs"], shown["concurrency"]) == ([{"id": "o", "type": "STRING", "value": "x"}], {"limit": 2})
    assert shown["pluginDefaults"] == [{"type": "io.kestra.plugin.core.log.Log", "values": {"level": "WARN"}}]
    assert shown["triggers"] == [{"id": "daily", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "@daily", "disabled": False}]


def test_a_text_is_validated_without_being_stored(client: TestClient, station: Station):
    (good,) = client.post(f"{API}/flows/validate", content=text(), headers=YAML).json()
    assert (good["constraints"], good["namespace"], good["flow"], good["problems"]) == (None, "t.sub", "f", [])
    (bad,) = client.post(f"{API}/flows/validate", content=text().replace("Log", "Lag"), headers=YAML).json()
    assert "6:19: " in bad["constraints"]
    assert (bad["problems"][0]["line"], bad["warnings"], bad["infos"]) == (6, [], [])
    assert station.live() == {}


# repositories


def test_a_repository_is_added_once_and_its_secret_shown_once(client: TestClient, station: Station):
    wanted = {"name": "site", "url": "http://127.0.0.1:9/acme/site.git", "forge": "github", "api_url": "http://127.0.0.1:9", "allow_private": True}
    answer = client.post(f"{API}/repositories", json=wanted)
    assert answer.status_code == 201
    added = answer.json()
    assert len(added["hook"]["secret"]) > 30
    assert added["hook"]["url"].startswith("http://127.0.0.1:8080/hooks/")
    problem(client.post(f"{API}/repositories", json=wanted), 409)
    shown = client.get(f"{API}/repositories/site").json()
    assert (shown["hook"], shown["default_branch"]) == ({"url": added["hook"]["url"]}, None)
    assert added["hook"]["secret"] not in client.get(f"{API}/repositories").text
    assert added["hook"]["secret"].encode() not in (station.folder / "headgate.db-wal").read_bytes()


def test_an_embedded_repository_has_an_address_and_no_hook(client: TestClient):
    added = client.post(f"{API}/repositories", json={"name": "mine"}).json()
    assert (added["git_url"], added["forge"], added["hook"]) == ("http://127.0.0.1:8080/git/mine.git", "embedded", {"url": None, "secret": None})


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "x", "url": "https://169.254.169.254/a/b"},
        {"name": "x", "url": "http://127.0.0.1/a/b"},
        {"name": "x", "url": "https://127.0.0.1/a/b"},
        {"name": "x", "url": "file:///etc"},
        {"name": "x", "url": "git@github.com:a/b"},
        {"name": "x", "url": "https://user:hunter2@127.0.0.1/a/b", "allow_private": True},
        {"name": "x", "url": "--upload-pack=evil"},
        {"name": "x.git"},
        {"name": "a/b"},
        {"name": "A"},
        {"name": ""},
        {"name": "x", "branch": "a..b"},
    ],
)
def test_a_repository_that_can_not_be_is_refused(client: TestClient, station: Station, wanted: dict):
    answer = client.post(f"{API}/repositories", json=wanted)
    assert answer.status_code in (400, 403, 422), answer.text
    problem(answer, answer.status_code)
    assert "hunter2" not in answer.text
    assert client.get(f"{API}/repositories").json()["total"] == 0
    assert not station.git.root.joinpath("x.git").exists()


def test_a_commit_shows_all_that_came_of_it(client: TestClient, station: Station):
    trigger = "triggers: [{id: p, type: headgate.git.Push}]\n"
    sha = station.push({".flows/f.yml": text() + trigger, ".flows/bad.yml": text("bad").replace("Log", "Lag")}, message="subject\n\nbody")
    station.tick()
    shown = client.get(f"{API}/repositories/default/commits/{sha[:10]}").json()
    assert (shown["sha"], shown["state"], shown["repository"], shown["ref"]) == (sha, "applied", "default", "refs/heads/main")
    assert shown["flows"] == [{"namespace": "t.sub", "id": "f", "revision": 1, "path": ".flows/f.yml", "change": "created"}]
    (found,) = shown["problems"]
    assert found.keys() == {"code", "severity", "path", "line", "column", "message", "hint"}
    assert [(one["context"], one["state"]) for one in shown["statuses"]] == [
        ("headgate/flows", "failure"),
        ("headgate/runs", "success"),
        ("headgate/t.sub.f", "success"),
    ]
    assert {"context", "state", "description", "target_url", "updated_at"} <= shown["statuses"][0].keys()
    ((execution,),) = [shown["executions"]]
    assert (execution["namespace"], execution["flow_id"], execution["state"]) == ("t.sub", "f", "SUCCESS")
    listed = client.get(f"{API}/repositories/default/commits").json()
    assert (listed["total"], listed["results"][0]["sha"]) == (1, sha)


@pytest.mark.usefixtures("working")
def test_asking_for_a_sync_looks_at_the_repository(client: TestClient, station: Station):
    writer = station.commits()
    writer.move("refs/heads/main", writer.write({".flows/f.yml": text()}))
    answer = client.post(f"{API}/repositories/default/sync")
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    from tests.support.serving import until  # noqa: PLC0415 - the only wait here

    until(lambda: station.live())
