"""The life of an execution as a whole: its date, its place under the limit of its flow, what it has to keep, what it gives back, and what is done after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.engine.events import Began, Due, Freed
from service.engine.execution import Execution
from service.engine.program import Watch
from service.engine.record import Gave
from service.engine.state import Stamp, State
from tests.engine.playing import FAILED, KILLED, OK, START, WARNING, Play, flow, for_each, group, job, parallel, pause, play, retry, task

CANCELLED, QUEUED, RUNNING = State.CANCELLED, State.QUEUED, State.RUNNING


# outputs


def test_an_execution_that_ends_gives_its_outputs():
    played = Play(flow(task("a"), outputs=["x"]), gives=Gave({"x": 1})).begin()
    assert played.execution.outputs is None
    played.end("a")
    assert (played.state, played.execution.outputs) == (OK, {"x": 1})


@pytest.mark.parametrize("end", [OK, WARNING])
def test_one_that_can_not_give_what_it_must_has_failed(end: State):
    played = Play(flow(task("a"), outputs=["x"]), gives=Gave({"y": 1}, ("there is no x",))).begin().end("a", end)
    assert (played.moves, played.execution.outputs) == (["CREATED", "RUNNING", "FAILED"], None)
    assert ("ERROR", "there is no x") in played.said


def test_what_has_failed_gives_what_it_can():
    played = Play(flow(task("a"), outputs=["x", "y"]), gives=Gave({"y": 1}, ("there is no x",))).begin().end("a", FAILED)
    assert (played.state, played.execution.outputs) == (FAILED, {"y": 1})
    assert ("WARN", "there is no x") in played.said
    assert Play(flow(task("a"), outputs=["x"]), gives=Gave({}, ("no x",))).begin().end("a", FAILED).execution.outputs is None


def test_what_was_killed_stays_killed_and_what_never_began_gives_nothing():
    program = flow(job("a"), outputs=["x"])
    assert Play(program, gives=Gave({}, ("no x",))).begin().kill().state is KILLED
    played = Play(program, gives=Gave({"x": 1})).kill()
    assert (played.state, played.execution.outputs, played.said) == (KILLED, None, [("WARN", "Killed by ann")])


def test_an_execution_that_another_takes_over_from_gives_nothing():
    program = flow(task("a"), retry=retry(2, behavior="CREATE_NEW_EXECUTION"), outputs=["x"])
    played = Play(program, gives=Gave({"x": 1})).begin().end("a", FAILED)
    assert (played.state, played.execution.outputs) == (State.RETRIED, None)


# after the end


@pytest.mark.parametrize("end", [OK, WARNING, FAILED])
def test_what_is_done_after_the_end_does_not_change_it(end: State):
    played = play(flow(task("a"), finally_=[task("f")], after=[task("x"), task("y")]), {"a": end, "x": FAILED})
    assert played.moves == ["CREATED", "RUNNING", end.value]
    assert played.states == {"a": end.value, "f": "SUCCESS", "x": "FAILED"}
    assert played.execution.over


def test_it_begins_when_the_execution_has_ended():
    played = Play(flow(task("a"), after=[job("x"), task("y")])).begin().end("a")
    assert (played.state, played.execution.trailing, played.states) == (OK, True, {"a": "SUCCESS", "x": "CREATED"})
    played.claim("x").end("x")
    assert (played.execution.trailing, played.states["y"]) == (True, "RUNNING")
    played.end("y")
    assert (played.execution.over, played.moves) == (True, ["CREATED", "RUNNING", "SUCCESS"])
    assert played.reports == 2


def test_it_may_be_groups_loops_retries_and_pauses_and_lost_work_is_sent_again():
    after = [
        group("g", parallel("p", job("j"), task("t", retry=retry(2))), errors=[task("e")]),
        for_each("l", ["a", "b"], task("b")),
        pause("w", pauseDuration="PT1M"),
    ]
    played = Play(flow(task("a"), errors=[task("never")], after=after)).begin().end("a")
    played.claim("j").lose("j")
    played.claim("j").end("j")
    played.end("t", FAILED)
    assert (played.run("t").state, played.state) == (State.RETRYING, OK)
    played.due().end("t", FAILED).end("e")
    assert (played.run("g").state, played.execution.over) == (FAILED, True)
    played = Play(flow(task("a"), after=after[1:])).begin().end("a").end("b[a]").end("b[b]")
    assert (played.run("w").state, played.execution.trailing, played.state) == (State.PAUSED, True, OK)
    assert played.due().execution.over
    assert "never" not in played.states


def test_no_retry_of_the_flow_is_for_it_and_no_execution_takes_over_because_of_it():
    played = Play(flow(task("a"), after=[task("x")], retry=retry(3))).begin().end("a").end("x", FAILED)
    assert (played.execution.over, len(played.run("x").attempts), played.timers) == (True, 1, [])
    played = Play(flow(task("a"), after=[task("x", retry=retry(3, behavior="CREATE_NEW_EXECUTION"))])).begin().end("a").end("x", FAILED)
    assert (played.execution.over, played.run("x").state, played.started_over) == (True, FAILED, [])


def test_it_is_done_after_a_kill_too():
    played = Play(flow(job("a"), after=[task("x")])).begin().claim("a").kill()
    assert (played.state, "x" in played.states) == (State.KILLING, False)
    played.end("a", KILLED)
    assert (played.state, played.states) == (KILLED, {"a": "KILLED", "x": "RUNNING"})
    assert played.end("x").execution.over
    played = Play(flow(job("a"), after=[task("x")])).kill()
    assert (played.moves, played.states) == (["CREATED", "KILLED"], {"x": "RUNNING"})
    played.hear(Began())
    assert played.states == {"x": "RUNNING"}


def test_a_kill_after_the_end_stops_what_is_done_there_and_leaves_the_end():
    played = Play(flow(task("a"), after=[group("g", parallel("p", job("x"), job("y"))), task("z")])).begin().end("a").claim("x").kill()
    assert (played.state, played.moves, played.execution.over) == (OK, ["CREATED", "RUNNING", "SUCCESS"], True)
    assert played.states == {"a": "SUCCESS", "g": "KILLED", "p": "KILLED", "x": "KILLED", "y": "KILLED"}
    assert played.stops == ["x"]
    assert played.end("x", KILLED).kill().states["x"] == "KILLED"


def test_an_execution_that_was_made_as_a_failed_one_is_followed_by_it():
    program = flow(task("a"), after=[task("x")])
    made = replace(Play(program).execution, history=(Stamp(State.CREATED, START), Stamp(FAILED, START)))
    played = Play(program, execution=made).begin()
    assert (played.state, played.states) == (FAILED, {"x": "RUNNING"})
    played.hear(Began())
    assert played.states == {"x": "RUNNING"}
    assert played.end("x").execution.over


def test_disabled_tasks_after_the_end_are_none():
    assert flow(task("a"), after=[task("x", disabled=True)]).after is None


# limits


def test_where_there_is_no_place_it_waits_for_one():
    played = Play(flow(job("a")), place=QUEUED).begin()
    assert (played.moves, played.states) == (["CREATED", "QUEUED"], {})
    played.hear(Freed())
    assert (played.state, played.states) == (QUEUED, {})
    played.free()
    assert (played.moves, played.states) == (["CREATED", "QUEUED", "RUNNING"], {"a": "CREATED"})
    played.hear(Freed())
    assert list(played.runs) == ["run1"]


@pytest.mark.parametrize("end", [CANCELLED, FAILED])
def test_or_it_ends(end: State):
    played = Play(flow(job("a"), errors=[task("e")], after=[task("x")]), place=end).begin()
    assert (played.moves, played.states) == (["CREATED", end.value], {"x": "RUNNING"})
    assert played.said[0][0] == ("ERROR" if end is FAILED else "WARN")


def test_a_killed_one_that_waited_has_never_run():
    played = Play(flow(job("a")), place=QUEUED).begin().kill()
    assert (played.moves, played.states) == (["CREATED", "QUEUED", "KILLED"], {})
    assert played.free().moves == ["CREATED", "QUEUED", "KILLED"]


@pytest.mark.parametrize("end", [RUNNING, CANCELLED, FAILED])
def test_somebody_takes_it_out_of_the_queue(end: State):
    played = Play(flow(job("a")), place=QUEUED).begin().unqueue(end)
    assert (played.moves, list(played.states)) == (["CREATED", "QUEUED", end.value], ["a"] if end is RUNNING else [])
    assert played.unqueue(CANCELLED).state is end


def test_by_force_it_runs_wherever_it_waits():
    waits = Execution("e", "main", "t", "f", 1, (Stamp(State.CREATED, START),), scheduled=START + timedelta(days=1))
    for played in (Play(flow(job("a")), place=QUEUED).begin(), Play(flow(job("a")), execution=waits).begin()):
        assert played.states == {}
        assert (played.force().state, list(played.states)) == (RUNNING, ["a"])
        assert played.force().states == {"a": "CREATED"}
    played = Play(flow(pause("p"), pause("q"), job("a"))).begin().force()
    assert (played.state, played.states) == (State.PAUSED, {"p": "SUCCESS", "q": "PAUSED"})
    assert played.force().states["a"] == "CREATED"


# dates


def test_it_begins_at_its_date():
    later = START + timedelta(hours=1)
    played = Play(flow(task("a")), execution=Execution("e", "main", "t", "f", 1, (Stamp(State.CREATED, START),), scheduled=later)).begin()
    assert (played.moves, [timer.when for timer in played.timers]) == (["CREATED"], [later])
    assert played.execution.joined == later
    played.due()
    assert (played.moves, played.states) == (["CREATED", "RUNNING"], {"a": "RUNNING"})


def test_it_can_be_killed_before():
    later = START + timedelta(hours=1)
    played = Play(flow(task("a")), execution=Execution("e", "main", "t", "f", 1, (Stamp(State.CREATED, START),), scheduled=later)).begin().kill()
    assert (played.due().moves, played.states) == (["CREATED", "KILLED"], {})


# SLAs


def watched(*tasks: Any, after: Any = (), **watch: Any) -> Play:
    return Play(flow(*tasks, after=after, watches=[Watch("w", **watch)]))


LONG = timedelta(hours=1)


@pytest.mark.parametrize("end", [FAILED, CANCELLED])
def test_what_takes_too_long_is_ended_and_what_runs_of_it_is_stopped(end: State):
    played = watched(parallel("p", job("a"), job("b"), pause("c")), after=[task("x")], end=end, labels={"late": "yes"}, duration=LONG).begin().claim("a")
    assert [timer.when for timer in played.timers] == [START + LONG]
    played.due()
    assert played.moves == ["CREATED", "RUNNING", end.value]
    assert played.states == {"p": end.value, "a": end.value, "b": end.value, "c": end.value, "x": "RUNNING"}
    assert (played.stops, list(played.jobs), played.execution.labels, played.execution.breached) == (["a"], ["a"], {"late": "yes"}, ("w",))
    # The runner's report comes too late to change anything.
    assert played.end("a", KILLED).states["a"] == end.value


@pytest.mark.parametrize("place", [RUNNING, QUEUED])
def test_one_that_waits_is_ended_at_once(place: State):
    played = watched(pause("p"), end=FAILED, duration=LONG)
    played.place = place
    before = list(played.begin().moves)
    assert played.due().moves == [*before, "FAILED"]


def test_the_time_of_one_with_a_date_begins_then():
    played = watched(task("a"), end=FAILED, duration=LONG)
    played.execution = replace(played.execution, scheduled=START + timedelta(days=1))
    assert {timer.when - START for timer in played.begin().timers} == {timedelta(days=1), timedelta(days=1) + LONG}


def test_or_it_only_gets_labels():
    played = watched(job("a"), labels={"late": "yes"}, duration=LONG).begin().due()
    assert (played.state, played.execution.labels, played.stops) == (RUNNING, {"late": "yes"}, [])
    played.hear(Due("sla:w"))
    assert len(played.said) == 1
    assert played.claim("a").end("a").state is OK


def test_what_ended_in_time_is_let_be():
    played = watched(task("a"), end=FAILED, duration=LONG).begin().end("a").due()
    assert (played.state, played.execution.breached) == (OK, ())


def test_a_condition_is_looked_at_on_every_change():
    """The templates of these tests render to the output of the task that they name."""
    played = watched(task("a"), job("b"), end=FAILED, labels={"bad": "yes"}, holds="a").begin()
    assert played.state is RUNNING
    played.end("a", value="false")
    assert (played.moves, played.states) == (["CREATED", "RUNNING", "FAILED"], {"a": "SUCCESS", "b": "FAILED"})
    assert (played.jobs, played.execution.labels) == ({}, {"bad": "yes"})


def test_the_last_change_counts():
    played = watched(task("a"), end=CANCELLED, holds="a").begin().end("a", value="false")
    assert played.moves == ["CREATED", "RUNNING", "CANCELLED"]
    assert watched(task("a"), end=CANCELLED, holds="a").begin().end("a", value="true").state is OK


def test_each_is_broken_once():
    played = watched(task("a"), task("b"), labels={"bad": "yes"}, holds="false").begin().end("a").end("b")
    assert (played.state, [level for level, _ in played.said]) == (OK, ["WARN"])


def test_a_condition_that_can_not_be_told_says_nothing_until_the_end():
    played = watched(task("a"), task("b"), end=FAILED, holds="broken").begin().end("a")
    assert played.said == []
    assert played.end("b").state is OK
    assert "SLA `w` could not be looked at" in played.said[0][1]


def test_what_is_being_killed_is_killed():
    played = watched(job("a"), end=FAILED, labels={"late": "yes"}, duration=LONG).begin().claim("a").kill().due()
    assert (played.state, played.execution.labels) == (State.KILLING, {"late": "yes"})
    assert played.end("a", KILLED).state is KILLED
