"""Values that are kept encrypted: SECRET inputs and outputs, from where they are given to where an expression names them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from runners.masking import SEALED, STARS
from service.actions import executions, pausing
from service.errors import Invalid
from service.store import task_runs
from tests.api.calling import at_work
from tests.support.serving import until
from tests.support.station import Station

CORE = "io.kestra.plugin.core"
API = "/api/v1/main"
KEEPS = f"""
id: keeps
namespace: t
inputs:
  - {{id: login.password, type: SECRET, validator: "[a-z]+"}}
  - {{id: more, type: ARRAY, itemType: SECRET, defaults: [first-one, second-one]}}
outputs:
  - {{id: token, type: SECRET, value: "{{{{ inputs.login.password }}}}-token"}}
  - {{id: shown, type: STRING, value: "{{{{ inputs.login.password }}}}-token"}}
tasks:
  - {{id: say, type: {CORE}.log.Log, message: "it is {{{{ inputs.login.password }}}}, {{{{ inputs.more[1] }}}}"}}
  - {{id: knows, type: {CORE}.debug.Return, format: "{{{{ inputs.login['password'] == 'swordfish' and inputs.more[0] == 'first-one' }}}}"}}
  - {{id: give, type: {CORE}.debug.Return, format: "<{{{{ inputs.login.password }}}}>"}}
afterExecution:
  - {{id: after, type: {CORE}.debug.Return, format: "{{{{ execution.outputs.token == 'swordfish-token' }}}}"}}
"""
CALLS = f"""
id: calls
namespace: t
tasks:
  - {{id: call, type: {CORE}.flow.Subflow, namespace: t, flowId: keeps, inputs: {{login.password: swordfish}}}}
  - {{id: knows, type: {CORE}.debug.Return, format: "{{{{ outputs.call.outputs.token == 'swordfish-token' }}}}"}}
  - {{id: give, type: {CORE}.output.OutputValues, values: {{one: "{{{{ outputs.call.outputs.token }}}}", all: "{{{{ outputs.call.outputs }}}}"}}}}
"""
ASKS = f"""
id: asks
namespace: t
tasks:
  - {{id: wait, type: {CORE}.flow.Pause, onResume: [{{id: pin, type: SECRET}}]}}
  - {{id: knows, type: {CORE}.debug.Return, format: "{{{{ outputs.wait.onResume.pin == 'open-sesame' }}}}"}}
"""
HIDDEN = ("swordfish", "first-one", "second-one", "open-sesame")


def value(station: Station, id: str, task: str) -> Any:
    return (station.runs(id)[task].outputs or {}).get("value")


def ran(station: Station, flow: str, **inputs: Any) -> str:
    station.push({".flows/keeps.yml": KEEPS, ".flows/calls.yml": CALLS, ".flows/asks.yml": ASKS})
    id = station.start("t", flow, inputs)
    station.tick()
    return id


def test_a_secret_input_is_read_where_it_is_named_and_stands_nowhere(station: Station):
    id = ran(station, "keeps", login={"password": "swordfish"})
    assert (station.state(id), value(station, id, "knows"), value(station, id, "after")) == ("SUCCESS", "true", "true")
    assert value(station, id, "give") == f"<{STARS}>"
    assert f"it is {STARS}, {STARS}" in station.log(id)
    execution = station.execution(id).execution
    assert execution.inputs["login"]["password"]["type"] == SEALED
    assert [each["type"] for each in execution.inputs["more"]] == [SEALED, SEALED]
    assert execution.outputs is not None
    assert (execution.outputs["token"]["type"], execution.outputs["shown"]) == (SEALED, f"{STARS}-token")


def test_nothing_of_it_is_stored_as_it_is(station: Station):
    ran(station, "keeps", login={"password": "swordfish"})
    with station.database.read() as session:
        stored = [str(row) for table in ("execution", "taskrun", "event", "logchunk") for row in session.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608
    assert stored
    assert not [row for row in stored if any(secret in row for secret in HIDDEN)]


def test_what_a_called_flow_gives_back_is_read_where_it_is_named(station: Station):
    id = ran(station, "calls")
    assert (station.state(id), value(station, id, "knows")) == ("SUCCESS", "true")
    assert station.runs(id)["give"].outputs == {"values": {"one": STARS, "all": {"token": STARS, "shown": f"{STARS}-token"}}}


CHOOSES = f"""
id: chooses
namespace: t
inputs: [{{id: pw, type: SECRET}}]
tasks:
  - id: known
    type: {CORE}.flow.Switch
    value: "{{{{ inputs.pw }}}}"
    cases: {{swordfish: [{{id: a, type: {CORE}.log.Log, message: x}}]}}
  - id: unknown
    type: {CORE}.flow.Switch
    value: "{{{{ inputs.pw }}}}"
    cases: {{other: [{{id: b, type: {CORE}.log.Log, message: x}}]}}
