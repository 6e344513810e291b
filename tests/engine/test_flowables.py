"""Constructs: what starts when, what a failure among their children does, and how they end."""

from __future__ import annotations

import pytest

from tests.engine.playing import (
    FAILED,
    KILLED,
    OK,
    WARNING,
    Play,
    allowing,
    choice,
    dag,
    each_parallel,
    flow,
    for_each,
    group,
    job,
    parallel,
    play,
    switch,
    task,
)

# Parallel


def test_parallel_starts_all_at_once():
    played = Play(flow(parallel("p", job("a"), job("b"), job("c")), task("z"))).begin()
    assert played.started == ["a", "b", "c"]
    for name in ("b", "c"):
        played.claim(name).end(name)
    assert played.started == ["a", "b", "c"]
    played.claim("a").end("a")
    assert played.started == ["a", "b", "c", "z"]


def test_parallel_keeps_to_its_limit():
    played = Play(flow(parallel("p", *(job(name) for name in "abcde"), concurrent=2))).begin()
    assert played.started == ["a", "b"]
    played.claim("b").end("b")
    assert played.started == ["a", "b", "c"]
    played.claim("a").end("a").claim("c").end("c")
    assert played.started == ["a", "b", "c", "d", "e"]


def test_a_failure_starts_nothing_more_and_the_handlers_at_once():
    program = flow(parallel("p", job("a"), job("b"), job("c"), concurrent=2, errors=[job("e")], finally_=[job("f")]), task("z"), errors=[task("all")])
    played = Play(program).begin().claim("a").claim("b").end("a", FAILED)
    assert played.started == ["a", "b", "e"]
    played.claim("e").end("e")
    assert played.started == ["a", "b", "e", "f"]
    played.claim("f").end("f")
    assert not played.run("p").state.terminal, "b still runs"
    played.end("b")
    assert played.states == {"p": "FAILED", "a": "FAILED", "b": "SUCCESS", "e": "SUCCESS", "f": "SUCCESS", "all": "RUNNING"}


def test_a_sibling_that_ends_while_the_handlers_run_does_not_start_the_next():
    played = Play(flow(parallel("p", job("a"), job("b"), job("c"), concurrent=2, errors=[job("e")]))).begin()
    played.claim("a").claim("b").end("a", FAILED).end("b", WARNING).claim("e").end("e")
    assert played.states == {"p": "FAILED", "a": "FAILED", "b": "WARNING", "e": "SUCCESS"}
    assert played.state is FAILED


@pytest.mark.parametrize(
    ("results", "state"),
    [({}, OK), ({"a": WARNING}, WARNING), ({"a": FAILED}, FAILED), ({"b": KILLED}, KILLED), ({"e": FAILED, "a": FAILED}, FAILED), ({"f": FAILED}, OK)],
)
def test_the_children_of_the_main_list_decide(results, state):
    for make in (parallel, dag):
        played = play(flow(make("p", task("a"), task("b"), errors=[task("e")], finally_=[task("f")])), results)
        assert (played.state, played.run("p").state) == (state, state)
        assert ("e" in played.states) == (results.get("a") is FAILED)
        assert "f" in played.states


def test_an_empty_group_ends_well():
    for empty in (parallel("p"), dag("p"), for_each("p", []), for_each("p", ["a"]), each_parallel("p", ["a"]), allowing("p")):
        played = play(flow(empty, task("z")))
        assert played.states == {"p": "SUCCESS", "z": "SUCCESS"}


def test_tasks_that_do_not_run_count_as_done():
    played = play(flow(parallel("p", task("a", run_if="false"), task("b"), concurrent=1)))
    assert played.states == {"p": "SUCCESS", "a": "SKIPPED", "b": "SUCCESS"}


# Dag


def test_a_dag_waits_for_what_a_task_depends_on():
    played = Play(flow(dag("d", job("c", depends_on=("a", "b")), job("a"), job("b", depends_on=("a",)), job("x")))).begin()
    assert played.started == ["a", "x"]
    played.claim("a").end("a")
    assert played.started == ["a", "x", "b"]
    played.claim("x").end("x").claim("b").end("b")
    assert played.started == ["a", "x", "b", "c"]
    played.claim("c").end("c")
    assert played.state is OK


