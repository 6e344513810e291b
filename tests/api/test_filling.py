"""What the inputs of a start, and of a pause, come to while somebody fills them in."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calling import calling, problem
from tests.support.station import Station, station_at

API = "/api/v1/main"
FLOW = """
id: f
namespace: t
inputs:
  - {id: cloud, type: SELECT, values: [aws, gcp]}
  - {id: region, type: SELECT, expression: "{{ inputs.cloud == 'aws' ? ['eu', 'us'] : ['west'] }}", autoSelectFirst: true, dependsOn: {inputs: [cloud]}}
  - {id: zone, type: STRING, dependsOn: {inputs: [cloud], condition: "{{ inputs.cloud == 'gcp' }}"}}
  - {id: size, type: INT, min: 1, max: 9, defaults: "{{ 2 + 3 }}", displayName: How many}
  - {id: note, type: STRING, required: false}
  - {id: db.host, type: STRING, defaults: h}
tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]
"""
PAUSE = """
id: waits
namespace: t
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: reason, type: STRING}
      - {id: amount, type: INT, defaults: 3}
"""


@pytest.fixture
def flows(station: Station) -> None:
    station.push({".flows/f.yml": FLOW, ".flows/waits.yml": PAUSE})


def filled(client: TestClient, path: str, inputs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Per input, what is said of it beside the input itself."""
    answer = client.post(f"{API}/executions/{path}", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found.keys() == {"id", "namespace", "inputs", "checks"}
    assert all(one.keys() == {"input", "value", "enabled", "isDefault", "errors"} for one in found["inputs"])
    return {one["input"]["id"]: one for one in found["inputs"]}


def said(one: dict[str, Any]) -> tuple[Any, bool, bool, list[str]]:
    return one["value"], one["enabled"], one["isDefault"], [error["message"] for error in one["errors"]]


@pytest.mark.usefixtures("flows")
def test_each_input_is_told_of_in_the_order_of_the_flow(client: TestClient, station: Station):
    found = filled(client, "t/f/validate", {})
    assert list(found) == ["cloud", "region", "zone", "size", "note", "db.host"]
    assert said(found["cloud"]) == (None, True, False, ["Missing required input:cloud"])
    assert said(found["size"]) == (5, True, True, [])
    assert said(found["note"]) == (None, True, False, [])
    assert said(found["db.host"]) == ("h", True, True, [])
    assert found["size"]["input"] == {
        "id": "size", "type": "INT", "displayName": "How many", "required": True, "defaults": "{{ 2 + 3 }}", "min": 1, "max": 9,
    }  # fmt: skip
    assert station.every() == []


@pytest.mark.usefixtures("flows")
def test_what_depends_on_others_follows_them(client: TestClient):
    aws, gcp = (filled(client, "t/f/validate", {"cloud": cloud, "size": "10"}) for cloud in ("aws", "gcp"))
    assert (aws["region"]["input"]["values"], said(aws["region"])) == (["eu", "us"], ("eu", True, True, []))
    assert (gcp["region"]["input"]["values"], said(gcp["region"])) == (["west"], ("west", True, True, []))
    assert said(aws["zone"]) == (None, False, False, [])
    assert said(gcp["zone"]) == (None, True, False, ["Missing required input:zone"])
    assert said(aws["size"]) == ("10", True, False, ["Invalid input for `size`, it must be less than `9`, but received `10`"])


@pytest.mark.usefixtures("flows")
def test_what_is_shown_as_right_starts(client: TestClient, station: Station):
    given = {"cloud": "aws"}
    found = filled(client, "t/f/validate", given)
    assert [error for one in found.values() for error in one["errors"]] == []
    inputs = client.post(f"{API}/executions/t/f", json={"inputs": given}).json()["inputs"]
    assert inputs == {"cloud": "aws", "region": "eu", "size": 5, "note": None, "db": {"host": "h"}}


@pytest.mark.usefixtures("flows")
def test_inputs_to_look_at_come_as_a_form_too(client: TestClient):
    answer = client.post(f"{API}/executions/t/f/validate", files={"cloud": (None, "gcp"), "zone": (None, "b")})
    assert [one["errors"] for one in answer.json()["inputs"]] == [[]] * 6


@pytest.mark.usefixtures("flows")
def test_a_flow_that_is_not_there_is_404(client: TestClient):
    problem(client.post(f"{API}/executions/t/nobody/validate"), 404)
    problem(client.post(f"{API}/executions/t/f/validate?revision=7"), 404)
    problem(client.post(f"{API}/executions/t/f/validate", json={"input": {}}), 422)


def test_a_default_that_is_a_secret_is_not_shown(tmp_path, helper):
    environ = {"SECRET_DOOR": "b3BlbiBzZXNhbWU="}
    with station_at(tmp_path / "data", helper, environ=environ) as station, calling(station) as client:
        inputs = "inputs: [{id: key, type: STRING, defaults: \"{{ secret('DOOR') }} and {{ secret('DOOR') | upper }}\"}]"
        station.push({".flows/f.yml": f"id: f\nnamespace: t\n{inputs}\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n"})
        answer = client.post(f"{API}/executions/t/f/validate")
        assert "esame" not in answer.text
        assert answer.json()["inputs"][0]["value"].startswith("******")


# pauses


@pytest.fixture
def paused(flows: None, client: TestClient, station: Station) -> str:
    id = station.start("t", "waits")
    station.tick()
    return id


@pytest.mark.parametrize("way", ["resume/validate", "actions/resume/validate"])
def test_a_pause_is_filled_in_the_same_way(client: TestClient, station: Station, paused: str, way: str):
    found = filled(client, f"{paused}/{way}", {"amount": "many"})
    assert said(found["reason"]) == (None, True, False, ["Missing required input:reason"])
    assert said(found["amount"])[:3] == ("many", True, False)
    assert "but received `many`" in said(found["amount"])[3][0]
    found = filled(client, f"{paused}/{way}", {"reason": "x"})
    assert [said(one) for one in found.values()] == [("x", True, False, []), (3, True, True, [])]
    assert client.post(f"{API}/executions/{paused}/{way}").status_code == 200
    problem(client.post(f"{API}/executions/{paused}/{way}", params={"taskRunId": "nobody"}), 404)
    station.tick()
    assert station.state(paused) == "PAUSED"


@pytest.mark.usefixtures("flows")
def test_what_waits_for_nobody_is_not_filled_in(client: TestClient, station: Station):
    id = station.start("t", "f", {"cloud": "aws"})
    station.tick()
    problem(client.post(f"{API}/executions/{id}/resume/validate"), 409)
