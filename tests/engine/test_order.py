"""What follows what: the main list, `errors`, `finally`, groups in groups, and the options of every task."""

from __future__ import annotations

import pytest

from tests.engine.playing import FAILED, KILLED, OK, WARNING, Play, flow, group, job, play, task


def test_tasks_run_one_after_the_other():
    played = play(flow(task("a"), job("b"), task("c")))
    assert played.states == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert (played.state, played.started) == (OK, ["a", "b", "c"])
    assert [stamp.state.value for stamp in played.execution.history] == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_flow_without_tasks_ends_well():
    assert play(flow()).state is OK


def test_a_failure_ends_the_list_then_errors_then_finally():
    program = flow(task("a"), task("b"), errors=[task("e1"), task("e2")], finally_=[task("f")])
    assert play(program, {"a": FAILED}).states == {"a": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS", "f": "SUCCESS"}
    assert play(program).states == {"a": "SUCCESS", "b": "SUCCESS", "f": "SUCCESS"}


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ({}, "SUCCESS"),
        ({"a": WARNING}, "WARNING"),
        ({"a": FAILED}, "FAILED"),
        ({"a": KILLED}, "KILLED"),
        ({"a": FAILED, "e": FAILED}, "FAILED"),
        ({"e": FAILED}, "SUCCESS"),
        ({"f": FAILED}, "SUCCESS"),
        ({"a": WARNING, "f": FAILED}, "WARNING"),
    ],
)
def test_the_main_list_alone_decides_the_state(results, state):
    program = flow(task("a"), errors=[task("e")], finally_=[task("f"), task("g")])
    assert play(program, results).state == state
    in_a_group = flow(group("all", task("a"), errors=[task("e")], finally_=[task("f"), task("g")]))
    assert play(in_a_group, results).run("all").state == state


def test_a_failure_in_errors_ends_errors_and_one_in_finally_ends_finally():
    program = flow(task("a"), errors=[task("e1"), task("e2")], finally_=[task("f1"), task("f2")])
    assert play(program, {"a": FAILED, "e1": FAILED, "f1": FAILED}).states == {"a": "FAILED", "e1": "FAILED", "f1": "FAILED"}


def test_errors_are_not_for_what_was_killed():
    played = play(flow(task("a"), errors=[task("e")], finally_=[task("f")]), {"a": KILLED})
    assert played.states == {"a": "KILLED", "f": "SUCCESS"}


def test_groups_nest():
    program = flow(group("out", task("a"), group("in", task("b"), job("c")), task("d")), task("z"))
    played = play(program)
    assert played.started == ["a", "b", "c", "d", "z"]
    assert list(played.states) == ["out", "a", "in", "b", "c", "d", "z"]
    assert {run.node: run.parent and played.runs[run.parent].node for run in played.runs.values()} == {
        "out": None,
        "a": "out",
        "in": "out",
        "b": "in",
        "c": "in",
        "d": "out",
        "z": None,
    }


def test_a_failure_deep_inside_fails_every_group_around_it():
    program = flow(group("out", group("in", task("a"), errors=[task("e")]), task("b"), errors=[task("x")]), task("z"))
    assert play(program, {"a": FAILED}).states == {"out": "FAILED", "in": "FAILED", "a": "FAILED", "e": "SUCCESS", "x": "SUCCESS"}


def test_empty_groups_end_at_once():
    played = play(flow(group("a", group("b", group("c"))), task("z")))
    assert played.states == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "z": "SUCCESS"}


# options of every task


def test_a_task_is_skipped_where_run_if_does_not_hold():
    played = play(flow(task("a", run_if="false"), group("g", task("b"), run_if="0"), task("c", run_if="yes")))
    assert played.states == {"a": "SKIPPED", "g": "SKIPPED", "c": "SUCCESS"}
    assert (played.state, played.started) == (OK, ["c"])
    assert played.history("a") == ["CREATED", "SKIPPED"]


def test_a_run_if_that_can_not_be_rendered_fails_the_task_with_its_place():
    played = play(flow(task("a", run_if="broken"), task("b"), errors=[task("e")]))
    assert (played.states, played.state) == ({"a": "FAILED", "e": "SUCCESS"}, FAILED)
    assert played.said == [("ERROR", "f.yml:1:1: no such variable")]
    assert played.history("a") == ["CREATED", "RUNNING", "FAILED"]


@pytest.mark.parametrize(
    ("options", "state", "became"),
    [
        ({"allow_failure": True}, FAILED, "WARNING"),
        ({"allow_warning": True}, WARNING, "SUCCESS"),
        ({"allow_failure": True, "allow_warning": True}, FAILED, "SUCCESS"),
        ({"allow_warning": True}, FAILED, "FAILED"),
        ({"allow_failure": True}, KILLED, "KILLED"),
        ({"allow_failure": True, "allow_warning": True}, OK, "SUCCESS"),
    ],
)
def test_what_is_allowed_is_no_failure(options, state, became):
    assert play(flow(task("a", **options)), {"a": state}).states["a"] == became
    assert play(flow(group("g", task("a"), **options)), {"a": state}).states["g"] == became


def test_after_an_allowed_failure_the_list_goes_on_without_errors():
    played = play(flow(group("g", task("a"), errors=[task("e")], allow_failure=True), task("b"), errors=[task("x")]), {"a": FAILED})
    assert played.states == {"g": "WARNING", "a": "FAILED", "e": "SUCCESS", "b": "SUCCESS"}
    assert played.state is WARNING


def test_an_attempt_keeps_the_state_that_its_task_run_was_allowed_to_hide():
    run = play(flow(task("a", allow_failure=True)), {"a": FAILED}).run("a")
    assert (run.state, run.attempt.state) == (WARNING, FAILED)


def test_a_thousand_skipped_tasks_in_a_row_cost_no_stack():
    played = play(flow(*(task(f"t{number}", run_if="0" if number % 3 else "false") for number in range(2000)), group("g"), task("z")))
    assert (played.state, played.started[-1], len(played.runs)) == (OK, "z", 2002)


@pytest.mark.parametrize(("value", "state"), [("true", "RUNNING"), ("false", "SKIPPED")])
def test_a_condition_sees_what_the_task_before_it_has_just_brought(value, state):
    played = Play(flow(job("a"), task("b", run_if="a"))).begin().claim("a").end("a", value=value)
    assert played.states["b"] == state
