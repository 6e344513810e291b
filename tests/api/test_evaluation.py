"""Expressions tried out on executions, over HTTP."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.git.helper import Helper
from tests.api.calling import calling, problem
from tests.support.station import ADMIN_TOKEN, RUNNER_TOKEN, Station, station_at

API = "/api/v1/main/executions"
TEXT = {"content-type": "text/plain"}
TOKEN = "p4ssw0rd-of-the-station"  # noqa: S105 - made up

FLOW = """\
id: f
namespace: t.sub
variables: {greeting: hello, hidden: "{{ secret('TOKEN') }}"}
inputs:
  - {id: word, type: STRING, defaults: hi}
tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.word }}"}
  - {id: b, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.a.value }}!"}
"""


@pytest.fixture
def station(tmp_path: Path, helper: Helper) -> Iterator[Station]:
    secrets = {"TOKEN": TOKEN, "DATABASE": f'{{"password": "{TOKEN}"}}'}
    environ = {f"SECRET_{name}": base64.b64encode(value.encode()).decode() for name, value in secrets.items()}
    with station_at(tmp_path / "data", helper, environ=environ) as station:
        station.kit = replace(station.kit, envs={"zone": "blue", "database": f"https://admin:{TOKEN}@host/"})
        station.push({".flows/f.yml": FLOW, ".flows/eval.yml": FLOW.replace("id: f", "id: eval", 1)})
        yield station


@pytest.fixture
def execution(station: Station) -> str:
    id = station.start("t.sub", "f")
    station.tick()
    assert station.state(id) == "SUCCESS"
    return id


def evaluated(client: TestClient, path: str, template: str | bytes) -> dict[str, Any]:
    answer = client.post(f"{API}/{path}", content=template, headers=TEXT)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found.keys() == {"result", "error", "stackTrace"}
    assert (found["result"] is None) == (found["error"] is not None) == (found["stackTrace"] is not None)
    return dict(found)


def result(client: TestClient, path: str, template: str) -> str:
    found = evaluated(client, path, template)
    assert found["error"] is None
    return str(found["result"])


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ inputs.word }} {{ vars.greeting | upper }}", "hi HELLO"),
        ("{{ outputs }}", '{"a":{"value":"hi"},"b":{"value":"hi!"}}'),
        ("{{ flow.id }} {{ execution.state }}", "f SUCCESS"),
        ("no expression", "no expression"),
        ("{{ null }}", ""),
        ("", ""),
    ],
)
def test_an_expression_is_rendered_with_what_the_execution_has(client: TestClient, execution: str, template: str, wanted: str):
    assert result(client, f"{execution}/eval", template) == wanted


def test_every_spelling_of_the_address_answers(client: TestClient, station: Station, execution: str):
    run = station.runs(execution)["b"].id
    for path in (f"{execution}/eval", f"{execution}/actions/eval", f"{execution[:18]}/eval", f"{execution[:18]}/actions/eval"):
        assert result(client, path, "{{ flow.id }}") == "f"
    for path in (f"{execution}/eval/{run}", f"{execution}/actions/eval/{run}"):
        assert result(client, path, "{{ task.id }} {{ taskrun.id }}") == f"b {run}"
    assert client.post(f"/api/v1/executions/{execution}/eval", content="{{ 1 + 1 }}", headers=TEXT).json()["result"] == "2"


def test_without_a_task_run_there_is_no_task(client: TestClient, execution: str):
    assert "`task` is not defined" in evaluated(client, f"{execution}/eval", "{{ task.id }}")["error"]


def test_what_is_wrong_is_answered_with_its_place(client: TestClient, execution: str):
    found = evaluated(client, f"{execution}/eval", "one\n{{ inputs.wrod }}")
    assert found["error"] == "`inputs` has no `wrod`; did you mean `word`? (line 2, column 11)"
    assert found["stackTrace"].splitlines()[1:] == ["  --> expression:2:11", "   |", "  2| {{ inputs.wrod }}", "   |           ^^^^"]
    assert evaluated(client, f"{execution}/eval", "{{ 1 + }}")["error"].endswith("(line 1, column 8)")


@pytest.mark.parametrize("template", ["{{ secret('TOKEN') }}", "{{ secret('TOKEN') | upper | lower }}", "{{ secret('DATABASE', subkey='password') }}"])
def test_a_secret_is_stars(client: TestClient, execution: str, template: str):
    assert result(client, f"{execution}/eval", template) == "******"


@pytest.mark.parametrize(
    "template",
    [
        "{{ secret('TOKEN') | base64encode }}",
        "{{ secret('TOKEN') | split('') | reverse | join('') }}",
        "{% for c in secret('TOKEN') | split('') %}{{ c }},{% endfor %}",
        "{{ render(vars.hidden) | upper }}",
        "{{ envs.database | upper }}",
        "{{ env('database') | upper }}",
        "{% for c in env('database') | split('') %}{{ c }},{% endfor %}",
        "{{ fetchContext().envs.database | upper }}",
        "{{ secret('TOKEN').x }}",
        "{{ secret('TOKEN') | number }}",
        f"{{{{ '{TOKEN}' }}}}",
        f"{{{{ '{TOKEN}'.x }}}}",
        f"{{{{ {TOKEN} }}}}",
    ],
)
def test_no_transformation_shows_a_secret(client: TestClient, execution: str, template: str):
    shown = str(evaluated(client, f"{execution}/eval", template))
    for form in (TOKEN, TOKEN[::-1], TOKEN.upper(), ",".join(TOKEN), base64.b64encode(TOKEN.encode()).decode()):
        assert form not in shown


def test_a_secret_among_the_inputs_can_not_be_taken_apart(client: TestClient, station: Station):
    id = station.start("t.sub", "f", {"word": TOKEN})
    station.tick()
    assert result(client, f"{id}/eval", "{{ inputs.word | split('') | reverse | join('') }}") == "******"
    assert result(client, f"{id}/eval", "{{ outputs.a.value | slice(0, 4) }}") == "****"


def test_a_secret_that_is_not_there_is_an_error(client: TestClient, execution: str):
    assert evaluated(client, f"{execution}/eval", "{{ secret('NONE') }}")["error"].startswith("the secret `NONE` is not available")


@pytest.mark.parametrize("call", ["http(uri='http://127.0.0.1:1')", "read('x')", "kv('x')", "subflow('t', 'f')"])
def test_nothing_beyond_the_execution_is_reached(client: TestClient, execution: str, call: str):
    assert evaluated(client, f"{execution}/eval", f"{{{{ {call} }}}}")["error"]


def test_nothing_is_changed_by_it(client: TestClient, station: Station, execution: str):
    before = client.get(f"{API}/{execution}").json()
    result(client, f"{execution}/eval", "{% set x = outputs.a %}{{ x }}")
    assert client.get(f"{API}/{execution}").json() == before
    assert len(station.every()) == 1


def test_work_without_end_is_stopped(client: TestClient, execution: str):
    started = time.monotonic()
    found = evaluated(client, f"{execution}/eval", "{% for a in 1..9999 %}{% for b in 1..9999 %}{{ a * b }}{% endfor %}{% endfor %}")
    assert "too much work" in found["error"]
    assert time.monotonic() - started < 5


def test_a_large_input_is_looked_through_for_secrets_once(client: TestClient, station: Station):
    id = station.start("t.sub", "f", {"word": "word " * 100_000})
    station.tick()
    started = time.monotonic()
    template = "{% for i in 1..10000 %}{% if inputs.word == '' %}{% endif %}{% endfor %}{{ inputs.word | length }}"
    assert result(client, f"{id}/eval", template) == "500000"
    assert time.monotonic() - started < 5


def test_what_is_not_there_is_not_found(client: TestClient, station: Station, execution: str):
    other = station.start("t.sub", "f")
    station.tick()
    foreign = station.runs(other)["a"].id
    for path in ("nobody/eval", f"{'x' * 22}/eval", "nobody/actions/eval", f"{execution}/eval/nobody", f"{execution}/eval/{foreign}"):
        problem(client.post(f"{API}/{path}", content="{{ 1 }}", headers=TEXT), 404)
    problem(client.post(f"/api/v1/elsewhere/executions/{execution}/eval", content="{{ 1 }}", headers=TEXT), 404)


def test_the_body_is_text_and_has_an_end(client: TestClient, execution: str):
    problem(client.post(f"{API}/{execution}/eval", json={"expression": "{{ 1 }}"}), 415)
    problem(client.post(f"{API}/{execution}/actions/eval", content="{{ 1 }}"), 415)
    problem(client.post(f"{API}/{execution}/eval", content=b"\xff", headers=TEXT), 400)
    problem(client.post(f"{API}/{execution}/eval", content=b"x" * 1_100_000, headers=TEXT), 413)
    problem(client.post(f"{API}/{execution}/eval?taskRunId=x", content="{{ 1 }}", headers=TEXT), 422)


def test_a_flow_called_eval_can_still_be_started(client: TestClient, station: Station):
    assert client.post(f"{API}/t.sub/eval").json()["flowId"] == "eval"
    assert client.post(f"{API}/t.sub/eval", json={"inputs": {"word": "x"}}).json()["inputs"] == {"word": "x"}
    problem(client.post(f"{API}/eval/t.sub"), 404)


def test_a_flow_in_a_namespace_called_eval_can_still_be_started(client: TestClient, station: Station):
    station.push({".flows/g.yml": FLOW.replace("t.sub", "eval")})
    assert client.post(f"{API}/trigger/eval/f").json()["namespace"] == "eval"


def test_who_may_not_read_executions_may_not_evaluate(station: Station, execution: str):
    station.allow()
    with calling(station, host="0.0.0.0") as client:  # noqa: S104 - settings of the test
        call = f"{API}/{execution}/eval"
        problem(client.post(call, content="{{ 1 }}", headers=TEXT), 401)
        problem(client.post(call, content="{{ 1 }}", headers=TEXT | {"authorization": f"Bearer {RUNNER_TOKEN}"}), 403)
        assert client.post(call, content="{{ 1 }}", headers=TEXT | {"authorization": f"Bearer {ADMIN_TOKEN}"}).json()["result"] == "1"
