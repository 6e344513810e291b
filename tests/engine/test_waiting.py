"""Constructs that wait: Pause for somebody or for a time, LoopUntil for its next pass."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.engine.state import State
from tests.engine.playing import FAILED, KILLED, OK, WARNING, Play, flow, for_each, group, job, loop_until, parallel, pause, play, retry, task

# LoopUntil


def passes(played: Play, *values: str) -> Play:
    """Ends task `a` once for each value, and lets the timer between two passes come."""
    for number, value in enumerate(values):
        if number:
            played.due()
        played.end("a", OK, value=value)
    return played


def test_a_loop_runs_again_until_its_condition_holds():
    played = Play(flow(loop_until("l", "a", task("a"), interval="PT5S"), task("z"))).begin()
    assert played.run("l").outputs == {"iterationCount": 1}
    first = played.run("a")
    assert first.iteration == 0
    played.end("a", OK, value="false")
    assert (played.state.value, played.run("l").state.value) == ("PAUSED", "PAUSED")
    assert played.timers[0].when == played.now + timedelta(seconds=5)
    assert "a" in played.states, "what the last pass did can be seen while it waits"
    played.due()
    assert (played.state.value, played.run("l").state.value) == ("RUNNING", "RUNNING")
    assert played.run("a").id != first.id
    assert played.run("a").iteration == 1
    played.end("a", OK, value="true")
    assert played.states == {"l": "SUCCESS", "a": "SUCCESS", "z": "RUNNING"}
    assert played.run("l").outputs == {"iterationCount": 2}


@pytest.mark.parametrize(("fails", "state"), [(False, OK), (True, FAILED)])
def test_a_loop_ends_after_its_last_pass(fails, state):
    played = Play(flow(loop_until("l", "a", task("a"), fails=fails, maxIterations=3))).begin()
    passes(played, "false", "false", "false")
    assert (played.state, played.run("l").outputs, played.timers) == (state, {"iterationCount": 4}, [])
    assert any("3 passes" in message for _, message in played.said) == fails


def test_a_loop_ends_after_its_time():
    played = Play(flow(loop_until("l", "a", task("a"), interval="PT10S", maxDuration="PT25S"))).begin()
    passes(played, "false", "false", "false")
    assert (played.state, played.run("l").outputs) == (OK, {"iterationCount": 4})


def test_handlers_of_a_loop_run_once():
    program = flow(loop_until("l", "a", task("a"), finally_=[task("f")], errors=[task("e")], maxIterations=2, fails=True))
    played = passes(Play(program).begin(), "false", "false")
    assert played.started == ["a", "a", "e"]
    played.end("e").end("f")
    assert (played.state, played.started) == (FAILED, ["a", "a", "e", "f"])
    played = passes(Play(program).begin(), "false", "true").end("f")
    assert (played.state, played.started) == (OK, ["a", "a", "f"])


def test_a_child_that_fails_fails_the_loop():
    played = play(flow(loop_until("l", "yes", task("a"), task("b"), errors=[task("e")])), {"a": FAILED})
    assert (played.state, played.states) == (FAILED, {"l": "FAILED", "a": "FAILED", "e": "SUCCESS"})
    assert play(flow(loop_until("l", "yes", task("a"))), {"a": WARNING}).state is WARNING
    assert play(flow(loop_until("l", "broken", task("a")))).state is FAILED


def test_a_new_pass_clears_all_that_is_below():
    inner = loop_until("i", "b", task("b"), interval="PT1S")
    played = Play(flow(loop_until("l", "a", inner, group("g", task("a")), interval="PT9S"))).begin()
    played.end("b", OK, value="false").due().end("b", OK, value="true").end("a", OK, value="false")
    assert played.run("i").outputs == {"iterationCount": 2}
    played.due()
    assert played.states == {"l": "RUNNING", "i": "RUNNING", "b": "RUNNING"}
    assert played.run("i").outputs == {"iterationCount": 1}
    played.end("b", OK, value="true").end("a", OK, value="true")
    assert played.state is OK


def test_a_loop_that_waits_can_be_killed():
    played = Play(flow(loop_until("l", "a", task("a")))).begin().end("a", OK, value="false").kill()
    assert played.state is KILLED
    played.due()
    assert played.states == {"l": "KILLED", "a": "SUCCESS"}


# Pause


def test_a_pause_waits_for_somebody():
    played = Play(flow(task("a"), pause("p"), task("z"))).begin().end("a")
    assert (played.state.value, played.states, played.timers) == ("PAUSED", {"a": "SUCCESS", "p": "PAUSED"}, [])
    played.resume("p", size=3)
    assert played.state.value == "RUNNING"
    assert played.run("p").outputs == {"onResume": {"size": 3}, "resumed": {"by": "ann", "on": "2026-03-02T12:00:03Z", "to": "RUNNING"}}
    assert played.history("p") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    played.end("z")
    assert [stamp.state.value for stamp in played.execution.history] == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_a_pause_is_resumed_once():
    played = Play(flow(pause("p"), task("z"))).begin().resume("p", x=1)
    before = played.run("p")
    played.resume("p", x=2)
    assert played.run("p") is before
    assert played.started == ["z"]


@pytest.mark.parametrize(
    ("behavior", "state", "later"),
    [("RESUME", OK, True), ("WARN", WARNING, True), ("FAIL", FAILED, False), ("CANCEL", State.CANCELLED, False)],
)
def test_a_pause_ends_by_itself(behavior, state, later):
    program = flow(pause("p", pauseDuration="PT10S", behavior=behavior, finally_=[task("f")], errors=[task("e")]), task("z"))
    played = Play(program).begin()
    assert played.timers[0].when == played.now + timedelta(seconds=10)
    played.due()
    while played.todo:
        played.end(played.todo.popleft())
    assert (played.state, "z" in played.states, "e" in played.states, "f" in played.states) == (state, later, state is FAILED, True)


def test_a_pause_that_nobody_ends_in_time_fails():
    played = Play(flow(pause("p", timeout="PT10S", errors=[task("e")]), task("z"), errors=[task("all")])).begin().due().end("e").end("all")
    assert (played.state, played.states) == (FAILED, {"p": "FAILED", "e": "SUCCESS", "all": "SUCCESS"})
    played = Play(flow(pause("p", timeout="PT10S", allow_failure=True), task("z"))).begin().due().end("z")
    assert (played.state, played.states) == (WARNING, {"p": "WARNING", "z": "SUCCESS"})


def test_what_is_resumed_does_not_time_out():
    played = Play(flow(pause("p", timeout="PT10S", pauseDuration="PT1M"), task("z"))).begin().resume("p")
    played.due().due()
    assert (played.states, played.started) == ({"p": "SUCCESS", "z": "RUNNING"}, ["z"])


def test_a_task_runs_when_it_pauses_and_ends_before_it_goes_on():
    played = Play(flow(pause("p", on_pause=job("say")), task("z"))).begin()
    assert (played.jobs, played.state.value, played.run("p").state.value) == ({"say": 1}, "RUNNING", "PAUSED")
    played.claim("say").end("say", FAILED)
    assert (played.state.value, played.run("p").state.value) == ("PAUSED", "PAUSED")
    assert played.resume("p").end("z").state is OK
    played = Play(flow(pause("p", on_pause=job("say")), task("z"))).begin().resume("p").claim("say")
    assert played.started == ["say"]
    played.end("say").end("z")
    assert (played.state, played.run("p").outputs["resumed"]["by"]) == (OK, "ann")


def test_tasks_inside_a_pause_run_after_it():
    played = Play(flow(pause("p", task("a"), task("b")), task("z"))).begin().resume("p").end("a").end("b").end("z")
    assert (played.state, played.started) == (OK, ["a", "b", "z"])


def test_the_other_branches_of_a_parallel_go_on():
    played = Play(flow(parallel("q", pause("p"), group("g", job("a"), job("b"))), task("z"))).begin()
    assert played.state.value == "RUNNING"
    played.claim("a").end("a")
    assert played.state.value == "RUNNING"
    played.claim("b").end("b")
    assert str(played.state) == "PAUSED"
    played.resume("p").end("z")
    assert played.state is OK


def test_a_paused_execution_can_be_killed():
    played = Play(flow(group("g", pause("p", timeout="PT1H")), task("z"))).begin().kill()
    assert (played.state, played.states) == (KILLED, {"g": "KILLED", "p": "KILLED"})
    assert played.due().resume("p").state is KILLED


def test_no_retry_of_those_around_is_for_what_is_done_while_it_pauses():
    for behavior in ("RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"):
        played = Play(flow(group("g", pause("p", on_pause=job("say")), task("z"), retry=retry(3)), retry=retry(3, behavior=behavior))).begin()
        played.claim("say").end("say", FAILED)
        assert (played.run("say").state, played.timers, played.state.value) == (FAILED, [], "PAUSED")
        assert played.resume("p").end("z").state is OK
    played = Play(flow(pause("p", on_pause=job("say", retry=retry(2))))).begin().claim("say").end("say", FAILED)
    assert (played.run("say").state.value, played.state.value) == ("RETRYING", "RETRYING"), "but its own is"
    assert played.due().claim("say").end("say").resume("p").state is OK


def test_tasks_inside_a_pause_run_after_it_has_warned():
    program = flow(pause("p", task("a"), pauseDuration="PT10S", behavior="WARN", finally_=[task("f")]), task("z"))
    played = play(program)
    assert (played.state, played.states) == (WARNING, {"p": "WARNING", "a": "SUCCESS", "f": "SUCCESS", "z": "SUCCESS"})
    assert play(program, {"a": FAILED}).states == {"p": "FAILED", "a": "FAILED", "f": "SUCCESS"}


def test_what_follows_a_wait_is_seen_to_run():
    histories = {"RESUME": ["RUNNING", "SUCCESS"], "FAIL": ["RUNNING", "FAILED"], "CANCEL": ["RUNNING", "CANCELLED"]}
    for behavior, after in histories.items():
        played = play(flow(pause("p", pauseDuration="PT10S", behavior=behavior)))
        assert [stamp.state.value for stamp in played.execution.history] == ["CREATED", "RUNNING", "PAUSED", *after]


def test_one_wait_can_follow_another():
    # `a` has failed for now when the pause beside it ends its group: what is left is the other pause.
    inner = parallel("p", task("a"), pause("short", pauseDuration="PT10S", behavior="FAIL"), retry=retry(3))
    played = Play(flow(parallel("q", inner, pause("long")))).begin().end("a", FAILED)
    assert played.state.value == "RETRYING"
    played.due()
    assert (played.state.value, played.run("a").state) == ("PAUSED", FAILED)
    assert [stamp.state.value for stamp in played.execution.history][-3:] == ["RETRYING", "RUNNING", "PAUSED"]
    assert played.resume("long").state is FAILED


def test_a_pause_after_the_end_is_decided_does_not_change_it():
    program = flow(task("a", retry=retry(2, behavior="CREATE_NEW_EXECUTION")), finally_=[pause("p")])
    played = Play(program).begin().end("a", FAILED)
    assert played.state.value == "PAUSED"
    assert (played.resume("p").state.value, len(played.started_over)) == ("RETRIED", 1)
    played = Play(flow(task("a"), finally_=[pause("p")], retry=retry(2))).begin().end("a", FAILED).resume("p")
    assert (played.state.value, played.states) == ("RETRYING", {"a": "RETRYING", "p": "SUCCESS"})
    played.due()
    assert played.states == {"a": "RUNNING"}


@pytest.mark.parametrize("around", [lambda *tasks: for_each("l", ["x", "y"], *tasks), lambda *tasks: group("l", *tasks, retry=retry(3))])
def test_pauses_in_groups_and_loops_pause_each_by_itself(around):
    played = Play(flow(around(pause("p"), task("b")), task("z"))).begin()
    while played.state.value == "PAUSED":
        waiting = [run for run in played.runs.values() if run.state.value == "PAUSED"]
        assert len(waiting) == 1
        played.resume(waiting[0].id)
        while played.todo:
            played.end(played.todo.popleft())
    assert played.state is OK


def test_all_values_of_a_loop_pause_at_once_without_a_limit():
    played = Play(flow(for_each("l", ["x", "y", "z"], pause("p"), task("b"), limit=0))).begin()
    assert [run.state.value for run in played.runs.values()] == ["RUNNING", "PAUSED", "PAUSED", "PAUSED"]
    played.resume("p[y]")
    assert (played.todo.popleft(), played.state.value) == ("b[y]", "RUNNING")
    played.end("b[y]")
    assert played.state.value == "PAUSED"
    for value in ("x", "z"):
        played.resume(f"p[{value}]").end(f"b[{value}]")
    assert played.state is OK


def test_a_pause_is_done_anew_in_the_next_pass_of_a_loop():
    played = Play(flow(loop_until("l", "a", pause("p", pauseDuration="PT1H"), task("a"), interval="PT1S"))).begin().resume("p").end("a", OK, value="false")
    first = played.run("p").id
    played.timers.pop(0)  # of the pause that somebody has ended
    played.due()
    assert (played.state.value, played.run("p").state.value) == ("PAUSED", "PAUSED")
    assert played.run("p").id != first
    assert played.due().end("a", OK, value="true").state is OK


def test_a_loop_that_is_tried_again_goes_on_with_its_pass():
    program = flow(loop_until("l", "b", task("a"), task("b"), interval="PT1S", maxIterations=3, errors=[task("e")]), retry=retry(3))
    played = Play(program).begin().end("a").end("b", OK, value="false").due().end("a").end("b", FAILED).end("e").due()
    assert (played.states, played.run("b").iteration) == ({"l": "RUNNING", "a": "SUCCESS", "b": "RUNNING"}, 1)
    played.end("b", OK, value="true")
    assert (played.state, played.run("l").outputs) == (OK, {"iterationCount": 2})
