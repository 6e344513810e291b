"""`subflow()` in the inputs of a flow: it starts another flow and waits for its end, in the request that asks, and holds up nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.actions import input_calls
from service.git.helper import Helper
from tests.api.calling import at_work, calling, problem
from tests.support.serving import until
from tests.support.station import Station, station_at

API = "/api/v1/main/executions"
LOG = "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"
CITIES = """
id: cities
namespace: t
labels: {team: data}
inputs: [{id: country, type: STRING, defaults: CH}]
tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.country }}"}]
outputs: [{id: names, type: JSON, value: "{{ [inputs.country ~ '-1', inputs.country ~ '-2'] }}"}, {id: asker, type: STRING, value: "{{ trigger.flowId }}"}]
"""


def flow(id: str, *inputs: str, tasks: str = LOG) -> str:
    return f"id: {id}\nnamespace: t\ninputs:\n" + "".join(f"  - {each}\n" for each in inputs) + tasks


def pushed(station: Station, *texts: str) -> None:
    station.push({f".flows/{text.strip().splitlines()[0].removeprefix('id: ')}.yml": text for text in texts})


@pytest.fixture
def work(station: Station) -> Iterator[Station]:
    with at_work(station):
        yield station


def of(station: Station, flow: str) -> list[Any]:
    return [row.execution for row in station.every() if row.execution.flow == flow]


def started(client: TestClient, id: str, inputs: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
    answer = client.post(f"{API}/t/{id}", json={"inputs": inputs or {}}, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_default_is_what_another_flow_gives(client: TestClient, work: Station):
    pushed(work, CITIES, flow("f", "{id: city, type: STRING, defaults: \"{{ subflow('t', 'cities', inputs={'country': 'FR'}).outputs.names[1] }}\"}"))
    found = started(client, "f")
    assert found["inputs"] == {"city": "FR-2"}
    (called,) = of(work, "cities")
    assert called.state.value == "SUCCESS"
    assert called.inputs == {"country": "FR"}
    assert called.labels == {"team": "data", "system.from": "subflow", "system.correlationId": found["id"]}
    assert called.caller is None
    assert called.parent is None
    assert called.trigger == {
        "id": "subflow()",
        "type": "io.kestra.plugin.core.flow.Subflow",
        "variables": {"namespace": "t", "flowId": "f", "flowRevision": 1},
    }
    assert called.outputs == {"names": ["FR-1", "FR-2"], "asker": "f"}


def test_a_value_that_is_given_calls_nothing(client: TestClient, work: Station):
    pushed(work, CITIES, flow("f", "{id: city, type: STRING, defaults: \"{{ subflow('t', 'cities').outputs.names[0] }}\"}"))
    assert started(client, "f", {"city": "Rome"})["inputs"] == {"city": "Rome"}
    assert of(work, "cities") == []


def test_the_choices_of_an_input_are_what_another_flow_gives(client: TestClient, work: Station):
    select = "{id: city, type: SELECT, expression: \"{{ subflow(namespace='t', id='cities').outputs.names }}\"}"
    pushed(work, CITIES, flow("f", select))
    (shown,) = client.post(f"{API}/t/f/validate").json()["inputs"]
    assert shown["input"]["values"] == ["CH-1", "CH-2"]
    assert started(client, "f", {"city": "CH-2"})["inputs"] == {"city": "CH-2"}
    refused = problem(client.post(f"{API}/t/f", json={"inputs": {"city": "Rome"}}), 422)
    assert "must be one of CH-1, CH-2" in refused["detail"]


def test_the_same_call_is_made_once_in_a_request(client: TestClient, work: Station):
    call = "subflow('t', 'cities', {'country': 'IT'})"
    inputs = [f'{{id: {id}, type: STRING, defaults: "{{{{ {call}.outputs.names[{at}] }}}}"}}' for at, id in enumerate(("a", "b"))]
    other = "{id: c, type: STRING, defaults: \"{{ subflow('t', 'cities').outputs.names[0] }}\"}"
    pushed(work, CITIES, flow("f", *inputs, other))
    assert started(client, "f")["inputs"] == {"a": "IT-1", "b": "IT-2", "c": "CH-1"}
    assert [each.inputs["country"] for each in of(work, "cities")] == ["IT", "CH"]
    started(client, "f")
    assert len(of(work, "cities")) == 4


def test_labels_a_revision_and_the_map_that_it_gives(client: TestClient, work: Station):
    pushed(work, CITIES)
    pushed(work, CITIES.replace("-1'", "-9'"))
    call = "subflow('t', 'cities', revision={}, labels=[{{'key': 'why', 'value': 7}}])"
    text = "{{{{ {0}.outputs.names[0] }}}} {{{{ {0}.labels.team }}}} {{{{ {0}.labels.why }}}} {{{{ {0}.state }}}} {{{{ {0}.id | length }}}}"
    ids = ("one", "two")
    pushed(work, flow("f", *(f'{{id: {id}, type: STRING, defaults: "{text.format(call.format(at))}"}}' for at, id in enumerate(ids, 1))))
    assert started(client, "f")["inputs"] == {"one": "CH-1 data 7 SUCCESS 22", "two": "CH-9 data 7 SUCCESS 22"}


def test_one_that_fails_is_an_answer(client: TestClient, work: Station):
    fails = "id: fails\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.execution.Fail}]\n"
    pushed(work, fails, flow("f", "{id: x, type: JSON, defaults: \"{{ subflow('t', 'fails') }}\"}"))
    found = started(client, "f")["inputs"]["x"]
    assert (found["state"], found["outputs"]) == ("FAILED", {})
    assert found["id"] == of(work, "fails")[0].id


def test_one_that_was_tried_again_is_followed_to_its_end(client: TestClient, work: Station):
    again = """
