"""Webhooks: genuine ones are stored before they are answered, all others leave at most a line in the audit."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from starlette.testclient import TestClient

from tests.api.calling import problem
from tests.support.station import Station

SHA = "a" * 40
PUSH = json.dumps({"ref": "refs/heads/main", "before": "0" * 40, "after": SHA, "deleted": False, "repository": {"id": 1, "full_name": "acme/site"}}).encode()


@pytest.fixture
def hook(client: TestClient) -> tuple[str, bytes]:
    """A GitHub repository's hook: its path and its secret."""
    wanted = {"name": "site", "url": "http://127.0.0.1:9/acme/site.git", "forge": "github", "api_url": "http://127.0.0.1:9", "allow_private": True}
    found = client.post("/api/v1/main/repositories", json=wanted).json()["hook"]
    return found["url"].removeprefix("http://127.0.0.1:8080"), found["secret"].encode()


def signed(body: bytes, secret: bytes, id: str = "d1", event: str = "push") -> dict[str, str]:
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {"x-github-event": event, "x-github-delivery": id, "x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"}


def rows(station: Station, table: str) -> list[tuple]:
    with station.database.read() as session:
        return [tuple(row) for row in session.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608 - a name of ours


def test_a_genuine_delivery_is_stored_and_answered(client: TestClient, station: Station, hook):
    path, secret = hook
    answer = client.post(path, content=PUSH, headers=signed(PUSH, secret) | {"cookie": "a=b", "authorization": "Bearer x"})
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted", "delivery": "d1"})
    ((*_, headers, body, _at, state, _reason, _attempts, _not_before),) = rows(station, "delivery")
    assert (body, state) == (PUSH, "received")
    # What reading it again needs, and no credential of anybody.
    assert {"content-type", "x-github-delivery", "x-github-event"} <= set(json.loads(headers)) <= set(signed(PUSH, secret))


def test_a_delivery_that_comes_again_is_stored_once(client: TestClient, station: Station, hook):
    path, secret = hook
    statuses = [client.post(path, content=PUSH, headers=signed(PUSH, secret)).json()["status"] for _ in range(3)]
    assert statuses == ["accepted", "duplicate", "duplicate"]
    assert len(rows(station, "delivery")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "md5=abc"},
        {"x-hub-signature-256": "é"},
    ],
)
def test_a_wrong_signature_is_refused_and_noted(client: TestClient, station: Station, hook, change: dict[str, str]):
    path, secret = hook
    headers = {name.encode(): value.encode() for name, value in (signed(PUSH, secret) | change).items()}
    found = problem(client.post(path, content=PUSH, headers=headers), 401)
    assert found["detail"] == "the signature is missing or wrong"
    assert rows(station, "delivery") == []
    ((*_, status, _reason, sha256, size, _source, _at),) = rows(station, "refusal")
    assert (status, sha256, size) == (401, hashlib.sha256(PUSH).hexdigest(), len(PUSH))


def test_a_body_that_was_changed_on_the_way_is_refused(client: TestClient, hook):
    path, secret = hook
    problem(client.post(path, content=PUSH + b" ", headers=signed(PUSH, secret)), 401)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"ref": 1}', b"[" * 50_000, b'{"ref": "refs/heads/main", "after": "x"}'])
def test_a_signed_body_that_is_no_delivery_is_refused_and_noted(client: TestClient, station: Station, hook, body: bytes):
    path, secret = hook
    problem(client.post(path, content=body, headers=signed(body, secret)), 400)
    assert (rows(station, "delivery"), len(rows(station, "refusal"))) == ([], 1)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/json-seq"])
def test_a_signed_body_of_a_type_that_is_not_read_is_refused_and_noted(client: TestClient, station: Station, hook, kind: str):
    path, secret = hook
    problem(client.post(path, content=PUSH, headers=signed(PUSH, secret) | {"content-type": kind}), 415)
    ((*_, status, _reason, _sha256, _size, _source, _at),) = rows(station, "refusal")
    assert (status, rows(station, "delivery")) == (415, [])


def test_a_body_over_the_cap_is_refused_before_it_is_read(client: TestClient, station: Station, hook):
    path, secret = hook
    problem(client.post(path, content=b"{}", headers=signed(b"{}", secret) | {"content-length": "30000000"}), 413)
    assert len(rows(station, "refusal")) == 1


def test_an_invented_address_leaves_nothing(client: TestClient, station: Station, hook):
    path, secret = hook
    for wrong in ("/hooks/x", "/hooks/" + "x" * 5000, path + "x", path.upper()):
        problem(client.post(wrong, content=PUSH, headers=signed(PUSH, secret)), 404)
    assert (rows(station, "delivery"), rows(station, "refusal")) == ([], [])


def test_an_embedded_repository_takes_no_webhooks(client: TestClient, station: Station):
    repository = station.repository()
    problem(client.post(f"/hooks/{repository.hook_id}", content=PUSH), 404)


def test_a_ping_is_welcome(client: TestClient, station: Station, hook):
    path, secret = hook
    body = b'{"zen": "Keep it logically awesome.", "hook_id": 1}'
    assert client.post(path, content=body, headers=signed(body, secret, event="ping")).status_code == 202


def test_a_hook_needs_no_token_anywhere(station: Station, client: TestClient, hook):
    from tests.api.calling import calling  # noqa: PLC0415 - a second client, here alone

    path, secret = hook
    with calling(station, host="0.0.0.0") as outside:
        answer = outside.post(path, content=PUSH, headers=signed(PUSH, secret) | {"host": "flows.example.com"})
        assert answer.status_code == 202
