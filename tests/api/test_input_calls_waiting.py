"""Who waits in `subflow()` holds nothing that others need, and who does not wait is told what to do instead."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service.actions.executions import Order, choose, settle_chosen
from service.actions.input_calls import InputCalls
from service.engine.events import Deleted
from service.errors import Unavailable
from service.expressions.errors import Refused
from service.expressions.ports import FlowCall
from service.store import events
from tests.api.calling import HERE, problem
from tests.api.test_input_calls import API, CITIES, flow, of, pushed, started, work
from tests.support.serving import app_of
from tests.support.station import Station

__all__ = ["work"]


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
    times = iter([0.0, 5.0, 10.0, 299.0, 299.5, 300.0, 300.0])
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
    with pytest.raises(Refused, match="have 300 seconds in one request, and they are used up"):
        calls(Order("main", "t", "f", {}, {}), 1, FlowCall("t", "cities", {}, {}, revision=1))
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
