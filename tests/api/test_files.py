"""Files of executions over HTTP: downloaded, described and previewed, and none but those that the execution may read."""

from __future__ import annotations

import base64
import io
import tracemalloc
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.actions import preview
from tests.api.calling import problem
from tests.support.station import Station

API = "/api/v1/main"
FLOW = "id: f\nnamespace: {namespace}\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"


@pytest.fixture
def id(station: Station) -> str:
    station.push({".flows/f.yml": FLOW.format(namespace="t"), "in the/tree ü.txt": "of the commit", "sub/x": "x"})
    return station.start("t", "f")


def put(station: Station, id: str, name: str, content: bytes = b"content", namespace: str = "t") -> str:
    return str(station.kit.storage.put(namespace, "f", id, "a", "run", name, io.BytesIO(content)))


def ask(client: TestClient, id: str, path: str, what: str = "", headers: dict[str, str] | None = None, **query: Any) -> Any:
    return client.get(f"{API}/executions/{id}/file{what}", params={"path": path, **query}, headers=headers or {})


def shown(client: TestClient, id: str, path: str, **query: Any) -> dict[str, Any]:
    answer = ask(client, id, path, "/preview", **query)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"extension", "type", "content", "truncated", "maxLine"}
    return dict(answer.json())


# download


def test_a_file_is_downloaded_under_its_name(client: TestClient, station: Station, id: str):
    answer = ask(client, id, put(station, id, "ü ö.csv", b"a,b\n\xff"))
    assert (answer.status_code, answer.content) == (200, b"a,b\n\xff")
    wanted = {"content-disposition": "attachment; filename*=UTF-8''%C3%BC%20%C3%B6.csv", "content-type": "application/octet-stream", "content-length": "5"}
    assert wanted.items() <= dict(answer.headers).items()
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_empty_file_is_one(client: TestClient, station: Station, id: str):
    answer = ask(client, id, put(station, id, "empty", b""))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("range", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=0-", 200, b"0123456789"),
        ("bytes=-99", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
    ],
)
@pytest.mark.parametrize("of", ["storage", "tree"])
def test_a_part_of_a_file(client: TestClient, station: Station, id: str, of: str, range: str, status: int, content: bytes):
    path = put(station, id, "a", b"0123456789")
    if of == "tree":
        station.push({"digits": "0123456789"})
        id, path = station.start("t", "f"), "nsfile:///digits"
    answer = ask(client, id, path, headers={"range": range})
    assert (answer.status_code, answer.content) == (status, content)
    if status == 206:
        assert answer.headers["content-range"].endswith("/10")