def test_a_dag_keeps_to_its_limit_and_stops_at_a_failure():
    program = flow(dag("d", job("a"), job("b"), job("c", depends_on=("a",)), concurrent=1, errors=[task("e")]))
    played = Play(program).begin()
    assert played.started == ["a"]
    played.claim("a").end("a")
    assert played.started == ["a", "b"]
    played.claim("b").end("b", FAILED)
    assert played.started == ["a", "b", "e"]


def test_a_dependency_that_is_disabled_is_not_waited_for():
    assert play(flow(dag("d", task("a", disabled=True), task("b", depends_on=("a",))))).states == {"d": "SUCCESS", "b": "SUCCESS"}


# If and Switch


@pytest.mark.parametrize(("condition", "taken"), [("true", "a"), ("false", "b"), ("", "b"), ("0", "b"), ("False", "a"), (" false ", "b")])
def test_if_takes_one_way(condition, taken):
    played = play(flow(choice("i", condition, [task("a")], [task("b")]), task("z")))
    assert played.states == {"i": "SUCCESS", taken: "SUCCESS", "z": "SUCCESS"}
    assert played.run("i").outputs == {"evaluationResult": taken == "a"}


def test_if_without_else_ends_well():
    assert play(flow(choice("i", "false", [task("a")]))).states == {"i": "SUCCESS"}


def test_a_condition_that_can_not_be_rendered_fails_the_task():
    played = play(flow(choice("i", "broken", [task("a")]), errors=[task("e")]))
    assert played.states == {"i": "FAILED", "e": "SUCCESS"}
    assert [attempt.state.value for attempt in played.run("i").attempts] == ["FAILED"]


def test_the_way_that_is_taken_has_the_handlers_of_the_group():
    program = flow(choice("i", "no", [task("a")], [task("b"), task("c")], errors=[task("e")], finally_=[task("f")]))
    assert play(program, {"a": FAILED}).states == {"i": "FAILED", "a": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}


@pytest.mark.parametrize(("value", "taken", "defaults"), [("x", "a", False), ("y", "b", False), ("z", "c", True), ("X", "c", True)])
def test_switch_takes_the_case_of_its_value(value, taken, defaults):
    played = play(flow(switch("s", value, {"x": [task("a")], "y": [task("b")]}, [task("c")])))
    assert played.states == {"s": "SUCCESS", taken: "SUCCESS"}
    assert played.run("s").outputs == {"value": value, "defaults": defaults}


def test_switch_without_a_case_or_defaults_fails():
    played = play(flow(switch("s", "z", {"x": [task("a")]}), task("n")))
    assert played.states == {"s": "FAILED"}
    assert ("ERROR", "there is no case `z`, and no `defaults`") in played.said


# AllowFailure


def test_allow_failure_turns_a_failure_into_a_warning():
    program = flow(allowing("g", task("a"), task("b"), errors=[task("e")], finally_=[task("f")]), task("z"), errors=[task("all")])
    assert play(program, {"a": FAILED}).states == {"g": "WARNING", "a": "FAILED", "e": "SUCCESS", "f": "SUCCESS", "z": "SUCCESS"}
    assert play(program, {"a": FAILED}).state is WARNING
    assert play(program, {"a": FAILED, "z": FAILED}).states["all"] == "SUCCESS"
    assert play(program, {"a": KILLED}).state is KILLED


# ForEach


def test_for_each_does_one_value_after_another():
    played = play(flow(for_each("l", ["x", "y"], task("a"), task("b")), task("z")))
    assert played.started == ["a[x]", "b[x]", "a[y]", "b[y]", "z"]
    assert [(run.value, run.iteration) for run in played.runs.values() if run.node == "a"] == [("x", 0), ("y", 1)]


@pytest.mark.parametrize(("limit", "first"), [(1, ["a[1]"]), (2, ["a[1]", "a[2]"]), (0, ["a[1]", "a[2]", "a[3]"]), (9, ["a[1]", "a[2]", "a[3]"])])
def test_as_many_values_as_the_limit_says_are_open(limit, first):
    played = Play(flow(for_each("l", ["1", "2", "3"], job("a"), job("b"), limit=limit))).begin()
    assert played.started == first
    while played.jobs:
        name = next(iter(played.jobs))
        played.jobs.pop(name)
        played.claim(name).end(name)
    assert len(played.runs) == 1 + 3 * 2
    assert played.state is OK


