"""What is asked for while the executor does not come to it: taken, and said to be so; it is done later, once."""

from __future__ import annotations

from starlette.testclient import TestClient

from service.api.answers import TAKEN
from tests.api.test_actions import API, FLAKY
from tests.support.station import Station


def test_it_is_said_that_it_is_not_done_yet(client: TestClient, station: Station):
    station.push({".flows/flaky.yml": FLAKY})
    id = station.start("t", "flaky")
    station.tick()
    answer = client.post(f"{API}/executions/{id}/restart")
    assert (answer.status_code, answer.json()["message"], answer.json()["state"]["current"]) == (202, TAKEN, "FAILED")
    station.tick()
    assert (station.state(id), station.execution(id).execution.attempt) == ("SUCCESS", 2)