def test_a_large_file_is_never_in_memory(client: TestClient, station: Station, id: str):
    path = put(station, id, "large", b"x" * 30_000_000)
    tracemalloc.start()
    with client.stream("GET", f"{API}/executions/{id}/file", params={"path": path}) as answer:
        size = sum(len(piece) for piece in answer.iter_raw(100_000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The client of the tests keeps the whole answer; the service adds its pieces.
    assert size == 30_000_000
    assert most < 2 * size + 5_000_000


# metas


def test_what_is_known_of_a_file(client: TestClient, station: Station, id: str):
    found = ask(client, id, put(station, id, "a"), "/metas").json()
    assert found["size"] == 7
    assert found["lastModified"] > 1_700_000_000_000
    tree = ask(client, id, "nsfile:///in%20the/tree%20%C3%BC.txt", "/metas").json()
    assert (tree["size"], tree["lastModified"] % 1000) == (13, 0)


# preview


def test_a_text_is_shown_line_by_line(client: TestClient, station: Station, id: str):
    lines = b"".join(b"%d,x\n" % number for number in range(7))
    path = put(station, id, "a.CSV", lines)
    assert shown(client, id, path, maxRows=2) == {"extension": "csv", "type": "TEXT", "content": "0,x\n1,x\n", "truncated": True, "maxLine": 2}
    whole = shown(client, id, path)
    assert (whole["content"], whole["truncated"], whole["maxLine"]) == (lines.decode(), False, 100)
    assert shown(client, id, path, maxRows=9_999_999)["maxLine"] == 5_000
    for name, kind in (("a.jsonl", "TEXT"), ("a.md", "MARKDOWN"), ("none", "TEXT"), ("a.json", "TEXT")):
        assert shown(client, id, put(station, id, name, b'{"a": 1}'))["type"] == kind


def test_rows_of_ion_are_shown_as_values(client: TestClient, station: Station, id: str):
    path = put(station, id, "a.ion", b'{id:1,at:2026-01-31T06:00:00Z,day:2026-01-31,n:1.5,"b c":null,blob:{{aGk=}}}\n{id:2}\n[1,"x"]\n')
    found = shown(client, id, path, maxRows=2)
    assert (found["type"], found["truncated"]) == ("LIST", True)
    first = {"id": 1, "at": "2026-01-31T06:00:00.000000Z", "day": "2026-01-31", "n": 1.5, "b c": None, "blob": "aGk="}
    assert found["content"] == [first, {"id": 2}]
    assert shown(client, id, path)["truncated"] is False
    assert "not Ion" in problem(ask(client, id, put(station, id, "b.ion", b"{id:"), "/preview"), 422)["detail"]


@pytest.mark.parametrize(("name", "content"), [("a.txt", b"x" * 3_000_000), ("a.ion", b"{id:1}\n" * 300_000)])
def test_only_the_beginning_of_a_large_file_is_read(client: TestClient, station: Station, id: str, name: str, content: bytes):
    found = shown(client, id, put(station, id, name, content), maxRows=5_000)
    assert found["truncated"] is True
    assert len(found["content"]) in (2_000_000, 5_000)


def test_pictures_are_shown_whole_or_not_at_all(client: TestClient, station: Station, id: str):
    for name, kind in (("a.PNG", "IMAGE"), ("a.pdf", "PDF")):
        found = shown(client, id, put(station, id, name, b"\x89PNG"))
        assert (found["type"], base64.b64decode(found["content"]), found["truncated"]) == (kind, b"\x89PNG", False)
    problem(ask(client, id, put(station, id, "b.png", b"x" * (preview.LARGEST + 1)), "/preview"), 413)


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [("ISO-8859-1", b"\xfc", "ü"), ("windows-1252", b"\x80", "€"), ("UTF-16", "ü".encode("utf-16"), "ü"), ("utf-8", b"\xef\xbb\xbf\xff", "\ufffd")],
)
def test_a_text_has_the_encoding_that_is_said(client: TestClient, station: Station, id: str, encoding: str, content: bytes, text: str):
    assert shown(client, id, put(station, id, "a.txt", content), encoding=encoding)["content"] == text


@pytest.mark.parametrize("encoding", ["zip", "hex", "idna", "punycode", "none", "a\0b", "ü", "../x", "unicode_escape", "rot13"])
def test_what_is_no_encoding_is_refused(client: TestClient, station: Station, id: str, encoding: str):
    assert "there is no encoding" in problem(ask(client, id, put(station, id, "a.txt"), "/preview", encoding=encoding), 422)["detail"]


# whose


@pytest.mark.parametrize("what", ["", "/metas", "/preview"])
def test_files_of_others_and_what_is_no_file_are_refused(client: TestClient, station: Station, id: str, what: str):
    station.push({".flows/x.yml": FLOW.format(namespace="theirs"), "a.txt": "theirs"}, name="other")
    theirs = put(station, station.start("theirs", "f"), "a", namespace="theirs")
    own = put(station, id, "a")
    assert ask(client, id, own, what).status_code == 200
    base = own.rpartition("/")[0]
    refused = {
        theirs: 403,
        theirs.replace("theirs", "t"): 403,
        "nsfile://theirs/a.txt": 403,
        "kestra:///": 403,
        "kestra:///etc/passwd": 403,
        f"{base}/../../../../../../../etc/passwd": 403,
        f"{base}/%2e%2e/%2e%2e/x": 403,
        f"{base}//a": 403,
        f"{base}/a%00": 403,
        own.replace(id, "0" * 22): 403,
        f"{base}/none": 404,
        base: 404,
        f"{base}/a/b": 404,
        f"{base}/a%2F..%2F..%2Fx": 404,
        "nsfile:///none": 404,
        "nsfile:///sub": 422,
        "nsfile:///../x": 422,
        "nsfile:///%2e%2e/x": 422,
        "nsfile:///.git/config": 400,
        "file:///etc/passwd": 422,
        "/etc/passwd": 422,
        "in the/tree ü.txt": 422,
        "https://example.com/": 422,
        "": 422,
    }
    got = {path: ask(client, id, path, what).status_code for path in refused}
    assert got == refused


def test_a_file_of_a_neighbour_is_read_as_its_expressions_would(client: TestClient, station: Station, id: str):
    station.push({".flows/g.yml": FLOW.format(namespace="t.beside")})
    neighbours = put(station, station.start("t.beside", "f"), "a", namespace="t.beside")
    assert ask(client, id, neighbours).content == b"content"
    problem(ask(client, "0" * 22, neighbours), 404)
