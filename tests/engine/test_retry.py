"""Work that is tried again: how often, when, what is seen meanwhile, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.engine.retry import next_start
from service.flows.policies import Retry
from tests.engine.playing import (
    FAILED,
    KILLED,
    OK,
    START,
    WARNING,
    Play,
    allowing,
    choice,
    dag,
    flow,
    for_each,
    group,
    job,
    parallel,
    pause,
    play,
    retry,
    switch,
    task,
)


def attempts(played: Play, name: str) -> list[str]:
    return [attempt.state.value for attempt in played.run(name).attempts]


# when


@pytest.mark.parametrize(
    ("policy", "pauses"),
    [
        ({"type": "constant", "interval": "PT10S"}, [10, 10, 10]),
        ({"type": "exponential", "interval": "PT10S", "maxInterval": "PT1M"}, [10, 20, 40, 60, 60]),
        ({"type": "exponential", "interval": "PT10S", "maxInterval": "PT1M", "delayFactor": 1.5}, [10, 15, 22.5]),
        ({"type": "random", "minInterval": "PT10S", "maxInterval": "PT20S"}, [15, 15]),
    ],
)
def test_the_pauses_of_each_type(policy, pauses):
    retry = Retry.model_validate(policy)
    for number, length in enumerate(pauses, 1):
        assert next_start(retry, number, START, START, 0.5) == START + timedelta(seconds=length)


def test_a_pause_too_long_for_numbers_is_the_longest_one():
    policy = Retry.model_validate({"type": "exponential", "interval": "PT10S", "maxInterval": "P300D", "delayFactor": 1e300})
    assert next_start(policy, 5, START, START, 0.5) == START + timedelta(days=300)


def test_the_first_limit_that_is_reached_wins():
    policy = Retry.model_validate({"type": "constant", "interval": "PT10S", "maxAttempts": 3, "maxDuration": "PT25S"})
    at = [START + timedelta(seconds=seconds) for seconds in (0, 10, 20)]
    assert next_start(policy, 1, START, at[0], 0) == at[1]
    assert next_start(policy, 2, START, at[1], 0) == at[2]
    assert next_start(policy, 3, START, at[1], 0) is None, "by their number"
    assert next_start(policy, 2, START, at[2], 0) is None, "by the time"


# a task's own


def test_a_task_is_tried_again_until_it_succeeds():
    played = Play(flow(job("a", retry=retry(3, 60)), task("b"))).begin().claim("a").end("a", FAILED, "no luck")
    assert played.history("a") == ["CREATED", "RUNNING", "RETRYING"]
    assert played.state.value == "RETRYING"
    assert not played.jobs
    assert played.timers[0].when == played.now + timedelta(seconds=60)
    played.due()
    assert played.state.value == "RUNNING"
    assert played.jobs == {"a": 2}
    played.claim("a").end("a", OK, value=1).end("b")
    assert (played.state, attempts(played, "a")) == (OK, ["FAILED", "SUCCESS"])
    assert played.history("a") == ["CREATED", "RUNNING", "RETRYING", "RUNNING", "SUCCESS"]
    assert played.run("a").outputs == {"value": 1}


def test_all_attempts_fail():
    played = play(flow(task("a", retry=retry(3)), task("b"), errors=[task("e")]), {"a": FAILED})
    assert played.states == {"a": "FAILED", "e": "SUCCESS"}
    assert (played.state, attempts(played, "a")) == (FAILED, ["FAILED"] * 3)


def test_only_a_duration_gives_as_many_attempts_as_fit():
    played = play(flow(task("a", retry=retry(None, 60, max_duration=timedelta(seconds=200)))), {"a": FAILED})
    assert (played.state, attempts(played, "a")) == (FAILED, ["FAILED"] * 4)


@pytest.mark.parametrize(("ends", "state"), [([FAILED, OK], WARNING), ([OK], OK), ([FAILED, WARNING], WARNING)])
def test_a_success_after_a_failure_can_be_a_warning(ends, state):
    played = play(flow(task("a", retry=retry(3, warning_on_retry=True)), errors=[task("e")]), {"a": ends})
    assert (played.state, len(attempts(played, "a"))) == (state, len(ends))
    assert "e" not in played.states


def test_failures_are_allowed_once_no_attempt_is_left():
    played = play(flow(allowing("g", task("a", retry=retry(2)), task("b"), errors=[task("e")]), task("z")), {"a": FAILED})
    assert played.states == {"g": "WARNING", "a": "FAILED", "e": "SUCCESS", "z": "SUCCESS"}
    played = play(flow(task("a", retry=retry(2), allow_failure=True), task("z")), {"a": FAILED})
    assert (played.states, attempts(played, "a")) == ({"a": "WARNING", "z": "SUCCESS"}, ["FAILED", "FAILED"])


def test_siblings_go_on_while_a_task_waits_and_the_execution_shows_what_is_done():
    played = Play(flow(parallel("p", job("a", retry=retry()), job("b"), job("c"), concurrent=2))).begin()
    played.claim("a").claim("b").end("a", FAILED)
    assert (played.state.value, played.jobs) == ("RUNNING", {"b": 1})
    played.end("b")
    assert played.jobs == {"c": 1}, "the one that waits holds its place"
    played.claim("c").end("c")
    assert played.state.value == "RETRYING"
    played.due().claim("a").end("a")
    assert played.state is OK


def test_lost_attempts_are_not_the_tasks_own_failures():
    played = Play(flow(job("a", retry=retry(2)))).begin().claim("a").lose("a").claim("a").hand_back("a").claim("a").end("a", FAILED)
    assert played.run("a").state.value == "RETRYING"
    played.due().claim("a").end("a", FAILED)
    assert (played.state, attempts(played, "a")) == (FAILED, ["FAILED"] * 4)


def test_an_execution_that_waits_can_be_killed():
    for program in (flow(job("a", retry=retry())), flow(group("g", job("a"), errors=[task("e")], retry=retry())), flow(job("a"), retry=retry())):
        played = Play(program).begin().claim("a").end("a", FAILED)
        while played.todo:
            played.end(played.todo.popleft())
        assert played.state.value == "RETRYING"
        played.kill()
        assert played.state is KILLED
        assert attempts(played, "a") == ["FAILED"]
        played.due()
        assert (played.state, played.jobs) == (KILLED, {})


# of a group, and of the flow


@pytest.mark.parametrize("deep", [0, 1, 2])
def test_what_fails_in_a_group_is_tried_as_often_as_the_group_says(deep):
    node = task("a")
    for level in range(deep):
        node = group(f"g{level}", node)
    for program in (flow(group("g", task("x"), node, task("b"), retry=retry(3)), task("z")), flow(task("x"), node, task("b"), task("z"), retry=retry(3))):
        played = play(program, {"a": FAILED})
        assert (played.state, attempts(played, "a"), attempts(played, "x")) == (FAILED, ["FAILED"] * 3, ["SUCCESS"])
        assert "b" not in played.states
        played = play(program, {"a": [FAILED, FAILED, OK]})
        assert (played.state, attempts(played, "a")) == (OK, ["FAILED", "FAILED", "SUCCESS"])
        assert list(played.states)[-2:] == ["b", "z"]


def test_the_nearest_retry_counts():
    program = flow(group("g", task("a"), task("b", retry=retry(2)), retry=retry(4)), retry=retry(5))
    assert attempts(play(program, {"a": FAILED}), "a") == ["FAILED"] * 4
    assert attempts(play(program, {"b": FAILED}), "b") == ["FAILED"] * 2


def test_what_a_failed_round_has_done_is_forgotten_before_the_next():
    program = flow(group("g", task("x"), job("a"), errors=[task("e"), group("h", task("i"))], finally_=[task("f")], retry=retry(2, warning_on_retry=True)))
    played = Play(program).begin().end("x").claim("a").end("a", FAILED)
    assert played.run("a").state.value == "RETRYING"
    for name in ("e", "i", "f"):
        assert played.run("g").state.value == "RUNNING"
        played.end(name)
    assert (played.run("g").state.value, played.state.value) == ("RETRYING", "RETRYING")
    assert set(played.states) == {"g", "x", "a", "e", "h", "i", "f"}
    played.due()
    assert played.states == {"g": "RUNNING", "x": "SUCCESS", "a": "RUNNING"}
    played.claim("a").end("a").end("f")
    assert (played.state, attempts(played, "a")) == (OK, ["FAILED", "SUCCESS"])
    assert played.states == {"g": "SUCCESS", "x": "SUCCESS", "a": "SUCCESS", "f": "SUCCESS"}


def test_the_flows_own_handlers_run_in_each_round():
    played = play(flow(task("a"), errors=[task("e")], finally_=[task("f")], retry=retry(2)), {"a": [FAILED, OK]})
    assert (played.started, played.states) == (["a", "e", "f", "a", "f"], {"a": "SUCCESS", "f": "SUCCESS"})
    played = play(flow(task("a"), errors=[task("e")], retry=retry(2)), {"a": FAILED})
    assert (played.started, played.states) == (["a", "e", "a", "e"], {"a": "FAILED", "e": "SUCCESS"})


def test_lanes_that_a_failure_has_stopped_go_on():
    program = flow(for_each("l", ["x", "y", "z"], job("a"), job("b"), limit=2, retry=retry(3)))
    played = Play(program).begin().claim("a[x]").claim("a[y]").end("a[x]", FAILED).end("a[y]")
    assert (played.jobs, played.state.value) == ({}, "RETRYING")
    played.due()
    assert played.jobs == {"a[x]": 2, "b[y]": 1}
    for name in ("a[x]", "b[x]", "b[y]", "a[z]", "b[z]"):
        played.claim(name).end(name)
    assert played.state is OK


def test_several_failures_of_a_round_are_all_tried_again():
    played = Play(flow(parallel("p", job("a"), job("b"), retry=retry(2)))).begin().claim("a").claim("b").end("a", FAILED).end("b", FAILED)
    played.due()
    assert played.jobs == {"a": 2, "b": 2}
    played.claim("a").end("a").claim("b").end("b", FAILED)
    assert (played.state, played.states) == (FAILED, {"p": "FAILED", "a": "SUCCESS", "b": "FAILED"})


def test_one_that_failed_for_good_ends_what_waits_beside_it():
    played = Play(flow(parallel("p", job("a"), job("b", retry=retry(1)), retry=retry(5)))).begin().claim("a").claim("b").end("a", FAILED).end("b", FAILED)
    assert (played.state, played.states) == (FAILED, {"p": "FAILED", "a": "FAILED", "b": "FAILED"})


# a new execution


def over(attempts: int = 3) -> Retry:
    return retry(attempts, behavior="CREATE_NEW_EXECUTION")


@pytest.mark.parametrize("program", [flow(task("a", retry=over()), task("b"), errors=[task("e")]), flow(group("g", task("a")), retry=over())])
def test_a_new_execution_takes_over(program):
    played = play(program, {"a": FAILED})
    assert (played.state.value, played.run("a").state.value) == ("RETRIED", "RETRIED")
    assert played.started_over == [played.now + timedelta(seconds=60)]
    assert not {"b", "e"} & set(played.states)
    assert play(program).started_over == []


def test_the_last_of_the_new_executions_fails():
    played = Play(flow(task("a", retry=over()), errors=[task("e")]))
    played.execution = replace(played.execution, attempt=3, original="first", first_created=START)
    played.begin().end("a", FAILED).end("e")
    assert (played.state, played.started_over) == (FAILED, [])


def test_what_is_cancelled_is_not_tried_again():
    program = flow(parallel("p", task("a"), pause("w", pauseDuration="PT10S", behavior="CANCEL"), retry=retry(3)), task("z"))
    played = play(program, {"a": FAILED})
    assert (played.state.value, played.states, attempts(played, "a")) == ("CANCELLED", {"p": "CANCELLED", "a": "FAILED", "w": "CANCELLED"}, ["FAILED"])


def test_a_failure_that_a_new_execution_takes_over_stands_in_the_log():
    played = Play(flow(task("a", retry=over()))).begin().end("a", FAILED, "no luck")
    assert ("ERROR", "no luck") in played.said


def test_what_failed_inside_a_loop_is_tried_again_for_its_value_alone():
    for program in (
        flow(for_each("l", ["x", "y"], task("a", retry=retry(2)), task("b"))),
        flow(for_each("l", ["x", "y"], task("a"), task("b")), retry=retry(2)),
        flow(for_each("l", ["x", "y"], group("g", task("a"), retry=retry(2)), task("b"))),
    ):
        played = play(program, {"a[x]": [FAILED, OK]})
        assert (played.state, attempts(played, "a[x]"), attempts(played, "a[y]")) == (OK, ["FAILED", "SUCCESS"], ["SUCCESS"])
        assert [name for name in played.started if name[0] in "ab"] == ["a[x]", "a[x]", "b[x]", "a[y]", "b[y]"]
        played = play(program, {"a[y]": FAILED})
        assert (played.state, attempts(played, "a[y]")) == (FAILED, ["FAILED"] * 2)


def test_a_loop_that_is_tried_again_keeps_to_its_limit():
    played = Play(flow(for_each("l", list("uvwxyz"), job("a"), limit=2), retry=retry(2))).begin()
    played.claim("a[u]").claim("a[v]").end("a[u]", FAILED).end("a[v]", FAILED).due()
    assert played.jobs == {"a[u]": 2, "a[v]": 2}
    played.claim("a[v]").end("a[v]")
    assert played.jobs == {"a[u]": 2, "a[w]": 1}


def test_a_task_of_errors_has_its_own_retry_and_no_other():
    played = play(flow(task("a"), errors=[task("e", retry=retry(3))], finally_=[task("f")], retry=retry(2)), {"a": FAILED, "e": FAILED, "f": FAILED})
    assert (attempts(played, "a"), attempts(played, "e"), attempts(played, "f")) == (["FAILED"] * 2, ["FAILED"] * 3, ["FAILED"])


def test_a_dag_that_is_tried_again_goes_on_behind_what_failed():
    program = flow(dag("d", job("a"), job("b"), job("c", depends_on=("a",)), retry=retry(2)))
    played = Play(program).begin().claim("a").claim("b").end("a", FAILED).end("b").due()
    assert played.jobs == {"a": 2}
    played.claim("a").end("a").claim("c").end("c")
    assert (played.state, len(played.runs)) == (OK, 4)


def test_choices_are_not_made_again():
    program = flow(choice("i", "x", [task("a")], [task("b")]), switch("s", "x", {"x": [task("c")]}), retry=retry(3))
    played = play(program, {"a": [FAILED, OK], "c": [FAILED, OK]})
    assert (played.state, played.started, played.states) == (OK, ["a", "a", "c", "c"], {"i": "SUCCESS", "a": "SUCCESS", "s": "SUCCESS", "c": "SUCCESS"})
