"""Files behind kestra:/// URIs: they come back as they were, and no name leaves the folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid, NotFound
from service.storage.local import LocalStorage


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


def put(storage: LocalStorage, name: str, content: bytes = b"content", execution: str = "e1", task_run: str = "r1") -> str:
    return storage.put("team.sub", "flow", execution, "task", task_run, name, io.BytesIO(content))


def read(storage: LocalStorage, uri: str) -> bytes:
    with storage.open(uri) as stream:
        return stream.read()


@pytest.mark.parametrize(
    "name", ["a.txt", "deep/er/a.txt", "ü ö.bin", "100%.txt", "%2e%2e", ".hidden", "a?b#c", "con", "...", "x" * 200, "a//b", "back\\slash"]
)
def test_a_file_comes_back_as_it_was(storage: LocalStorage, name: str):
    content = bytes(range(256)) * 1000
    assert read(storage, put(storage, name, content)) == content


def test_a_uri_says_whose_file_it_is(storage: LocalStorage):
    assert put(storage, "a b.txt") == "kestra:///team/sub/flow/executions/e1/tasks/task/r1/a%20b.txt"


def test_a_second_put_replaces_the_first(storage: LocalStorage):
    assert [read(storage, put(storage, "a", content)) for content in (b"one", b"two")] == [b"one", b"two"]


def test_a_put_that_breaks_off_leaves_what_was_there_and_no_rest(storage: LocalStorage, tmp_path: Path):
    uri = put(storage, "a", b"whole")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("the runner is gone")

    with pytest.raises(ConnectionError):
        storage.put("team.sub", "flow", "e1", "task", "r1", "a", Broken())
    assert read(storage, uri) == b"whole"
    assert [path.name for path in (tmp_path / "storage").rglob("*") if path.is_file()] == ["a"]


@pytest.mark.parametrize("name", ["", "/", "..", ".", "a/..", "../a", "a/./b", "a\0b", "x" * 241, "ü" * 50, "a/" * 1500 + "b"])
def test_a_name_that_is_none_is_refused(storage: LocalStorage, name: str):
    with pytest.raises(Invalid):
        put(storage, name)


def test_a_file_and_a_folder_of_one_name_are_refused(storage: LocalStorage):
    put(storage, "a")
    with pytest.raises(Invalid, match="file already"):
        put(storage, "a/b")
    put(storage, "c/d")
    with pytest.raises(Invalid, match="folder already"):
        put(storage, "c")


@pytest.mark.parametrize(
    "uri",
    [
        "kestra:///",
        "kestra:///team/sub/flow/executions/e1",
        "kestra:///team/sub/flow/executions/e1/tasks/task/r1/none",
        "kestra:///team/sub/flow/executions/e1/tasks/task/r1/a/b",
        "kestra:///team/../team/sub/flow/executions/e1/tasks/task/r1/a",
        "kestra:///team/%2e%2e/x",
        "kestra:///team//sub",
        "kestra:///" + "x" * 10_000,
        "kestra:///a%00b",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ],
)
def test_a_uri_that_names_no_file_is_not_found(storage: LocalStorage, uri: str):
    put(storage, "a")
    with pytest.raises(NotFound):
        storage.open(uri)


def test_only_the_files_of_an_execution_are_allowed_to_it(storage: LocalStorage):
    uri = put(storage, "a")
    assert storage.allowed(uri, "team.sub", "flow", "e1")
    for namespace, flow, execution in (("team.sub", "flow", "e2"), ("team.sub", "other", "e1"), ("team", "sub", "e1"), ("team", "flow", "e1")):
        assert not storage.allowed(uri, namespace, flow, execution)
    for wrong in ("kestra:///team/sub/flow/executions/e1/../e2/a", "kestra:///team/sub/flow/executions/e11/a", "http://x", "", "kestra:///%00"):
        assert not storage.allowed(wrong, "team.sub", "flow", "e1")


@given(st.text(max_size=60))
def test_no_name_leaves_the_folder(tmp_path_factory, name: str):
    root = tmp_path_factory.mktemp("storage")
    storage = LocalStorage(root / "inside")
    try:
        uri = put(storage, name)
    except Invalid:
        return
    assert read(storage, uri) == b"content"
    assert storage.allowed(uri, "team.sub", "flow", "e1")
    assert [path.name for path in root.iterdir()] == ["inside"]
    (stored,) = [path for path in root.rglob("*") if path.is_file()]
    assert (root / "inside/team/sub/flow/executions/e1/tasks/task/r1").resolve() in stored.resolve().parents


def test_the_files_of_an_execution_go_and_those_of_others_stay(storage: LocalStorage):
    names = ["a.txt", "deep/er/a.txt", "ü ö.bin", "100%.txt", "%2e%2e", ".hidden", ".log/one.log", "a?b#c", "..."]
    uris = [put(storage, name) for name in names]
    other = put(storage, "a.txt", execution="e10")
    assert storage.remove("team.sub", "flow", "e1") == sorted(uris)
    assert read(storage, other) == b"content"
    for uri in uris:
        with pytest.raises(NotFound):
            storage.open(uri)
    assert storage.remove("team.sub", "flow", "e1") == []


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_service_that_died_while_it_wrote_leaves_nothing_half(tmp_path: Path, before: bytes | None):
    """Whether or not its own clean-up ran: the next service on the folder begins with none."""
    storage = LocalStorage(tmp_path / "storage")
    uri = storage.uri("team", "flow", "e1", "task", "r1", "a")
    if before:
        storage.put("team", "flow", "e1", "task", "r1", "a", io.BytesIO(before))
    (tmp_path / "storage/.new").mkdir(parents=True, exist_ok=True)
    (tmp_path / "storage/.new/tmp123").write_bytes(b"hal")
    after = LocalStorage(tmp_path / "storage")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == (["a"] if before else [])
    assert after.remove("team", "flow", "e1") == ([uri] if before else [])


def test_the_newest_file_of_an_execution_says_when_it_was_stored(storage: LocalStorage):
    assert storage.newest("team.sub", "flow", "e1") is None
    uris = [put(storage, name) for name in ("a.txt", "deep/b.txt")]
    put(storage, "c.txt", execution="e2")
    assert storage.newest("team.sub", "flow", "e1") == max(storage.modified(uri) for uri in uris)
