"""Restarts and replays: what is done again, what stays, and what has never been."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.engine.state import State
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
    go,
    group,
    job,
    loop_until,
    parallel,
    pause,
    play,
    switch,
    task,
)


def tried(played: Play) -> dict[str, int]:
    return {name: len(played.run(name).attempts) for name in played.states}


def test_a_failed_task_runs_once_more_and_the_rest_follows():
    played = play(flow(task("a"), task("b"), task("c"), errors=[task("e")], finally_=[task("f")]), {"b": FAILED})
    assert played.states == {"a": "SUCCESS", "b": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}
    go(played.restart())
    assert (played.refusal, played.state) == (None, OK)
    assert played.states == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "f": "SUCCESS"}
    assert tried(played) == {"a": 1, "b": 2, "c": 1, "f": 1}
    assert played.history("b") == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert [stamp.state.value for stamp in played.execution.history] == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert (played.execution.attempt, played.execution.labels) == (2, {"system.restarted": "true"})


def test_a_job_shows_that_it_is_restarted_until_a_runner_takes_it():
    played = play(flow(job("a")), {"a": FAILED}).restart()
    assert (played.states, played.jobs) == ({"a": "RESTARTED"}, {"a": 2})
    assert go(played).history("a") == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]


def test_groups_around_a_failure_are_opened_again_too():
    played = play(flow(group("g", group("h", task("a"), task("b"), errors=[task("x")]), task("c"))), {"b": FAILED})
    assert played.states["x"] == "SUCCESS"
    go(played.restart())
    assert played.states == {"g": "SUCCESS", "h": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert tried(played) == {"g": 2, "h": 2, "a": 1, "b": 2, "c": 1}
    assert played.history("g") == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]


def test_what_fails_again_has_its_handlers_again():
    played = play(flow(task("a"), errors=[task("e")]), {"a": FAILED})
    first = played.run("e").id
    go(played.restart(), {"a": FAILED})
    assert (played.state, played.run("e").id == first, len(played.runs)) == (FAILED, False, 2)


def test_a_killed_execution_goes_on():
    played = Play(flow(task("a"), parallel("p", job("b"), job("c"), job("d")), task("z"))).begin()
    played.end(played.todo.popleft())
    played.claim("b").end("b").claim("c").kill().end("c", KILLED)
    assert (played.state, played.states["d"]) == (KILLED, "KILLED")
    go(played.restart())
    assert (played.state, tried(played)) == (OK, {"a": 1, "p": 2, "b": 1, "c": 2, "d": 2, "z": 1})


def test_one_that_was_killed_before_it_began_begins():
    played = Play(flow(task("a"))).kill()
    assert played.state is KILLED
    assert go(played.restart()).states == {"a": "SUCCESS"}


def test_of_tasks_side_by_side_only_the_failed_ones_run_again():
    played = play(flow(parallel("p", task("a"), task("b"), task("c"), task("d"), concurrent=2)), {"b": FAILED})
    before = played.states
    go(played.restart())
    assert (played.state, played.states) == (OK, {"p": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "d": "SUCCESS"})
    assert all(tried(played)[name] == 1 for name in ("a", "c", "d")), before


def test_a_dag_goes_on_where_it_failed():
    nodes = (task("a"), task("b", depends_on=("a",)), task("c", depends_on=("b",)), task("d", depends_on=("a",)))
    played = go(play(flow(dag("g", *nodes)), {"b": FAILED}).restart())
    assert (played.state, tried(played)) == (OK, {"g": 2, "a": 1, "b": 2, "d": 1, "c": 1})


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_loop_does_the_failed_values_again_and_the_others_that_are_left(limit):
    played = play(flow(for_each("l", ["x", "y", "z"], task("a"), task("b"), limit=limit, errors=[task("e")])), {"a[y]": FAILED})
    assert played.state is FAILED
    go(played.restart())
    assert played.state is OK
    assert sorted(played.states) == sorted(["l", *(f"{name}[{value}]" for name in "ab" for value in "xyz")])
    assert (tried(played)["a[y]"], tried(played)["a[x]"], tried(played)["b[x]"]) == (2, 1, 1)


def test_all_tasks_of_all_values():
    played = play(flow(each_parallel("l", ["x", "y"], task("a"), task("b"), concurrent=1)), {"a[y]": FAILED})
    go(played.restart())
    assert (played.state, len(played.runs), tried(played)["a[y]"]) == (OK, 5, 2)


def test_a_condition_is_not_asked_again():
    program = flow(task("v"), choice("if", "v", [task("a")], [task("b")]), switch("s", "v", {"x": [task("c")]}))
    played = Play(program).begin().end("v", value="x")
    played.todo.clear()
    played.end("a", FAILED)
    changed = played.run("v")
    played.runs[changed.id] = replace(changed, outputs={"value": "false"})
    played.restart()
    assert played.states == {"v": "SUCCESS", "if": "RUNNING", "a": "RUNNING"}
    assert played.run("if").outputs == {"evaluationResult": True}


def test_a_choice_that_was_never_made_is_made_now():
    played = play(flow(switch("s", "x", {"y": [task("a")]})))
    assert played.states == {"s": "FAILED"}
    go(played.restart())
    assert (played.states, tried(played)) == ({"s": "FAILED"}, {"s": 2})


def test_what_was_allowed_to_fail_stays():
    played = play(
        flow(allowing("g", task("a"), task("b"), errors=[task("e")]), task("c", allow_failure=True), task("z")), {"a": FAILED, "c": FAILED, "z": FAILED}
    )
    assert played.state is FAILED
    go(played.restart())
    assert played.state is WARNING
    assert tried(played) == {"g": 1, "a": 1, "e": 1, "c": 1, "z": 2}


def test_a_loop_that_waits_goes_on_with_its_pass():
    played = play(flow(loop_until("l", "false", task("a"), task("b"), interval="PT1M", maxIterations=3)), {"b": [OK, FAILED]})
    assert (played.state, played.run("l").outputs) == (FAILED, {"iterationCount": 2})
    go(played.restart())
    assert (played.state, played.run("l").outputs, tried(played)["b"]) == (OK, {"iterationCount": 4}, 1)


def test_a_loop_that_failed_by_itself_begins_anew():
    played = play(flow(loop_until("l", "false", task("a"), interval="PT1M", maxIterations=2, fails=True)))
    assert (played.state, played.run("l").outputs) == (FAILED, {"iterationCount": 3})
    played.restart()
    assert (played.states, played.run("l").outputs) == ({"l": "RUNNING", "a": "RUNNING"}, {"iterationCount": 1})


def test_a_pause_that_nobody_ended_in_time_pauses_again_for_its_whole_time():
    played = Play(flow(pause("p", timeout="PT1M", pauseDuration="PT3M"), task("z"))).begin().due()
    assert (played.state, len(played.timers)) == (FAILED, 1)
    played.restart()
    assert (played.state, played.states) == (State.PAUSED, {"p": "PAUSED"})
    assert sorted(each.kind for each in played.timers) == ["over", "timeout"], "the timer of the first pause is gone"
    assert go(played.resume("p")).state is OK


def test_while_something_pauses_beside_it_what_failed_runs_again():
    played = Play(flow(parallel("p", pause("w"), task("a"), errors=[task("e")]))).begin()
    played.end(played.todo.popleft(), FAILED).end("e")
    played.todo.clear()
    assert (played.state, played.states) == (State.PAUSED, {"p": "RUNNING", "w": "PAUSED", "a": "FAILED", "e": "SUCCESS"})
    played.restart()
    assert (played.state, played.states) == (State.RUNNING, {"p": "RUNNING", "w": "PAUSED", "a": "RUNNING"})
    played.end("a")
    assert played.state is State.PAUSED
    assert go(played.resume("w")).state is OK


@pytest.mark.parametrize(
    ("played", "why"),
    [
        (Play(flow(job("a"))).begin(), "is RUNNING; only one that is FAILED, KILLED or PAUSED can be restarted"),
        (play(flow(task("a"))), "is SUCCESS; only"),
        (Play(flow(pause("a"))).begin(), "is PAUSED; nothing in it has failed"),
    ],
    ids=["running", "success", "paused"],
)
def test_what_can_not_be_restarted_says_how_it_stands(played, why):
    assert why in (played.restart().refusal or "")


def test_of_two_who_restart_one_is_refused():
    played = play(flow(job("a")), {"a": FAILED}).restart()
    assert played.refusal is None
    assert "is RUNNING" in (played.restart().refusal or "")
    assert tried(played) == {"a": 2}


# replays


def test_a_replay_keeps_what_came_before_and_drops_what_followed():
    program = flow(task("a"), task("b"), task("c"), finally_=[task("f")])
    played = play(program)
    copy = played.replayed("b")
    assert copy.states == {"a": "SUCCESS", "b": "RUNNING"}
    go(copy)
    assert (copy.state, copy.states) == (OK, {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "f": "SUCCESS"})
    assert copy.history("b") == ["CREATED", "RUNNING", "SUCCESS", "RESTARTED", "RUNNING", "SUCCESS"]
    assert played.execution.labels == {"system.replayed": "true"}
    assert played.state is OK


def test_a_group_is_replayed_without_its_children():
    copy = play(flow(task("a"), group("g", job("b"), job("c")), task("d"))).replayed("g")
    assert (copy.states, copy.jobs) == ({"a": "SUCCESS", "g": "RUNNING", "b": "CREATED"}, {"b": 1})
    assert copy.history("g") == ["CREATED", "RUNNING", "SUCCESS", "RUNNING"]
    assert go(copy).state is OK


def test_what_ran_beside_it_stays_and_what_had_not_ended_runs_again():
    played = Play(flow(parallel("p", task("a"), task("b"), pause("w")), task("z"))).begin()
    for name in ("a", "b"):
        played.end(name)
    played.todo.clear()
    copy = played.replayed("a")
    assert copy.states == {"p": "RUNNING", "a": "RUNNING", "b": "SUCCESS", "w": "PAUSED"}
    assert tried(copy) == {"p": 1, "a": 2, "b": 1, "w": 1}
    copy.todo.clear()
    copy.end("a")
    assert go(copy.resume("w")).states == {"p": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "w": "SUCCESS", "z": "SUCCESS"}


@pytest.mark.parametrize(("limit", "kept"), [(1, ["a[x]", "b[x]", "a[y]"]), (0, ["a[x]", "a[y]", "a[z]", "b[x]", "b[z]"])])
def test_a_replay_from_the_middle_of_a_loop(limit, kept):
    played = play(flow(for_each("l", ["x", "y", "z"], job("a"), job("b"), limit=limit), task("z")))
    copy = played.replayed("a[y]")
    assert sorted(copy.states) == sorted(["l", *kept])
    assert copy.states["a[y]"] == "RESTARTED"
    assert go(copy).state is OK
    assert sorted(copy.states) == sorted(played.states)


def test_a_replay_from_the_middle_of_a_dag():
    nodes = (task("a"), task("b", depends_on=("a",)), task("c", depends_on=("b",)), task("d", depends_on=("a",)))
    copy = play(flow(dag("g", *nodes))).replayed("b")
    assert copy.states == {"g": "RUNNING", "a": "SUCCESS", "b": "RUNNING", "d": "SUCCESS"}
    assert go(copy).state is OK


def test_a_copy_of_a_failed_execution_does_what_failed():
    copy = play(flow(task("a"), group("g", task("b")), errors=[task("e")]), {"b": FAILED}).replayed(None)
    assert go(copy).states == {"a": "SUCCESS", "g": "SUCCESS", "b": "SUCCESS"}


@pytest.mark.parametrize("name", ["e", "f", "o"])
def test_nothing_is_replayed_from_what_only_follows(name):
    played = Play(flow(pause("p", on_pause=task("o")), task("a"), errors=[task("e")], finally_=[task("f")])).begin()
    played.end(played.todo.popleft()).resume("p")
    go(played, {"a": FAILED})
    with pytest.raises(AssertionError, match=f"`{name}` stands in"):
        played.replayed(name)