"""


def test_a_choice_by_a_secret_does_not_say_what_it_is(station: Station):
    station.push({".flows/chooses.yml": CHOOSES})
    id = station.start("t", "chooses", {"pw": "swordfish"})
    station.tick()
    assert station.states(id) == {"known": "SUCCESS", "a": "SUCCESS", "unknown": "FAILED"}
    assert [run.outputs for run in station.runs(id).values() if run.outputs] == [{"value": STARS, "defaults": False}, {"value": STARS, "defaults": True}]
    assert station.log(id, "ERROR") == [f"there is no case `{STARS}`, and no `defaults`"]


def test_a_replay_has_the_same_secret(station: Station, client: TestClient):
    id = ran(station, "keeps", login={"password": "swordfish"})
    with at_work(station):
        again = client.post(f"{API}/executions/{id}/actions/replay").json()["id"]
        until(lambda: station.state(again) == "SUCCESS")
    assert value(station, again, "knows") == "true"


def test_whoever_looks_sees_stars(station: Station, client: TestClient):
    id = ran(station, "calls")
    child = next(row.execution.id for row in station.every() if row.execution.flow == "keeps")
    shown = client.get(f"{API}/executions/{child}").json()
    assert shown["inputs"] == {"login": {"password": STARS}, "more": [STARS, STARS]}
    assert shown["outputs"] == {"token": STARS, "shown": f"{STARS}-token"}
    run = next(each for each in client.get(f"{API}/executions/{id}").json()["taskRunList"] if each["taskId"] == "call")
    assert run["outputs"]["outputs"]["token"] == STARS
    assert client.get(f"{API}/outputs/{id}/{run['id']}").json()["outputs"]["token"] == STARS
    said = client.post(f"{API}/executions/{child}/eval", content="{{ inputs.login.password }}", headers={"content-type": "text/plain"}).json()
    assert said["result"] == STARS
    for answer in (client.get(f"{API}/executions/search"), client.get(f"{API}/executions/export/by-query/csv"), client.get(f"/executions/{child}")):
        assert SEALED not in answer.text
        assert not [secret for secret in HIDDEN if secret in answer.text]


def test_what_is_wrong_with_a_secret_does_not_say_what_it_is(station: Station, client: TestClient):
    ran(station, "keeps", login={"password": "swordfish"})
    with pytest.raises(Invalid) as refused:
        station.start("t", "keeps", {"login.password": "Swordfish1"})
    assert str(refused.value) == f"Invalid input for `login.password`, it must match the pattern `[a-z]+`, but received `{STARS}`"
    filled = client.post(f"{API}/executions/t/keeps/validate", files={"login.password": (None, "Swordfish1")})
    assert "Swordfish1" not in filled.text
    assert filled.json()["inputs"][0]["value"] == STARS


def test_who_resumes_gives_a_secret(station: Station):
    id = ran(station, "asks")
    resumed(station, id, pin="open-sesame", extra="1")
    assert (station.state(id), value(station, id, "knows")) == ("SUCCESS", "true")
    assert station.log(id, "WARN") == ["input `extra` is not one that `wait` asks for and is ignored"]
    with station.database.read() as session:
        assert "open-sesame" not in str([run.outputs for run in task_runs.runs(session, id)])


def resumed(station: Station, id: str, **given: str) -> None:
    with station.database.read() as session:
        prepared = pausing.prepare(session, station.kit, executions.get(session, id), given)
    station.database.write(lambda session: pausing.resume(session, prepared, "ann"))
    station.tick()


FORGED = f"""
id: forged
namespace: t
inputs: [{{id: j, type: JSON}}]
tasks: [{{id: a, type: {CORE}.log.Log, message: '{{{{ inputs.j }}}}'}}]
"""


def test_a_text_that_was_not_kept_here_does_not_open(station: Station):
    station.push({".flows/forged.yml": FORGED})
    id = station.start("t", "forged", {"j": {"type": SEALED, "value": "hg1:00000000:AAAA"}})
    station.tick()
    assert station.state(id) == "FAILED"
    assert "is not in a form that we wrote" in station.log(id)[-1]
