"""`subflow()` in the inputs of a flow: it starts another flow and waits for its end, in the request that asks, and holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service.actions import input_calls
from service.actions.executions import Order, choose, settle_chosen
from service.actions.input_calls import InputCalls
from service.engine.events import Deleted
from service.errors import Unavailable
from service.expressions.errors import Refused
from service.expressions.ports import FlowCall
from service.git.helper import Helper
from service.store import events
from tests.api.calling import HERE, at_work, calling, problem
from tests.support.serving import app_of
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
    assert message.startswith(f"execution {called.id} of `t.slow` is PAUSED after 0.5 seconds; it goes on, but nobody waits for it: give")
    assert called.state.value == "PAUSED"
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


# others


def test_who_fills_in_a_form_sees_what_is_called_and_what_is_wrong(client: TestClient, work: Station):
    inputs = [
        f"{{id: {id}, type: STRING, defaults: \"{{{{ subflow('t', '{called}').outputs.names[0] }}}}\"}}" for id, called in (("a", "cities"), ("b", "none"))
    ]
    pushed(work, CITIES, flow("f", *inputs))
    a, b = client.post(f"{API}/t/f/validate").json()["inputs"]
    assert (a["value"], a["isDefault"], a["errors"]) == ("CH-1", True, [])
    assert "there is no flow `t.none`" in b["errors"][0]["message"]
    (called,) = work.every()
    assert called.execution.labels["system.correlationId"] == called.execution.id


def test_a_replay_with_other_inputs_calls(client: TestClient, work: Station):
    pushed(work, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').outputs.names[0] }}\"}", "{id: y, type: STRING}"))
    id = started(client, "f", {"x": "given", "y": "1"}, wait=True)["id"]
    again = client.post(f"{API}/{id}/replay-with-inputs", json={"inputs": {"y": "2"}})
    assert again.status_code == 200, again.text
    assert again.json()["inputs"] == {"x": "CH-1", "y": "2"}
    assert of(work, "cities")[0].labels["system.correlationId"] == id
    assert client.post(f"{API}/{id}/replay").json()["inputs"] == {"x": "given", "y": "1"}
    assert len(of(work, "cities")) == 1


def test_nothing_is_held_while_somebody_waits_and_nobody_waits_in_vain(station: Station):
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').state }}\"}"))
    open_sessions: list[int] = []

    def given_up() -> bool:
        open_sessions.append(station.database._reads.pool.checkedout())  # type: ignore[attr-defined]
        return len(open_sessions) == 2

    order = Order("main", "t", "f", {}, {})
    with station.database.read() as session:
        chosen = choose(session, station.kit, order)
    with pytest.raises(Unavailable, match=r"nobody waits any more for execution \w+, or the service is stopping"):
        settle_chosen(station.kit, order, chosen, station.clock.now, InputCalls(station.kit, given_up))
    assert open_sessions == [0, 0]
    assert [row.execution.flow for row in station.every()] == ["cities"]


def test_all_calls_of_a_request_have_so_much_time_together(station: Station):
    pushed(station, CITIES)
    times = iter([0.0, 10.0, 299.0, 299.5, 300.0])
    calls = InputCalls(station.kit, clock=lambda: next(times))
    with pytest.raises(Refused) as caught:
        calls(Order("main", "t", "f", {}, {}), 1, FlowCall("t", "cities", {}, {}, timeout="PT5M"))
    (row,) = station.every()
    wanted = (
        f"execution {row.execution.id} of `t.cities` is CREATED and all calls of one request have 300 seconds together; it goes on, but nobody waits for it"
    )
    assert str(caught.value) == f"{wanted}: call fewer flows, or give the input a value"
    with pytest.raises(Refused) as again:
        calls(Order("main", "t", "f", {}, {}), 1, FlowCall("t", "cities", {}, {}, timeout="PT5M"))
    assert str(again.value) == str(caught.value)
    assert len(station.every()) == 1


def test_one_that_is_deleted_is_waited_for_no_longer(station: Station):
    pushed(station, CITIES)

    def deleted() -> bool:
        (row,) = station.every()
        station.database.write(lambda session: events.add(session, row.execution.id, None, Deleted("ann")))
        station.tick()
        return False

    with pytest.raises(Refused, match="was deleted while `subflow"):
        InputCalls(station.kit, deleted)(Order("main", "t", "f", {}, {}), 1, FlowCall("t", "cities", {}, {}))


def test_whoever_waits_takes_no_thread_from_others(station: Station):
    """More requests wait than there are threads for them; everybody else is answered."""
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').state }}\"}"))

    async def story() -> list[int]:
        app = app_of(station)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HERE, timeout=30) as client:
            waiting = [asyncio.create_task(client.post(f"{API}/t/f")) for _ in range(60)]
            while len(station.every()) < 8:
                await asyncio.sleep(0.05)
            answers = [await asyncio.wait_for(client.get(path), 5) for path in (f"{API}/search", "/healthz")]
            assert not any(each.done() for each in waiting)
            app.state.parts.stopping.set()
            statuses = {(await each).status_code for each in waiting}
            assert statuses == {503}
            return [answer.status_code for answer in answers]

    assert asyncio.run(story()) == [200, 200]


# where nobody waits


@pytest.mark.usefixtures("work")
def test_a_task_that_starts_the_flow_has_to_give_the_value(client: TestClient, station: Station):
    task = "  - {id: c, type: io.kestra.plugin.core.flow.Subflow, namespace: t, flowId: f%s}\n"
    tops = [f"id: {id}\nnamespace: t\ntasks:\n{task % more}" for id, more in (("top", ""), ("gives", ", inputs: {x: given}"))]
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').state }}\"}"), *tops)
    top = started(client, "top", wait=True)
    assert top["state"]["current"] == "FAILED"
    (said,) = station.log(top["id"], "ERROR")
    assert "`subflow()` waits for the end of another flow" in said
    assert "gives the input a value" in said
    assert started(client, "gives", wait=True)["state"]["current"] == "SUCCESS"
    assert of(station, "cities") == []


def test_a_trigger_that_starts_the_flow_has_to_give_the_value(station: Station):
    trigger = "triggers: [{id: p, type: headgate.git.Push}]\n"
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').state }}\"}") + trigger)
    (row,) = station.every()
    assert row.execution.state.value == "FAILED"
    assert "not started: " in station.log(row.execution.id)[0]
    assert "a trigger or a task that starts the flow gives the input a value" in station.log(row.execution.id)[0]


def test_checks_call_no_flow(client: TestClient, station: Station):
    checks = "checks: [{when: \"{{ inputs.x is null and subflow('t', 'cities').state == 'SUCCESS' }}\", message: no}]\n"
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, required: false}") + checks)
    assert "a check could not be evaluated" in (said := problem(client.post(f"{API}/t/f"), 422)["detail"])
    assert "`subflow()` waits for the end of another flow" in said
    assert station.every() == []


@pytest.mark.usefixtures("work")
def test_choices_that_another_flow_gives_are_for_people_where_other_values_are_taken(client: TestClient, station: Station):
    call = "  - {id: c, type: io.kestra.plugin.core.flow.Subflow, namespace: t, flowId: %s, inputs: {x: given}}\n"
    select = "{{id: x, type: SELECT, expression: \"{{{{ subflow('t', 'cities').outputs.names }}}}\"{}}}"
    free, strict = flow("free", select.format(", allowCustomValue: true")), flow("strict", select.format(""))
    pushed(station, CITIES, free, strict, *(f"id: to-{id}\nnamespace: t\ntasks:\n{call % id}" for id in ("free", "strict")))
    assert started(client, "to-free", wait=True)["state"]["current"] == "SUCCESS"
    refused = started(client, "to-strict", wait=True)
    assert refused["state"]["current"] == "FAILED"
    assert "`subflow()` waits for the end of another flow" in station.log(refused["id"], "ERROR")[0]
    (shown,) = client.post(f"{API}/t/free/validate").json()["inputs"]
    assert shown["input"]["values"] == ["CH-1", "CH-2"]


def test_nobody_waits_for_somebody_who_has_left(station: Station):
    pushed(station, CITIES, flow("f", "{id: x, type: STRING, defaults: \"{{ subflow('t', 'cities').state }}\"}"))

    async def story() -> list[int]:
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

        path = f"{API}/t/f"
        scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": ""}
        scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": [(b"host", b"127.0.0.1")]}
        await asyncio.wait_for(app_of(station)(scope, receive, send), 10)
        return statuses

    assert asyncio.run(story()) == [503]
    assert [row.execution.flow for row in station.every()] == ["cities"]