id: again
namespace: t
retry: {type: constant, interval: PT0.1S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}
tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail, condition: "{{ execution.id == execution.originalId }}"}]
"""
    pushed(work, again, flow("f", "{id: x, type: JSON, defaults: \"{{ subflow('t', 'again') }}\"}"))
    found = started(client, "f")["inputs"]["x"]
    assert found["state"] == "SUCCESS"
    assert [(each.id == found["id"], each.state.value) for each in of(work, "again")] == [(False, "RETRIED"), (True, "SUCCESS")]


def test_inputs_of_called_flows_may_call_flows(client: TestClient, work: Station):
    middle = flow("middle", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').outputs.names[0] }}\"}")
    middle += 'outputs: [{id: y, type: STRING, value: "of {{ inputs.x }}"}]\n'
    pushed(work, CITIES, middle, flow("f", "{id: y, type: STRING, defaults: \"{{ subflow('t', 'middle').outputs.y }}\"}"))
    found = started(client, "f")
    assert found["inputs"] == {"y": "of CH-1"}
    assert {each.labels["system.correlationId"] for flow in ("cities", "middle") for each in of(work, flow)} == {found["id"]}
    assert of(work, "cities")[0].trigger["variables"]["flowId"] == "middle"


def test_values_are_never_rendered(client: TestClient, work: Station):
    given = "{'country': '{' ~ '{ envs.zone }' ~ '}'}, labels={'l': '{' ~ '{ 1 }' ~ '}'}"
    raw = f"{{id: x, type: STRING, defaults: \"{{{{ subflow('t', 'cities', {given}).outputs.names[0] }}}}\"}}"
    pushed(work, CITIES, flow("f", raw))
    assert started(client, "f")["inputs"] == {"x": "{{ envs.zone }}-1"}
    assert of(work, "cities")[0].labels["l"] == "{{ 1 }}"


# what is refused


def refusal(client: TestClient, station: Station, call: str, *texts: str) -> str:
    pushed(station, CITIES, *texts, flow("f", f'{{id: x, type: JSON, defaults: "{{{{ {call} }}}}"}}'))
    (error,) = problem(client.post(f"{API}/t/f"), 422)["errors"]
    assert error["input"] == "x"
    message: str = error["message"]
    assert message.startswith(".flows/f.yml:4:")
    return message.partition(": input: ")[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("subflow('t', 'nobody')", "`subflow()` can't start `t.nobody`: there is no flow `t.nobody`"),
        ("subflow('t', 'cities', revision=7)", "`subflow()` can't start `t.cities`: `t.cities` has no revision 7"),
        ("subflow('t', 'off')", "`subflow()` can't start `t.off`: `t.off` is disabled"),
        ("subflow('t', 'asks')", "`subflow()` can't start `t.asks`: Missing required input:x"),
        ("subflow('t', 'cities', labels={'system.x': 'y'})", "the label `system.x` of `subflow()` belongs to Headgate"),
        ("subflow('t', 'cities', timeout='soon')", "`timeout` of `subflow` is `soon`: not an ISO-8601 duration"),
        ("subflow('t', 'cities', timeout='PT6M')", "`timeout` of `subflow` is `PT6M`; it is more than 0 and at most 300 seconds"),
        ("subflow('t', 'cities', timeout=0)", "`timeout` of `subflow` is `0`; it is more than 0 and at most 300 seconds"),
    ],
)
def test_what_can_not_be_called_is_refused_by_input_and_place(client: TestClient, work: Station, call: str, message: str):
    off, asks = f"id: off\nnamespace: t\ndisabled: true\n{LOG}", flow("asks", "{id: x, type: STRING}")
    assert refusal(client, work, call, off, asks).startswith(message)
    assert len(work.every()) == 0


def test_one_that_takes_too_long_is_named_and_goes_on(client: TestClient, work: Station):
    slow = "id: slow\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.flow.Pause}]\n"
    message = refusal(client, work, "subflow('t', 'slow', timeout='PT0.5S')", slow)
    (called,) = of(work, "slow")
    assert re.match(rf"execution {called.id} of `t.slow` is [A-Z]+ after 0\.5 seconds; it goes on, but nobody waits for it: give", message)
    until(lambda: of(work, "slow")[0].state.value == "PAUSED")
    assert of(work, "f") == []


@pytest.mark.parametrize(("setting", "most"), [(0, 0), (3, 3), (20, 20), (1_000, 20)])
def test_flows_that_call_each_other_end_at_the_limit(tmp_path: Path, helper: Helper, setting: int, most: int):
    with station_at(tmp_path, helper, most_depth=setting) as station, calling(station) as client, at_work(station):
        one, two = (flow(id, f"{{id: x, type: JSON, defaults: \"{{{{ subflow('t', '{other}') }}}}\"}}") for id, other in (("one", "two"), ("two", "one")))
        pushed(station, one, two)
        (error,) = problem(client.post(f"{API}/t/one"), 422)["errors"]
        assert f"flows that call flows in their inputs stand {most} deep: the limit" in error["message"]
        assert error["message"].count("most_depth") == 1
        assert station.every() == []


def test_a_request_calls_so_many_flows_and_no_more(client: TestClient, work: Station):
    many = "{% for n in 1..60 %}{% set x = subflow('t', 'cities', {'country': n ~ ''}) %}{% endfor %}x"
    pushed(work, CITIES, flow("f", f'{{id: x, type: STRING, defaults: "{many}"}}'))
    (error,) = problem(client.post(f"{API}/t/f"), 422)["errors"]
    assert "the inputs of one request have called 50 flows: that is the limit" in error["message"]
    assert len(of(work, "cities")) == input_calls.MOST
