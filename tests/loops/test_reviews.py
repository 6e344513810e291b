"""Approvals as the executor stores them: what is asked for, who may say what, and when."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from service.actions import pausing, reviewing
from service.actions.reviewing import Decision
from service.errors import Conflict, Invalid, NotFound
from tests.loops.test_constructs import shown, tasks
from tests.loops.test_executor import ran, value
from tests.support.station import Station

ASKS = tasks("""
- id: p
  type: flow.Approval
  inputs:
    - {id: version, type: STRING}
    - {id: amount, type: INT, defaults: "{{ inputs.n }}"}
  commentRequired: "{{ inputs.n > 5 }}"
  due: PT1H
  denyBehavior: WARN
  onWait: [{id: w, type: log.Log, message: "please look at {{ outputs.p.url }} before {{ outputs.p.due }}"}]
  onApprove: [{id: a, type: debug.Return, format: "{{ outputs.p.inputs.version }} {{ outputs.p.inputs.amount + 1 }}"}]
- {id: z, type: debug.Return, format: "{{ outputs.p.decision }} {{ outputs.p.by }} {{ outputs.p.comment }} {{ outputs.p.auto }}"}
""")
HEAD = "inputs: [{id: n, type: INT, defaults: 7}]\n"


def review(station: Station, id: str, word: str, comment: str | None = None, task_run: str | None = None, **inputs: Any) -> None:
    with station.database.read() as session:
        prepared = reviewing.prepare(session, station.kit, station.execution(id), Decision.of(word, comment, inputs), task_run)
    station.database.write(lambda session: pausing.resume(session, prepared, "ann"))
    station.tick()


def test_an_approval_takes_what_it_asks_for(station: Station):
    id = ran(station, ASKS, head=HEAD)
    assert (station.state(id), shown(station, id)) == ("PAUSED", {"p": "PAUSED", "w": "SUCCESS"})
    assert station.log(id, "INFO") == [f"please look at http://127.0.0.1:8080/executions/{id} before 2026-03-02T13:00:00Z"]
    review(station, id, "approve", "looks good", version="2")
    assert (station.state(id), value(station, id)) == ("SUCCESS", "2 8")
    assert value(station, id, "z") == "APPROVED ann looks good false"


@pytest.mark.parametrize(
    ("word", "comment", "inputs", "named"),
    [
        ("maybe", "x", {}, ["decision"]),
        ("", "x", {}, ["decision"]),
        ("APPROVED", None, {"version": "2"}, ["comment"]),
        ("APPROVED", "  ", {"version": "2"}, ["comment"]),
        ("DENIED", None, {}, ["comment"]),
        ("APPROVED", "x", {}, ["version"]),
        ("APPROVED", "x", {"amount": "many"}, ["version", "amount"]),
        ("APPROVED", "x", {"version": "2", "other": 1}, ["other"]),
        ("DENIED", "x", {"amount": "many"}, ["amount"]),
    ],
)
def test_what_is_wrong_with_a_decision_is_named(station: Station, word: str, comment: str | None, inputs: dict[str, Any], named: list[str]):
    id = ran(station, ASKS, head=HEAD)
    with pytest.raises(Invalid) as refused:
        review(station, id, word, comment, **inputs)
    assert [error["input"] for error in refused.value.errors or ()] == named
    assert station.state(id) == "PAUSED"


def test_who_denies_need_not_give_anything(station: Station):
    id = ran(station, ASKS, head=HEAD)
    review(station, id, "deny", "not today")
    assert (station.state(id), shown(station, id)) == ("WARNING", {"p": "WARNING", "w": "SUCCESS", "z": "SUCCESS"})
    assert value(station, id, "z") == "DENIED ann not today false"


def test_a_comment_is_needed_only_where_the_flow_says_so(station: Station):
    id = ran(station, ASKS, head=HEAD.replace("7", "1"))
    review(station, id, "APPROVED", version="2")
    assert value(station, id, "z") == "APPROVED ann  false"


def test_an_approval_expires(station: Station):
    id = ran(station, ASKS, head=HEAD)
    assert station.executor.tick(station.clock.now) == pytest.approx(3600)
    station.clock.forward(hours=1)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("CANCELLED", {"p": "CANCELLED", "w": "SUCCESS"})
    assert (station.runs(id)["p"].outputs or {})["decision"] == "EXPIRED"
    with pytest.raises(Conflict, match="is CANCELLED; it waits for nobody's decision"):
        review(station, id, "APPROVED", "late", version="2")


def test_two_who_decide_at_once_decide_once(station: Station):
    id = ran(station, ASKS, head=HEAD)
    with station.database.read() as session:
        both = [reviewing.prepare(session, station.kit, station.execution(id), Decision.of(word, "x", {"version": "1"})) for word in ("approve", "deny")]
    for each in both:
        station.database.write(partial(pausing.resume, prepared=each, by="ann"))
    station.tick()
    assert (station.state(id), value(station, id, "z")) == ("SUCCESS", "APPROVED ann x false")


def test_an_approval_that_nobody_needs_to_make(station: Station):
    id = ran(station, ASKS.replace("due: PT1H", "autoApprove: '{{ inputs.n == 7 }}'").replace("[{id: a,", "[{id: a, disabled: true,"), head=HEAD)
    assert (station.state(id), value(station, id, "z")) == ("SUCCESS", "APPROVED   true")


def test_an_approval_is_no_pause_and_a_pause_no_approval(station: Station):
    id = ran(station, ASKS, head=HEAD)
    with station.database.read() as session, pytest.raises(Conflict, match="`p` waits for a decision: review it"):
        pausing.prepare(session, station.kit, station.execution(id), {})
    other = ran(station, tasks("\n- {id: p, type: flow.Pause}\n"), id="g")
    with pytest.raises(Conflict, match="is PAUSED; it waits for nobody's decision"):
        review(station, other, "APPROVED")


def test_of_several_the_one_that_is_named_is_decided(station: Station):
    both = tasks("""
- id: s
  type: flow.Parallel
  tasks:
    - {id: p, type: flow.Approval}
    - {id: q, type: flow.Approval}
""")
    id = ran(station, both)
    review(station, id, "APPROVED", task_run=station.runs(id)["q"].id)
    assert shown(station, id) == {"s": "RUNNING", "p": "PAUSED", "q": "SUCCESS"}
    with pytest.raises(NotFound, match="`p` waits"):
        review(station, id, "APPROVED", task_run="nobody")
    review(station, id, "APPROVED")
    assert station.state(id) == "SUCCESS"


def test_an_execution_that_is_to_succeed_remembers_that(station: Station):
    nested = tasks("""
- id: s
  type: flow.Sequential
  tasks:
    - {id: p, type: flow.Approval, approveBehavior: SUCCEED}
    - {id: y, type: log.Log, message: never}
  finally:
    - {id: n, type: flow.Sleep, duration: PT1M}
- {id: z, type: log.Log, message: never}
""")
    id = ran(station, nested)
    review(station, id, "APPROVED")
    assert (station.state(id), shown(station, id)) == ("RUNNING", {"s": "RUNNING", "p": "SUCCESS", "n": "RUNNING"})
    station.clock.forward(minutes=1)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("SUCCESS", {"s": "SUCCESS", "p": "SUCCESS", "n": "SUCCESS"})
