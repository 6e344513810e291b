"""What people say about an execution: how a task ended, that it waits, where it stops, what it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.engine.asked import ALLOWED
from service.engine.commands import StopJob
from service.engine.events import Deleted, Forced, Killed, Labelled, StatusSet, Unqueued
from service.engine.program import Node
from service.engine.state import State
from tests.engine.playing import (
    FAILED,
    KILLED,
    OK,
    WARNING,
    Play,
    approval,
    flow,
    for_each,
    go,
    group,
    job,
    loop,
    loop_until,
    parallel,
    pause,
    play,
    retry,
    subflow,
    task,
)

PAUSED, BREAKPOINT, RUNNING = State.PAUSED, State.BREAKPOINT, State.RUNNING


def states(played: Play) -> list[str]:
    return [stamp.state.value for stamp in played.execution.history]


# the state of a task run


def test_a_failure_that_is_called_a_success_lets_the_rest_follow():
    played = play(flow(task("a"), group("g", task("b"), task("c"), errors=[task("x")]), task("d"), errors=[task("e")]), {"b": FAILED})
    go(played.say_state("b", OK))
    assert played.refusal is None
    assert played.states == {"a": "SUCCESS", "g": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "d": "SUCCESS"}
    assert played.history("b") == ["CREATED", "RUNNING", "FAILED", "SUCCESS"]
    assert [attempt.state for attempt in played.run("b").attempts] == [FAILED, OK]
    assert states(played) == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert played.run("b").attempts[1].number == 2


def test_a_success_that_is_called_a_failure_has_its_handlers():
    played = play(flow(task("a"), task("b"), errors=[task("e")], finally_=[task("f")]))
    go(played.say_state("a", FAILED))
    assert (played.state, played.states) == (FAILED, {"a": "FAILED", "b": "SUCCESS", "e": "SUCCESS", "f": "SUCCESS"})


def test_other_failures_in_the_group_still_fail_it():
    played = play(flow(parallel("p", group("g", task("a")), group("h", task("b")))), {"a": FAILED, "b": FAILED})
    go(played.say_state("a", OK))
    assert (played.state, played.states["g"]) == (FAILED, "SUCCESS")


def test_a_warning_and_a_cancellation_show_in_the_end():
    for state in (WARNING, State.CANCELLED):
        played = go(play(flow(task("a"), task("b")), {"a": FAILED}).say_state("a", state))
        assert (played.state, "b" in played.states) == (state, state is WARNING)


def test_a_pause_ends_as_somebody_says():
    for state, end in ((RUNNING, OK), (OK, OK), (FAILED, FAILED), (State.CANCELLED, State.CANCELLED)):
        played = go(Play(flow(pause("p", pauseDuration="PT1H"), task("z"))).begin().say_state("p", state))
        assert (played.refusal, played.state, played.timers) == (None, end, [])


def test_another_pause_goes_on_waiting():
    played = Play(flow(parallel("l", pause("p"), pause("q")))).begin().say_state("p", OK)
    assert (played.state, played.states) == (PAUSED, {"l": "RUNNING", "p": "SUCCESS", "q": "PAUSED"})
    assert "RESTARTED" not in states(played)
    assert go(played.resume("q")).state is OK


def test_the_last_task_of_a_pass_is_followed_by_the_condition():
    played = play(flow(loop_until("l", "true", task("a"))), {"a": FAILED})
    go(played.say_state("a", OK))
    assert (played.state, played.run("l").outputs) == (OK, {"iterationCount": 1})


@pytest.mark.parametrize(
    ("name", "state", "why"),
    [
        ("a", FAILED, "`a` is FAILED already"),
        ("a", RUNNING, "`a` does not wait: it is FAILED"),
        ("e", FAILED, "`e` stands in `errors`"),
        ("o", FAILED, "`o` stands in `onPause`"),
    ],
)
def test_a_state_that_can_not_be_changed_is_named(name, state, why):
    played = Play(flow(pause("p", on_pause=task("o")), task("a"), errors=[task("e")])).begin()
    played.end(played.todo.popleft()).resume("p")
    go(played, {"a": FAILED})
    before = dict(played.runs)
    assert why in (played.say_state(name, state).refusal or "")
    assert played.runs == before


def test_a_task_that_was_killed_is_not_changed():
    played = Play(flow(job("a"))).begin().kill()
    assert "`a` was killed" in (played.say_state("a", OK).refusal or "")


# the state and the labels of the execution


def test_the_state_of_an_execution_alone():
    played = play(flow(task("a"), task("b")), {"a": FAILED})
    played.hear(StatusSet(OK, "ann"))
    assert (played.state, played.states) == (OK, {"a": "FAILED"})
    played.hear(StatusSet(OK, "ann"))
    assert played.refusal == "execution e is SUCCESS already"


def test_labels_of_the_service_stay():
    played = play(flow(task("a")), {"a": FAILED})
    go(played.restart())
    played.hear(Labelled({"team": "a"}, "ann"))
    played.hear(Labelled({"team": "b", "x": "y"}, "ann"))
    assert played.execution.labels == {"team": "b", "x": "y", "system.restarted": "true"}


# pauses of the whole


def test_what_runs_goes_on_to_its_end_and_nothing_new_begins():
    played = Play(flow(parallel("p", job("a"), group("g", job("b"), job("c"))), task("z"))).begin().claim("a").claim("b").halt()
    assert (played.state, played.execution.held) == (RUNNING, ())
    played.end("a")
    assert played.state is RUNNING
    played.end("b")
    assert (played.state, played.states) == (PAUSED, {"p": "RUNNING", "a": "SUCCESS", "g": "RUNNING", "b": "SUCCESS"})
    played.unhalt()
    assert (played.state, played.states["c"], played.execution.held) == (RUNNING, "CREATED", None)
    assert go(played).state is OK
    assert states(played) == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_the_end_waits_too_and_so_does_a_failure():
    played = Play(flow(job("a"), errors=[task("e")])).begin().claim("a").halt().end("a", FAILED)
    assert (played.state, played.states) == (PAUSED, {"a": "FAILED"})
    assert go(played.unhalt()).states == {"a": "FAILED", "e": "SUCCESS"}


def test_timers_that_come_in_the_meantime_are_not_lost():
    played = Play(flow(parallel("p", job("a"), task("b", retry=retry(2)), pause("w", pauseDuration="PT1S")), task("z"))).begin()
    played.end(played.todo.popleft(), FAILED).claim("a").halt().due().due()
    assert (played.states["b"], played.states["w"], len(played.execution.held or ())) == ("RETRYING", "PAUSED", 2)
    played.end("a")
    assert played.state is PAUSED
    assert go(played.unhalt()).state is OK


def test_a_pause_of_the_whole_comes_before_that_of_a_task():
    played = Play(flow(parallel("p", job("a"), pause("w")))).begin().halt()
    assert "as a whole" in (played.resume("w").refusal or "")
    assert "somebody has paused it already" in (played.halt().refusal or "")
    played.unhalt().resume("w")
    assert played.refusal is None
    assert "`w` does not wait any more" in (played.resume("w").refusal or "")


def test_a_paused_execution_can_be_killed_but_not_restarted():
    played = Play(flow(job("a"), job("b"))).begin().claim("a").halt().end("a", FAILED)
    assert "resume it first" in (played.restart().refusal or "")
    assert "resume it first" in (played.say_state("a", OK).refusal or "")
    played.kill()
    assert (played.state, played.execution.held) == (KILLED, None)


# breakpoints


def stopping(program, *breakpoints: str) -> Play:
    played = Play(program)
    played.execution = replace(played.execution, breakpoints=breakpoints)
    return played.begin()


def test_an_execution_stops_before_a_task_and_goes_on_to_the_next():
    played = go(stopping(flow(task("a"), job("b"), group("g", task("c"))), "b", "g"))
    assert (played.state, played.states) == (BREAKPOINT, {"a": "SUCCESS", "b": "BREAKPOINT"})
    played.pass_on()
    assert (played.state, played.states["b"], played.jobs) == (RUNNING, "RUNNING", {"b": 1})
    go(played)
    assert (played.state, played.states["g"]) == (BREAKPOINT, "BREAKPOINT")
    assert go(played.pass_on()).state is OK
    assert states(played) == ["CREATED", "RUNNING", "BREAKPOINT", "RUNNING", "BREAKPOINT", "RUNNING", "SUCCESS"]
    assert played.history("b") == ["CREATED", "BREAKPOINT", "RUNNING", "SUCCESS"]


def test_a_breakpoint_can_be_for_one_value():
    played = go(stopping(flow(for_each("l", ["x", "y"], task("a"))), "a.y"))
    assert played.states == {"l": "RUNNING", "a[x]": "SUCCESS", "a[y]": "BREAKPOINT"}
    assert go(played.pass_on()).state is OK


def test_what_runs_beside_a_breakpoint_goes_on_first():
    played = stopping(flow(parallel("p", task("a"), job("b"))), "a")
    assert (played.state, played.states) == (RUNNING, {"p": "RUNNING", "a": "BREAKPOINT", "b": "CREATED"})
    assert "it stands at no breakpoint" in (played.pass_on().refusal or "")
    played.claim("b").end("b")
    assert played.state is BREAKPOINT


def test_breakpoints_can_be_changed_where_it_stands():
    played = go(stopping(flow(task("a"), task("b"), task("c")), "a", "b"))
    played = go(played.pass_on("c"))
    assert played.states == {"a": "SUCCESS", "b": "SUCCESS", "c": "BREAKPOINT"}


def test_what_stands_at_a_breakpoint_can_be_killed_skipped_and_fail():
    assert stopping(flow(parallel("p", task("a"), group("g", task("b")))), "a", "g").kill().state is KILLED
    for condition, end in (("false", State.SKIPPED), ("broken", FAILED)):
        played = go(stopping(flow(task("a", run_if=condition)), "a"))
        assert played.state is BREAKPOINT
        assert go(played.pass_on()).run("a").state is end


def test_a_replay_can_stop_before_the_task_that_it_begins_with():
    copy = go(play(flow(task("a"), task("b"))).replayed("b", "b"))
    assert (copy.state, copy.history("b")) == (BREAKPOINT, ["CREATED", "RUNNING", "SUCCESS", "RESTARTED", "BREAKPOINT"])
    assert go(copy.pass_on()).state is OK
    again = go(go(stopping(flow(task("a"), task("b")), "b")).replayed("a"))
    assert (again.state, again.states) == (OK, {"a": "SUCCESS", "b": "SUCCESS"})


# the rest


def test_of_two_who_kill_one_is_refused():
    played = Play(flow(job("a"))).begin().claim("a")
    assert StopJob("run1", 1) in played.hear(Killed("ann", cascade=False))
    played.kill()
    assert played.refusal == "execution e is KILLING; it can't be killed"
    played.end("a", KILLED).kill()
    assert played.refusal == "execution e is KILLED already; it can't be killed"


def test_only_what_has_ended_is_deleted():
    played = Play(flow(job("a"))).begin()
    played.hear(Deleted("ann"))
    assert "only one that has ended can be deleted" in (played.refusal or "")
    ended = play(flow(task("a")))
    with pytest.raises(AssertionError, match="Erase"):
        ended.hear(Deleted("ann", logs=False))


@pytest.mark.parametrize("state", State)
def test_every_state_allows_something_or_says_why_not(state):
    assert any(state in allowed for allowed, _ in ALLOWED.values()) or state is State.KILLING
    assert all(why for _, why in ALLOWED.values())


@pytest.mark.parametrize("limit", [0, 1])
def test_what_came_behind_a_changed_group_stays_and_is_not_done_twice(limit):
    body = for_each("l", ["x", "y"], group("g", task("a")), task("b"), limit=limit)
    played = play(flow(group("h", task("c")), task("d"), body))
    before = set(played.runs)
    go(played.say_state("a[x]", WARNING))
    assert (played.state, played.states["g[x]"], set(played.runs)) == (WARNING, "WARNING", before)
    go(played.say_state("c", FAILED))
    assert (played.state, set(played.runs)) == (FAILED, before)


def test_a_pass_with_a_changed_group_is_followed_by_the_condition():
    played = play(flow(loop_until("l", "true", group("g", task("a")), task("b"))))
    go(played.say_state("a", WARNING))
    assert (played.state, played.states, played.run("l").outputs) == (
        WARNING, {"l": "WARNING", "g": "WARNING", "a": "WARNING", "b": "SUCCESS"}, {"iterationCount": 1},
    )  # fmt: skip


# by force


def test_force_lets_an_execution_go_on_that_somebody_has_paused():
    played = Play(flow(job("a"), job("b"))).begin().claim("a").halt().end("a")
    assert (played.state, played.states) == (PAUSED, {"a": "SUCCESS"})
    assert go(played.force()).states == {"a": "SUCCESS", "b": "SUCCESS"}
    assert states(played) == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


@pytest.mark.parametrize("waits", [approval("w"), loop("w", [1], task("a")), subflow("w")], ids=["approval", "loop", "subflow"])
@pytest.mark.parametrize("deed", [Play.force, lambda played: played.say_state("w", RUNNING)], ids=["force", "state"])
def test_force_decides_nothing_for_anybody(waits: Node, deed: Callable[[Play], Play]):
    played = play(flow(waits, task("b")))
    if played.called:
        played.stored("w#0").moved("w#0", PAUSED)
    assert (played.state, played.states) == (PAUSED, {"w": "PAUSED"})
    deed(played)
    assert (played.state, played.states) == (PAUSED, {"w": "PAUSED"})


def test_one_that_is_forced_out_of_a_wait_does_not_hear_of_its_time():
    played = Play(flow(loop_until("l", "false", task("a"), maxIterations=3))).begin().end("a")
    assert (played.state, len(played.timers)) == (PAUSED, 1)
    played.force().end("a")
    assert (played.state, len(played.timers)) == (PAUSED, 1)


@pytest.mark.parametrize("kind", [Forced("ann"), Unqueued(RUNNING, "ann")])
def test_what_has_ended_is_neither_forced_nor_taken_out_of_a_queue(kind: Forced | Unqueued):
    played = play(flow(task("a")))
    played.hear(kind)
    assert played.refusal == f"execution {played.execution.id} is SUCCESS; {ALLOWED[type(kind)][1]}"
