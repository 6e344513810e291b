"""Runners with keys of their own: made known once, good for one runner and for what it has leased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from starlette.testclient import TestClient

from runners.protocol import LogLine, Outcome, Result, encode
from service.actions import registering
from service.store.codec import now
from tests.api.calling import calling, problem
from tests.support.station import ADMIN_TOKEN, RUNNER, RUNNER_TOKEN, Station

API = "/api/v1/runner"
JOB = "  - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo]}\n"
ONE, TWO = "runner-one", "runner-two"
KEYS = {ONE: "hg_key_" + "a" * 43, TWO: "hg_key_" + "b" * 43}


@pytest.fixture
def client(station: Station) -> Iterator[TestClient]:
    station.allow()
    with calling(station) as client:
        yield client


def by(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def offered(client: TestClient) -> str:
    made = client.post("/api/v1/main/runners/registrations", headers=by(ADMIN_TOKEN))
    assert made.status_code == 201
    return str(made.json()["token"])


def registered(client: TestClient, runner: str, token: str, key: str | None = None) -> int:
    return client.post(f"{API}/register", json={"runner": runner, "key": key or KEYS[runner]}, headers=by(token)).status_code


def known(client: TestClient, *names: str) -> None:
    for runner in names:
        assert registered(client, runner, offered(client)) == 204


def claim(client: TestClient, runner: str, token: str):
    return client.post(f"{API}/claim", json={"runner": encode(replace(RUNNER, id=runner)), "wait": 0}, headers=by(token))


def test_a_key_is_good_once_it_is_registered(client):
    assert claim(client, ONE, KEYS[ONE]).status_code == 401
    known(client, ONE)
    assert claim(client, ONE, KEYS[ONE]).status_code == 204


def test_a_registration_token_is_good_for_one_runner(client):
    token = offered(client)
    assert registered(client, ONE, token) == 204
    assert registered(client, TWO, token) == 401


def test_a_registration_token_is_good_for_nothing_else_and_nothing_else_for_registering(client):
    token = offered(client)
    assert claim(client, ONE, token).status_code == 403
    assert client.get("/api/v1/main/runners", headers=by(token)).status_code == 403
    assert registered(client, ONE, RUNNER_TOKEN) == 403
    assert registered(client, ONE, ADMIN_TOKEN) == 403


def test_a_registration_token_ends_after_an_hour(client, station):
    old = "hg_register_old"
    station.database.write(partial(registering.offer, token=old, at=now().timestamp()))
    later = now().timestamp() + registering.LASTS + 60
    with pytest.raises(Exception, match="older than an hour"):
        station.database.write(partial(registering.register, token=old, runner=ONE, key=KEYS[ONE], at=later))
    station.database.write(partial(registering.offer, token="hg_register_new", at=later))
    assert registered(client, ONE, old) == 401


def test_a_key_that_is_known_takes_no_other_token(client):
    known(client, ONE)
    token = offered(client)
    assert registered(client, ONE, token) == 204
    assert registered(client, TWO, token) == 204


def test_a_runner_that_is_known_can_t_be_taken_over(client):
    known(client, ONE)
    assert registered(client, ONE, offered(client), KEYS[TWO]) == 409
    assert claim(client, "the-shared-one", RUNNER_TOKEN).status_code == 204
    assert registered(client, "the-shared-one", offered(client), KEYS[TWO]) == 409


@pytest.mark.parametrize(("runner", "key"), [("", KEYS[ONE]), ("a b c d e f", KEYS[ONE]), (ONE, "short"), (ONE, "hg_key_" + "a" * 1_000)])
def test_what_is_no_key_or_no_id_is_refused(client, runner, key):
    problem(client.post(f"{API}/register", json={"runner": runner, "key": key}, headers=by(offered(client))), 400)


def test_a_key_speaks_for_its_runner_alone(client):
    known(client, ONE, TWO)
    assert claim(client, TWO, KEYS[ONE]).status_code == 403
    lease = {"task_run": "x", "attempt": 1, "epoch": 1}
    assert client.post(f"{API}/beat", json={"runner": TWO, "leases": [lease]}, headers=by(KEYS[ONE])).status_code == 403
    assert client.post(f"{API}/adopt", json={"runner": TWO, "lease": lease}, headers=by(KEYS[ONE])).status_code == 403


def test_a_runner_touches_only_what_it_has_leased(client, station):
    known(client, ONE, TWO)
    id = station.flow(JOB)
    station.tick()
    job = claim(client, ONE, KEYS[ONE]).json()
    lease = job["lease"]
    base = f"{API}/jobs/{lease['task_run']}/{lease['attempt']}/{lease['epoch']}"
    lines = [encode(LogLine(0, now(), "INFO", "forged"))]
    outcome = encode(Outcome(Result.FAILED, "forged"))
    theirs = by(KEYS[TWO])
    assert client.post(f"{API}/log", json={"lease": lease, "lines": lines}, headers=theirs).status_code == 409
    assert client.post(f"{API}/ready", json={"lease": lease}, headers=theirs).status_code == 409
    assert client.post(f"{API}/finish", json={"lease": lease, "outcome": outcome}, headers=theirs).status_code == 409
    assert client.get(f"{base}/tree", headers=theirs).status_code == 409
    assert client.get(f"{base}/file?uri=kestra:///x", headers=theirs).status_code == 409
    assert client.put(f"{base}/file?name=x", content=b"x", headers=theirs).status_code == 409
    ours = by(KEYS[ONE])
    assert client.get(f"{base}/tree", headers=ours).status_code == 200
    assert client.put(f"{base}/file?name=x", content=b"x", headers=ours).status_code == 200
    done = {"lease": lease, "outcome": encode(Outcome(Result.SUCCESS))}
    assert [client.post(f"{API}/finish", json=done, headers=ours).status_code for _ in range(2)] == [204, 204]
    station.tick()
    assert station.state(id) == "SUCCESS"
    assert "forged" not in station.log(id)


def test_a_key_that_was_ended_is_good_for_nothing(client):
    known(client, ONE)
    ending = f"/api/v1/main/runners/{ONE}/key"
    assert client.delete(ending, headers=by(KEYS[ONE])).status_code == 403
    assert client.delete(ending, headers=by(ADMIN_TOKEN)).status_code == 204
    assert claim(client, ONE, KEYS[ONE]).status_code == 401
    problem(client.delete(ending, headers=by(ADMIN_TOKEN)), 404)