def test_the_tasks_of_a_value_stay_in_order_and_the_next_value_takes_the_free_place():
    played = Play(flow(for_each("l", ["1", "2", "3"], job("a"), job("b"), limit=2))).begin()
    played.claim("a[2]").end("a[2]")
    assert played.started == ["a[1]", "a[2]", "b[2]"]
    played.claim("b[2]").end("b[2]")
    assert played.started == ["a[1]", "a[2]", "b[2]", "a[3]"]


def test_a_failing_value_ends_the_loop_and_its_handlers_run_once():
    program = flow(for_each("l", ["1", "2", "3"], task("a"), errors=[task("e")], finally_=[task("f")]), task("z"))
    assert play(program, {"a[2]": FAILED}).states == {"l": "FAILED", "a[1]": "SUCCESS", "a[2]": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}


def test_with_no_limit_all_values_have_been_started_when_one_fails():
    played = Play(flow(for_each("l", ["1", "2", "3"], job("a"), job("b"), limit=0, errors=[task("e")]))).begin()
    played.claim("a[1]").end("a[1]", FAILED).end("e")
    for name in ("a[2]", "a[3]"):
        played.claim(name).end(name)
    assert played.states == {"l": "FAILED", "a[1]": "FAILED", "a[2]": "SUCCESS", "a[3]": "SUCCESS", "e": "SUCCESS"}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["x", "y", "x"], ["x", "y"]),
        ([1, 2.5, True, {"a": 1}, [1]], ["1", "2.5", "true", '{"a":1}', "[1]"]),
        ('["x", {"k": 1}]', ["x", '{"k":1}']),
        ("[]", []),
        ([1, "1"], ["1"]),
    ],
)
def test_the_values_of_a_loop(values, wanted):
    played = play(flow(for_each("l", values, task("a"))))
    assert [run.value for run in played.runs.values() if run.node == "a"] == wanted


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x", None, None], "`values` has 2 nulls among its 3 values"),
        ([None], "`values` has 1 null among its 1 values"),
        ("x", "`values` is text, but no JSON list: `x`"),
        ('{"a": 1}', "`values` must be a list, not a map"),
        ("broken", "f.yml:1:1: no such variable"),
    ],
)
def test_values_that_are_none_fail_the_loop(values, message):
    played = play(flow(for_each("l", values, task("a"), errors=[task("e")])))
    assert played.states == {"l": "FAILED"}
    assert ("ERROR", message) in played.said


def test_each_parallel_starts_all_tasks_of_all_values():
    played = Play(flow(each_parallel("l", ["x", "y"], job("a"), job("b")))).begin()
    assert played.started == ["a[x]", "b[x]", "a[y]", "b[y]"]
    played = Play(flow(each_parallel("l", ["x", "y"], job("a"), job("b"), concurrent=3))).begin()
    assert played.started == ["a[x]", "b[x]", "a[y]"]


def test_loops_in_loops_multiply():
    program = flow(for_each("out", ["1", "2"], for_each("in", ["x", "y"], task("a"), limit=0), group("g", task("b")), limit=0))
    played = play(program)
    assert sorted(name for name in played.states if name.startswith("a")) == ["a[1][x]", "a[1][y]", "a[2][x]", "a[2][y]"]
    assert [name for name in played.states if name.startswith("b")] == ["b[1]", "b[2]"]
    assert [run.value for run in played.runs.values() if run.node == "b"] == [None, None]
    assert len(played.runs) == 1 + 2 * (1 + 2) + 2 * 2


def test_choices_in_a_loop_are_made_for_each_value():
    played = play(flow(for_each("l", ["1", "2"], choice("i", "true", [task("a")]), parallel("p", task("b"), task("c")), limit=0)))
    assert sorted(played.states) == ["a[1]", "a[2]", "b[1]", "b[2]", "c[1]", "c[2]", "i[1]", "i[2]", "l", "p[1]", "p[2]"]


def test_a_kill_ends_what_runs_side_by_side():
    played = Play(flow(parallel("p", job("a"), job("b"), for_each("l", ["1", "2"], job("c"), limit=1)))).begin().claim("a").kill()
    assert played.stops == ["a"]
    played.end("a", KILLED)
    assert set(played.states.values()) == {"KILLED"}
    assert played.state is KILLED


def test_what_is_remembered_does_not_grow_with_the_number_of_values():
    def most(count: int) -> int:
        values = [str(number) for number in range(count)]
        played = play(flow(for_each("l", values, task("a"), limit=0)))
        return max(len(str(dict(run.memory))) for run in played.runs.values())

    assert most(300) <= most(30) + 10
