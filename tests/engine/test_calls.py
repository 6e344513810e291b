"""Tasks that call executions: a flow as a task, and loops whose iterations are executions."""

from __future__ import annotations

from typing import Any

import pytest

from service.engine.events import ChildMoved
from service.engine.state import State
from tests.engine.playing import FAILED, KILLED, OK, WARNING, Play, flow, job, loop, parallel, pause, retry, subflow, task

PAUSED, CANCELLED, RUNNING = State.PAUSED, State.CANCELLED, State.RUNNING


def begun(*tasks, **rest) -> Play:
    return Play(flow(*tasks, **rest)).begin()


# a flow as a task


@pytest.mark.parametrize(
    ("end", "transmitted"), [(OK, OK), (WARNING, WARNING), (FAILED, FAILED), (KILLED, KILLED), (CANCELLED, OK)], ids=lambda state: state.value
)
@pytest.mark.parametrize("transmits", [True, False], ids=["transmits", "keeps"])
def test_the_end_of_what_is_called_is_the_task_s_where_it_is_transmitted(end: State, transmitted: State, transmits: bool):
    played = begun(subflow("s", transmits)).stored("s#0")
    assert played.states == {"s": "RUNNING"}
    played.moved("s#0", end, given=1)
    assert played.states == {"s": (transmitted if transmits else OK).value}
    assert played.run("s").outputs == {"executionId": "s#0", "state": end.value, "outputs": {"given": 1}}


def test_a_call_that_nobody_waits_for_is_over_once_it_is_stored():
    played = begun(subflow("s", waits=False), task("a"))
    assert played.states == {"s": "RUNNING"}
    played.stored("s#0")
    assert played.states == {"s": "SUCCESS", "a": "RUNNING"}
    assert played.run("s").outputs == {"executionId": "s#0"}


@pytest.mark.parametrize("transmits", [True, False], ids=["transmits", "keeps"])
def test_what_can_not_be_started_fails_the_task_in_any_case(transmits: bool):
    played = begun(subflow("s", transmits)).refused("s#0", "no such flow")
    assert played.states == {"s": "FAILED"}
    assert played.said == [("ERROR", "no such flow")]


@pytest.mark.parametrize(("given", "shown"), [({}, {"read": "there"}), ({"own": 1}, {"own": 1})])
def test_the_old_outputs_of_a_call_are_for_flows_without_outputs(given: Any, shown: Any):
    played = Play(flow(subflow("s", gives={"read": "there"}))).begin().stored("s#0").moved("s#0", State.SUCCESS, **given)
    assert played.run("s").outputs == {"executionId": "s#0", "state": "SUCCESS", "outputs": shown}


def test_a_call_whose_old_outputs_can_not_be_read_fails():
    played = Play(flow(subflow("s", gives="broken"))).begin().stored("s#0").moved("s#0", State.SUCCESS)
    assert (played.state, played.run("s").outputs) == (State.FAILED, {"executionId": "s#0", "state": "SUCCESS"})
    assert played.said[-1] == ("ERROR", "`outputs`, in execution s#0: f.yml:1:1: no such variable")


def test_a_call_that_fails_is_tried_again_with_a_new_one():
    played = begun(subflow("s", retry=retry(2))).stored("s#0").moved("s#0", FAILED)
    assert (played.state, played.called) == (State.RETRYING, {})
    played.due().stored("s#0").moved("s#0", OK)
    assert (played.state, len(played.run("s").attempts)) == (OK, 2)


def test_a_pause_of_what_is_called_is_the_task_s_and_so_is_its_end():
    played = begun(subflow("s")).stored("s#0").moved("s#0", PAUSED)
    assert (played.state, played.history("s")) == (PAUSED, ["CREATED", "RUNNING", "PAUSED"])
    played.moved("s#0", RUNNING)
    assert (played.state, played.states) == (RUNNING, {"s": "RUNNING"})
    played.moved("s#0", PAUSED).moved("s#0", OK)
    assert (played.state, played.history("s")[-2:]) == (OK, ["RUNNING", "SUCCESS"])


def test_a_paused_call_that_fails_is_tried_again():
    played = begun(subflow("s", retry=retry(2))).stored("s#0").moved("s#0", PAUSED).moved("s#0", FAILED)
    assert (played.state, played.history("s")) == (State.RETRYING, ["CREATED", "RUNNING", "PAUSED", "RUNNING", "RETRYING"])


def test_an_execution_whose_call_runs_is_running_although_another_task_waits():
    played = begun(parallel("p", subflow("s"), pause("w"))).stored("s#0")
    assert played.state is RUNNING
    played.moved("s#0", PAUSED)
    assert played.state is PAUSED


