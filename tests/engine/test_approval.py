"""Approval: it waits for a decision, does what belongs to it, and ends as its behavior says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.engine.events import Due
from service.engine.state import State
from tests.engine.playing import FAILED, KILLED, OK, WARNING, Play, allowing, approval, flow, for_each, group, job, parallel, retry, task

CANCELLED = State.CANCELLED
URL = "{{ kestra.url }}/executions/{{ execution.id }}"


def waiting(**properties) -> Play:
    """A flow with an approval `p`, and a task `z` after it."""
    return Play(flow(approval("p", **properties), task("z"))).begin()


def test_it_waits_until_somebody_approves():
    played = waiting()
    assert (played.state.value, played.states, played.run("p").outputs) == ("PAUSED", {"p": "PAUSED"}, {"url": URL, "due": None})
    played.review("p", "APPROVED", comment="fine", inputs={"n": 1})
    assert (played.state.value, played.states) == ("RUNNING", {"p": "SUCCESS", "z": "RUNNING"})
    outputs = dict(played.run("p").outputs or {})
    assert outputs.pop("on").startswith("2026-03-02T12:00:02")
    assert outputs == {"url": URL, "due": None, "decision": "APPROVED", "auto": False, "by": "ann", "comment": "fine", "inputs": {"n": 1}}
    assert played.history("p") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_who_comes_second_changes_nothing():
    played = waiting(on_approve=[task("a")]).review("p", "APPROVED")
    assert played.hear(Due("due"), "p") == []
    played.review("p", "DENIED", by="bob").end("a").end("z")
    assert (played.state, (played.run("p").outputs or {})["by"]) == (OK, "ann")


@pytest.mark.parametrize(
    ("behavior", "end", "task_state", "goes_on"),
    [
        ("CONTINUE", OK, "SUCCESS", True),
        ("WARN", WARNING, "WARNING", True),
        ("FAIL", FAILED, "FAILED", False),
        ("SUCCEED", OK, "SUCCESS", False),
        ("CANCEL", CANCELLED, "CANCELLED", False),
        ("KILL", KILLED, "KILLED", False),
    ],
)
@pytest.mark.parametrize("decision", ["APPROVED", "DENIED", "EXPIRED"])
def test_each_decision_ends_as_its_behavior_says(behavior, end, task_state, goes_on, decision):
    name = {"APPROVED": "approve", "DENIED": "deny", "EXPIRED": "expire"}[decision]
    played = waiting(due="PT1M", **{f"{name}Behavior": behavior})
    if decision == "EXPIRED":
        played.due()
    else:
        played.review("p", decision)
    assert ("z" in played.states) == goes_on
    if goes_on:
        played.end("z")
    assert (played.state, played.states["p"]) == (end, task_state)
    assert (played.run("p").outputs or {})["decision"] == decision


@pytest.mark.parametrize(("decision", "runs"), [("APPROVED", ["a", "b"]), ("DENIED", ["d"])])
def test_what_belongs_to_a_decision_is_done_before_the_end(decision, runs):
    played = waiting(on_approve=[task("a"), task("b")], on_deny=[task("d")], finally_=[task("f")], denyBehavior="WARN").review("p", decision)
    for each in (*runs, "f"):
        assert played.states[each] == "RUNNING"
        played.end(each)
    assert [*played.states] == ["p", *runs, "f", "z"]
    assert played.states["p"] == ("SUCCESS" if decision == "APPROVED" else "WARNING")


def test_a_failure_of_what_belongs_to_it_is_its_own():
    played = waiting(on_deny=[task("d"), task("d2")], errors=[task("e")]).review("p", "DENIED").end("d", FAILED).end("e")
    assert (played.state, played.states) == (FAILED, {"p": "FAILED", "d": "FAILED", "e": "SUCCESS"})


def test_a_refusal_that_fails_does_its_list_and_then_its_errors():
    played = waiting(on_deny=[task("d")], errors=[task("e")], denyBehavior="FAIL").review("p", "DENIED")
    assert ("ERROR", "denied by ann (`denyBehavior`)") in played.said
    played.end("d").end("e")
    assert (played.state, played.states) == (FAILED, {"p": "FAILED", "d": "SUCCESS", "e": "SUCCESS"})


# the end of the execution


def test_an_execution_that_is_to_succeed_does_what_is_done_in_any_case():
    inner = group("g", approval("p", approveBehavior="SUCCEED"), task("y"), finally_=[task("gf")])
    played = Play(flow(inner, task("z"), finally_=[task("f")], errors=[task("e")])).begin().review("p", "APPROVED")
    assert played.states == {"g": "RUNNING", "p": "SUCCESS", "gf": "RUNNING"}
    played.end("gf").end("f")
    assert (played.state, played.states) == (OK, {"g": "SUCCESS", "p": "SUCCESS", "gf": "SUCCESS", "f": "SUCCESS"})


def test_an_execution_that_is_to_succeed_waits_for_what_runs_beside():
    played = Play(flow(parallel("g", approval("p", approveBehavior="SUCCEED"), job("b")), task("z"))).begin().claim("b").review("p", "APPROVED")
    assert played.state.value == "RUNNING"
    played.end("b", WARNING)
    assert (played.state, played.states) == (OK, {"g": "SUCCESS", "p": "SUCCESS", "b": "WARNING"})


def test_a_failure_beside_it_is_a_failure():
    played = Play(flow(parallel("g", approval("p", approveBehavior="SUCCEED"), job("b")), task("z"))).begin().claim("b").review("p", "APPROVED")
    assert played.end("b", FAILED).state is FAILED


def test_a_killing_refusal_stops_what_runs_beside():
    played = Play(flow(parallel("g", approval("p", denyBehavior="KILL"), job("b")), finally_=[task("f")])).begin().claim("b").review("p", "DENIED")
    assert (played.state.value, played.stops) == ("KILLING", ["b"])
    played.end("b", KILLED)
    assert (played.state, played.states) == (KILLED, {"g": "KILLED", "p": "KILLED", "b": "KILLED"})
    assert ("WARN", "Killed by `p`") in played.said


def test_a_cancel_is_not_softened():
    played = Play(flow(allowing("g", approval("p")), task("z"))).begin().review("p", "DENIED")
    assert (played.state, played.states) == (CANCELLED, {"g": "CANCELLED", "p": "CANCELLED"})


# waiting


def test_what_is_done_meanwhile_is_done_in_order_and_decides_nothing():
    played = waiting(on_wait=[task("a"), task("b"), task("c")])
    assert (played.state.value, played.states) == ("RUNNING", {"p": "PAUSED", "a": "RUNNING"})
    played.end("a").end("b", FAILED)
    assert (played.state.value, played.states) == ("PAUSED", {"p": "PAUSED", "a": "SUCCESS", "b": "FAILED"})
    assert played.review("p", "APPROVED").end("z").state is OK


def test_a_decision_waits_for_what_is_done_meanwhile_and_nothing_more_of_it_begins():
    played = waiting(on_wait=[task("a"), task("b")], on_approve=[task("c")]).review("p", "APPROVED")
    assert (played.states, (played.run("p").outputs or {})["decision"]) == ({"p": "PAUSED", "a": "RUNNING"}, "APPROVED")
    played.review("p", "DENIED").end("a")
    assert played.states == {"p": "RUNNING", "a": "SUCCESS", "c": "RUNNING"}


def test_no_retry_around_it_is_for_what_is_done_meanwhile():
    played = Play(flow(approval("p", on_wait=[task("a")]), retry=retry(3))).begin().end("a", FAILED)
    assert played.states == {"p": "PAUSED", "a": "FAILED"}


@pytest.mark.parametrize(
    ("due", "length"), [("PT1H", timedelta(hours=1)), ("2026-03-02T12:00:11Z", timedelta(seconds=10)), ("2020-01-01T00:00:00Z", timedelta())]
)
def test_it_is_due_after_a_time_or_at_a_date(due, length):
    played = waiting(due=due)
    assert [(timer.kind, timer.when - played.now) for timer in played.timers] == [("due", length)]
    assert (played.run("p").outputs or {})["due"].startswith("20")
    assert played.due().state is CANCELLED


@pytest.mark.parametrize("due", ["broken", "2026-99-99T00:00:00Z", "{{ x }}"])
def test_a_wrong_due_fails_it(due):
    played = Play(flow(approval("p", due="{{ x }}" if due == "{{ x }}" else "PT1S")))
    played.program.nodes["p"].model.__dict__["due"] = due
    assert (played.begin().state, played.states) == (FAILED, {"p": "FAILED"})


def test_its_timeout_fails_it():
    played = waiting(timeout="PT1M", errors=[task("e")], expireBehavior="CONTINUE").due()
    assert (played.states, ("ERROR", "nobody decided in time (`timeout`)") in played.said) == ({"p": "RUNNING", "e": "RUNNING"}, True)
    assert played.end("e").state is FAILED


@pytest.mark.parametrize(("condition", "auto"), [("yes", True), ("false", False)])
def test_it_approves_by_itself_where_its_condition_holds(condition, auto):
    played = waiting(autoApprove=condition, on_wait=[task("w")])
    assert ("z" in played.states, "w" in played.states) == (auto, not auto)
    if auto:
        assert {name: (played.run("p").outputs or {})[name] for name in ("decision", "auto", "by")} == {"decision": "APPROVED", "auto": True, "by": None}
        assert played.history("p") == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_condition_that_can_not_be_rendered_fails_it():
    assert waiting(autoApprove="broken").state is FAILED


def test_each_value_of_a_loop_has_a_decision():
    played = Play(flow(for_each("l", ["x", "y"], approval("p"), limit=0))).begin()
    played.review("p[y]", "APPROVED")
    assert (played.state.value, played.states["p[x]"], played.states["p[y]"]) == ("PAUSED", "PAUSED", "SUCCESS")
    assert played.review("p[x]", "APPROVED").state is OK


def test_a_kill_ends_the_wait():
    assert waiting().kill().state is KILLED


def test_what_belongs_to_an_approval_is_tried_again_with_the_group_around_it():
    played = Play(flow(group("g", approval("p", on_approve=[task("a"), task("b")], approveBehavior="WARN"), retry=retry(2)))).begin()
    played.review("p", "APPROVED").end("a").end("b", FAILED).due()
    assert played.states == {"g": "RUNNING", "p": "RUNNING", "a": "SUCCESS", "b": "RUNNING"}
    played.end("b")
    assert (played.state, played.states["p"]) == (WARNING, "WARNING")
