"""Files of namespaces over HTTP: the live commit's tree, and commits that change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calling import at_work, problem
from tests.support.commits import MAIN, Link
from tests.support.station import Station

API = "/api/v1/main"
FLOW = "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: \"{{ read('sub/b ü.txt') }}\"}]\n"


@pytest.fixture
def tree(station: Station) -> str:
    """A commit with files; gives its sha."""
    return station.push({".flows/f.yml": FLOW, "a.txt": "first", "sub/b ü.txt": "deep", "sub/deeper/c.py": "x = 1\n", "link": Link("a.txt")})


@pytest.fixture
def working(tree: str, station: Station) -> Iterator[None]:
    with at_work(station):
        yield


def ask(client: TestClient, path: str | None = None, what: str = "", namespace: str = "t", **query: Any) -> Any:
    return client.get(f"{API}/namespaces/{namespace}/files{what}", params=({} if path is None else {"path": path}) | query)


def change(client: TestClient, method: str, what: str = "", content: bytes | None = None, namespace: str = "t", **query: str) -> Any:
    files = None if content is None else {"fileContent": ("x", content)}
    return client.request(method, f"{API}/namespaces/{namespace}/files{what}", params=query, files=files)


def tip(station: Station) -> str:
    return station.git.refs("default")[MAIN]


def paths(station: Station) -> set[str]:
    return {path for path, _ in station.git.files("default", tip(station), "") or ()}


# reading


def test_a_file_is_that_of_the_live_commit_or_of_another(client: TestClient, station: Station, tree: str):
    station.push({"a.txt": "second", "large": "x" * 2_000_000})
    assert ask(client, "/a.txt").content == ask(client, "a.txt").content == b"second"
    assert ask(client, "/a.txt", revision=tree).content == b"first"
    assert ask(client, "/large").content == b"x" * 2_000_000
    assert ask(client, "/sub/b ü.txt").headers["content-disposition"] == "attachment; filename*=UTF-8''b%20%C3%BC.txt"


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/none", 404),
        ("/", 404),
        ("", 404),
        ("/sub", 422),
        ("/link", 422),
        ("/../a", 422),
        ("/sub/../../a", 422),
        ("/.git/config", 400),
        ("/a.txt/b", 422),
        ("/a\0", 400),
    ],
)
def test_what_is_no_file_is_refused(client: TestClient, path: str, status: int):
    problem(ask(client, path), status)


@pytest.mark.usefixtures("tree")
def test_other_commits_are_named_in_full(client: TestClient):
    for revision, status in (("main", 422), ("abcdef", 422), ("0" * 40, 404)):
        problem(ask(client, "/a.txt", revision=revision), status)


@pytest.mark.usefixtures("tree")
def test_folders_are_listed_without_what_is_not_followed(client: TestClient):
    found = ask(client, what="/directory").json()
    assert [(one["type"], one["fileName"], one["size"]) for one in found] == [("Directory", ".flows", 0), ("Directory", "sub", 0), ("File", "a.txt", 5)]
    assert all(one["lastModifiedTime"] % 1000 == 0 for one in found)
    assert [one["fileName"] for one in ask(client, "/sub/", "/directory").json()] == ["deeper", "b ü.txt"]
    assert ask(client, "/sub/deeper/c.py", "/stats").json().items() >= {"type": "File", "fileName": "c.py", "size": 6}.items()
    assert ask(client, "/sub", "/stats").json()["type"] == ask(client, what="/stats").json()["type"] == "Directory"
    assert ask(client, what="/search", q="B Ü").json() == ["/sub/b ü.txt"]
    assert ask(client, what="/search").json() == ["/.flows/f.yml", "/a.txt", "/sub/b ü.txt", "/sub/deeper/c.py"]
    for path, status in (("/none", 404), ("/a.txt", 422)):
        problem(ask(client, path, "/directory"), status)
    problem(ask(client, "/sub/none", "/stats"), 404)


@pytest.mark.usefixtures("tree")
def test_a_namespace_of_nobody_has_no_files(client: TestClient):
    problem(ask(client, "/a.txt", namespace="nobodys"), 404)
    assert ask(client, what="/directory", namespace="nobodys").json() == []
    assert ask(client, what="/search", namespace="nobodys").json() == []
    problem(ask(client, what="/directory", namespace="No Namespace"), 422)


def test_files_of_another_repository_are_those_of_its_own_namespaces(client: TestClient, station: Station, tree: str):
    station.push({".flows/x.yml": FLOW.replace("namespace: t", "namespace: theirs"), "a.txt": "theirs"}, name="other")
    assert ask(client, "/a.txt", namespace="theirs").content == b"theirs"
    assert ask(client, "/a.txt").content == b"first"
    problem(ask(client, "/a.txt", namespace="theirs", revision=tree), 404)


# writing


@pytest.mark.usefixtures("working")
def test_a_file_is_written_moved_and_deleted_by_commits(client: TestClient, station: Station):
    before = tip(station)
    answer = change(client, "POST", content="neu ü".encode(), path="/sub/new.bin")
    assert (answer.status_code, answer.content) == (200, b"")
    assert ask(client, "/sub/new.bin").content == "neu ü".encode()
    assert station.git.commit("default", tip(station)).parents == (before,)
    assert station.git.commit("default", tip(station)).message.startswith("Write sub/new.bin")
    assert change(client, "POST", content=b"\xff\x00", path="/sub/new.bin").status_code == 200
    assert ask(client, "/sub/new.bin").content == b"\xff\x00"
    assert client.put(f"{API}/namespaces/t/files", params={"from": "/sub", "to": "/other/place"}).status_code == 200
    assert paths(station) == {".flows/f.yml", "a.txt", "other/place/b ü.txt", "other/place/deeper/c.py", "other/place/new.bin"}
    assert client.put(f"{API}/namespaces/t/files", params={"from": "/a.txt", "to": "/b.txt"}).status_code == 200
    assert change(client, "DELETE", path="/other").status_code == 200
    assert change(client, "POST", "/directory", path="/empty").status_code == 200
    assert paths(station) == {".flows/f.yml", "b.txt", "empty/.gitkeep"}
    problem(ask(client, "/a.txt"), 404)


@pytest.mark.usefixtures("working")
def test_an_execution_reads_what_was_written(client: TestClient, station: Station):
    change(client, "POST", content=b"written", path="/sub/b ü.txt")
    shown = client.post(f"{API}/executions/t/f?wait=true").json()
    assert shown["taskRunList"][0]["outputs"] == {"value": "written"}


@pytest.mark.usefixtures("working")
def test_what_can_not_be_changed_is_refused_and_nothing_is_committed(client: TestClient, station: Station):
    before = tip(station)
    wrong = [
        (change(client, "POST", content=b"x", path="/.flows/f.yml"), 422),
        (change(client, "POST", content=b"x", path="/"), 422),
        (change(client, "POST", content=b"x", path="/../x"), 422),
        (change(client, "POST", content=b"x", path="/.git/hooks/x"), 400),
        (change(client, "POST", content=b"x", path="/sub"), 422),
        (change(client, "POST", content=b"x", path="/a.txt/b"), 422),
        (change(client, "POST", content=b"x", path="/link"), 422),
        (change(client, "POST", content=b"x", path="/x", namespace="No Namespace"), 422),
        (client.post(f"{API}/namespaces/t/files", params={"path": "/x"}, content=b"x"), 415),
        (client.post(f"{API}/namespaces/t/files", params={"path": "/x"}, files={"other": (None, "x")}), 422),
        (change(client, "DELETE", path="/none"), 404),
        (change(client, "DELETE", path="/.flows"), 422),
        (client.put(f"{API}/namespaces/t/files", params={"from": "/a.txt", "to": "/sub"}), 409),
        (client.put(f"{API}/namespaces/t/files", params={"from": "/a.txt", "to": "/sub/b ü.txt"}), 409),
        (client.put(f"{API}/namespaces/t/files", params={"from": "/sub", "to": "/sub/deeper/sub"}), 422),
        (client.put(f"{API}/namespaces/t/files", params={"from": "/none", "to": "/x"}), 404),
        (client.put(f"{API}/namespaces/t/files", params={"from": "/a.txt", "to": "/.flows/a.yml"}), 422),
    ]
    assert [answer.status_code for answer, _ in wrong] == [status for _, status in wrong]
    assert tip(station) == before


@pytest.mark.usefixtures("working")
def test_what_is_there_already_is_no_commit(client: TestClient, station: Station):
    before = tip(station)
    assert change(client, "POST", content=b"first", path="/a.txt").status_code == 200
    assert tip(station) == before