def test_what_is_told_of_an_earlier_attempt_or_after_the_end_changes_nothing():
    played = begun(subflow("s", retry=retry(2)), task("a")).stored("s#0").moved("s#0", FAILED).due()
    late = played.run("s").attempt.number - 1
    before = played.runs

    played.hear(ChildMoved(late, 0, "old", OK, open=False), "s")
    assert played.runs == before
    played.stored("s#0").moved("s#0", OK)
    before = played.runs
    played.hear(ChildMoved(late + 1, 0, "s#0", FAILED, open=False), "s")
    assert played.runs == before


# killing


def test_a_kill_goes_down_and_the_execution_is_over_when_all_below_is():
    played = begun(parallel("p", subflow("s"), loop("l", ["a", "b"], task("x")), job("j"))).stored("s#0").stored("l#0").stored("l#1")
    played.claim("j").kill()
    assert sorted(played.stopped) == ["l", "s"]
    assert played.state is State.KILLING
    played.moved("l#1", KILLED).moved("s#0", KILLED).end("j", KILLED)
    assert played.state is State.KILLING
    played.moved("l#0", OK)
    assert (played.state, set(played.states.values())) == (KILLED, {"KILLED"})


def test_a_kill_that_does_not_go_down_waits_for_nobody():
    played = begun(parallel("p", subflow("s"), pause("w"))).stored("s#0")
    played.kill(cascade=False)
    assert (played.state, played.stopped) == (KILLED, [])


def test_what_is_called_while_the_kill_is_on_its_way_is_killed_too():
    played = begun(subflow("s"))
    played.kill()
    assert (played.stopped, played.state) == (["s"], State.KILLING)
    played.stored("s#0").moved("s#0", KILLED)
    assert played.state is KILLED


# loops


def test_iterations_begin_in_order_and_never_more_than_the_limit_at_once():
    played = begun(loop("l", ["a", "b", "c"], task("x"), limit=2), task("z"))
    assert list(played.called) == ["l#0", "l#1"]
    assert [call.item for call in played.called.values()] == [{"value": "a", "index": 0}, {"value": "b", "index": 1}]
    played.stored("l#0").stored("l#1").moved("l#1", OK)
    assert list(played.called) == ["l#0", "l#2"]
    assert played.run("l").outputs == {"iterationCount": 3, "runningIterations": 2, "terminatedIterations": 1}
    played.stored("l#2").moved("l#0", OK).moved("l#2", WARNING)
    assert played.states == {"l": "WARNING", "z": "RUNNING"}


def test_many_iterations_begin_a_few_at_a_time():
    played = begun(loop("l", [str(number) for number in range(100)], task("x")))
    begun_at_once = len(played.called)
    assert begun_at_once < 100
    for number in range(100):
        played.stored(f"l#{number}")
    assert len(played.called) == 100


@pytest.mark.parametrize("end", [FAILED, KILLED, CANCELLED], ids=lambda state: state.value)
def test_a_bad_end_of_an_iteration_begins_no_more_and_is_the_loop_s(end: State):
    played = begun(loop("l", ["a", "b", "c"], task("x"), limit=2, errors=[task("e")], finally_=[task("f")]), task("z"))
    played.stored("l#0").stored("l#1").moved("l#0", end)
    assert played.states == {"l": "RUNNING"}
    played.moved("l#1", OK)
    if end is FAILED:
        played.end("e")
    played.end("f")
    assert played.run("l").state is end
    assert "z" not in played.states
    assert played.state is end


def test_a_loop_that_keeps_failures_to_itself_ends_well():
    played = begun(loop("l", ["a", "b"], task("x"), transmits=False)).stored("l#0").stored("l#1").moved("l#0", FAILED).moved("l#1", KILLED)
    assert played.state is OK


def test_a_loop_is_left_when_its_condition_holds():
    played = begun(loop("l", ["a", "b", "c"], task("x"), limit=1, breaks="iteration.state")).stored("l#0").moved("l#0", OK)
    assert (played.state, played.called) == (OK, {})


def test_a_loop_pauses_when_all_that_runs_of_it_does():
    played = begun(loop("l", ["a", "b"], task("x"))).stored("l#0").stored("l#1").moved("l#0", PAUSED)
    assert played.state is RUNNING
    played.moved("l#1", PAUSED)
    assert (played.state, played.states) == (PAUSED, {"l": "PAUSED"})
    played.moved("l#0", OK)
    assert played.state is PAUSED
    played.moved("l#1", RUNNING)
    assert played.state is RUNNING
    played.moved("l#1", OK)
    assert played.state is OK


@pytest.mark.parametrize("values", [[], {}, "[]"], ids=["list", "map", "text"])
def test_a_loop_over_nothing_and_one_without_tasks_end_at_once(values):
    assert begun(loop("l", values, task("x"))).state is OK
    assert begun(loop("l", ["a"])).state is OK


def test_an_iteration_that_can_not_be_started_fails_the_loop():
    played = begun(loop("l", ["a", "b"], task("x"), limit=1)).refused("l#0")
    assert (played.state, played.called) == (FAILED, {})
