"""Every route declares who may call it, and answers as it declares; a browser on this machine is no way in."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.api.access import Caller, Permission
from service.git.helper import Helper
from tests.api.calling import calling, problem
from tests.api.routes import Declared, declared
from tests.support.serving import app_of
from tests.support.station import ADMIN_TOKEN, RUNNER_TOKEN, Station, station_at

NOBODY, WRONG, RUNNER, ADMIN = "no token", "wrong token", "runner token", "admin token"
_TOKENS = {WRONG: "hg_admin_wrong", RUNNER: RUNNER_TOKEN, ADMIN: ADMIN_TOKEN}

#: Caller and permission → what the guard answers; None lets through. On loopback nobody needs a login, except for runners: tasks run there.
_PEOPLE = {NOBODY: 401, WRONG: 401, RUNNER: 403, ADMIN: None}
_MATRIX = {
    "public": dict.fromkeys(_PEOPLE),
    "read": _PEOPLE,
    "write": _PEOPLE,
    "admin": _PEOPLE,
    "runner": {NOBODY: 401, WRONG: 401, RUNNER: None, ADMIN: 403},
    "registration": {NOBODY: 401, WRONG: 401, RUNNER: 403, ADMIN: 403},
}


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> Iterator[Station]:
    """One for all tests here: they leave nothing behind that another would see."""
    with station_at(tmp_path_factory.mktemp("station") / "data", helper) as station:
        station.allow()
        yield station


@pytest.fixture(scope="module")
def client(station: Station) -> Iterator[TestClient]:
    """One as well: the routes are put together once."""
    with calling(station) as client:
        yield client


def expected(permission: str, caller: str, *, loopback: bool) -> int | None:
    if loopback and caller is NOBODY and permission not in ("runner", "registration"):
        return None
    return _MATRIX[permission][caller]


def headers(caller: str) -> dict[str, str]:
    return {"authorization": f"Bearer {_TOKENS[caller]}"} if caller in _TOKENS else {}


def answer(client: TestClient, route: Declared, caller: str) -> int:
    return client.request(route.method, route.address, headers=headers(caller)).status_code


def test_every_route_declares_exactly_one_permission(station: Station):
    routes = declared(app_of(station))
    assert len(routes) > 50
    assert [f"{route}: {route.permissions}" for route in routes if len(route.permissions) != 1] == []
    assert {route.permissions[0] for route in routes} == set(Permission)


def test_only_health_and_hooks_are_public(station: Station):
    routes = declared(app_of(station))
    assert {route.path for route in routes if route.permissions == ("public",)} == {"/healthz", "/ping", "/hooks/{hook_id}"}


def test_what_changes_something_needs_more_than_reading(station: Station):
    tried_out = {
        f"/executions/{path}"
        for path in (
            *("{id}/eval", "{id}/eval/{task_run}", "{id}/actions/eval", "{id}/actions/eval/{task_run}"),
            *("{id}/resume/validate", "{id}/actions/resume/validate", "{namespace}/{id}/validate"),
        )
    }
    harmless = {
        "/flows/validate",
        "/flows/validate/task",
        "/flows/validate/trigger",
        "/flows/graph",
        "/git/{name}.git/git-upload-pack",
        "/executions/latest",
    } | tried_out
    routes = [route for route in declared(app_of(station)) if route.method not in ("GET", "HEAD") and route.permissions == ("read",)]
    assert {route.path.replace("/api/v1", "").replace("/{tenant}", "") for route in routes} == harmless


@pytest.mark.parametrize("loopback", [True, False], ids=["on loopback", "elsewhere"])
def test_every_route_answers_every_caller_as_it_declares(station: Station, loopback: bool):
    wrong = []
    with calling(station, **({} if loopback else {"host": "0.0.0.0"})) as client:
        for route in declared(app_of(station)):
            for caller in (NOBODY, WRONG, RUNNER, ADMIN):
                wanted, got = expected(route.permissions[0], caller, loopback=loopback), answer(client, route, caller)
                if (got if got in (401, 403) else None) != wanted or got >= 500:
                    wrong.append(f"{route} for {caller}: {got}, not {wanted}")
    assert wrong == []


def test_a_token_is_taken_as_bearer_or_as_a_git_password(station: Station):
    basic = base64.b64encode(f"anybody:{ADMIN_TOKEN}".encode()).decode()
    with calling(station, host="0.0.0.0") as client:
        for given, status in (
            (f"Bearer {ADMIN_TOKEN}", 200),
            (f"bearer {ADMIN_TOKEN}", 200),
            (f"Basic {basic}", 200),
            ("Basic !!!", 401),
            (f"Basic {base64.b64encode(ADMIN_TOKEN.encode()).decode()}", 401),
            ("Bearer", 401),
            ("Bearer  ", 401),
            (f"Digest {ADMIN_TOKEN}", 401),
            (ADMIN_TOKEN, 401),
        ):
            assert client.get("/api/v1/configs", headers={"authorization": given}).status_code == status, given


def test_who_may_not_is_told_how_and_nothing_else(station: Station):
    with calling(station, host="0.0.0.0") as client:
        refused = client.get("/api/v1/main/executions/x")
        assert refused.headers["www-authenticate"] == 'Basic realm="headgate"'
        assert "Authorization: Bearer" in problem(refused, 401)["detail"]
        problem(client.get("/api/v1/main/executions/x", headers=headers(RUNNER)), 403)


# Host and Origin


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:9999", 200),
        ("[::1]:8080", 200),
        ("127.9.9.9", 200),
        ("anything.localhost", 200),
        ("evil.example.com", 403),
        ("127.0.0.1.evil.example.com", 403),
        ("localhost.evil.example.com", 403),
        ("127.0.0.1:8080@evil.example.com", 403),
        ("evil.example.com:8080/healthz", 403),
        ("0.0.0.0", 403),
        ("10.0.0.1", 403),
        ("", 403),
        ("[", 403),
        ("xn--e1afmkfd", 403),
    ],
)
def test_on_loopback_the_host_must_be_a_loopback_name(client: TestClient, host: str, status: int):
    assert client.get("/healthz", headers={"host": host}).status_code == status


def test_the_services_own_name_is_a_good_host(station: Station):
    with calling(station, url="https://flows.example.com") as client:
        assert client.get("/healthz", headers={"host": "flows.example.com"}).status_code == 200
        assert client.get("/healthz", headers={"host": "flows.example.com", "origin": "https://flows.example.com"}).status_code == 200
        assert client.get("/healthz", headers={"host": "flows.example.com", "origin": "https://other.example.com"}).status_code == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 404),
        ({"origin": "http://127.0.0.1:8080"}, 404),
        ({"origin": "http://127.0.0.1:9090"}, 403),
        ({"origin": "http://localhost:8080"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "http://127.0.0.1:8080.evil.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "file://"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"sec-fetch-site": "none"}, 404),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
    ],
)
def test_a_page_of_another_origin_changes_nothing(client: TestClient, sent: dict[str, str], status: int):
    assert client.post("/api/v1/main/executions/t/f", headers=sent).status_code == status


def test_a_link_on_another_page_may_be_followed_but_not_a_form_sent(client: TestClient):
    navigating = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=navigating).status_code == 200
    assert client.post("/api/v1/main/executions/t/f", headers={**navigating, "origin": "https://evil.example.com"}).status_code == 403
    assert client.post("/api/v1/main/executions/t/f", headers={**navigating, "content-type": "application/x-www-form-urlencoded"}).status_code == 403


def test_no_page_of_another_origin_is_invited(client: TestClient):
    preflight = {"origin": "https://evil.example.com", "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answered = client.options("/api/v1/main/executions/t/f", headers=preflight)
    assert answered.status_code == 403
    assert not [name for name in answered.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1:8080"])
def test_forwarding_headers_of_a_stranger_mean_nothing(client: TestClient, host: str):
    forwarded = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-original-url": "/healthz",
        "forwarded": "host=localhost",
    }
    assert client.get("/healthz", headers={"host": host, **forwarded}).status_code == (200 if host.startswith("127") else 403)


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/../api/v1/configs",
        "//api/v1/configs",
        "/api/v1/configs/",
        "/api/v1//configs",
        "/api/v1/configs;x",
        "/healthz/../api/v1/configs",
        "/api/v1/%63onfigs%2f",
        "/API/v1/configs",
    ],
)
def test_no_spelling_of_a_path_goes_round_the_guard(station: Station, path: str):
    with calling(station, host="0.0.0.0") as client:
        # Written straight into the request, so that no client tidies it up.
        raw = client.build_request("GET", "http://127.0.0.1:8080/")
        raw.url = raw.url.copy_with(raw_path=path.encode())
        assert client.send(raw).status_code in (401, 403, 404, 307, 405)


def test_a_method_is_what_it_says(client: TestClient):
    for method in ("TRACE", "PATCH", "CONNECT", "FOO", "__CLASS__"):
        assert client.request(method, "/healthz").status_code == 405
    override = {"x-http-method-override": "DELETE", "x-method-override": "DELETE"}
    assert client.post("/api/v1/main/flows/t/f?_method=DELETE", headers=override).status_code == 405


def test_addresses_without_a_tenant_mean_the_same(station: Station):
    nouns = [route for route in declared(app_of(station)) if "/{tenant}/" in route.path]
    assert len(nouns) > 100
    with calling(station) as client:
        for route in nouns:
            address = route.address
            older, newer = (client.request(route.method, address.replace("/elsewhere/", by)) for by in ("/", "/main/"))
            assert (older.status_code, older.content) == (newer.status_code, newer.content), str(route)


def test_what_somebody_may_follows_from_the_kind_of_the_token():
    assert Caller("ann", "admin").may(Permission.WRITE)
    assert not Caller("r", "runner").may(Permission.WRITE)
