"""An execution over time: attempts that are lost, executions that are killed, events that come late or twice."""

from __future__ import annotations

import pytest

from service.engine.events import Began, Claimed, Due, Ended, Exited, Killed, Lost
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from tests.engine.playing import FAILED, KILLED, OK, WARNING, Play, flow, group, job, parallel, pause, play, retry, served, task


def begun(*tasks, **lists) -> Play:
    return Play(flow(*tasks, **lists)).begin()


def test_a_job_shows_when_its_runner_took_it():
    played = begun(job("a"))
    assert played.history("a") == ["CREATED"]
    assert played.claim("a").history("a") == ["CREATED", "RUNNING"]
    assert played.run("a").attempt.runner == "runner-1"


def test_an_end_without_a_start_shows_a_start_all_the_same():
    assert begun(job("a")).end("a", FAILED).history("a") == ["CREATED", "RUNNING", "FAILED"]


def test_a_timer_ends_what_waits_for_it_well():
    played = begun(task("nap"), task("b"))
    played.hear(Due("sleep"), "nap")
    assert played.states == {"nap": "SUCCESS", "b": "RUNNING"}


def test_outputs_stay_with_the_task_that_made_them():
    played = begun(job("a"), job("b")).claim("a").end("a", x=1).claim("b").end("b", FAILED, "no", y=2)
    assert (played.run("a").outputs, played.run("b").outputs) == ({"x": 1}, {"y": 2})
    assert played.said == [("ERROR", "no")]


def test_every_change_of_the_execution_is_reported():
    assert play(flow(job("a"), job("b"))).reports == 2


# lost


def test_a_lost_attempt_is_sent_again():
    played = begun(job("a")).claim("a").lose("a")
    assert played.jobs == {"a": 2}
    assert [(tried.number, tried.state.value, tried.lost, tried.message) for tried in played.run("a").attempts] == [
        (1, "FAILED", True, "silent"),
        (2, "CREATED", False, None),
    ]
    assert played.state is State.RUNNING
    assert played.claim("a").end("a").state is OK


def test_work_that_takes_its_runner_down_is_not_repeated_for_ever():
    played = begun(job("a"), job("b"), errors=[task("e")])
    for _ in range(LOST_LIMIT):
        played.claim("a").lose("a")
    assert played.states == {"a": "FAILED", "e": "RUNNING"}
    assert len(played.run("a").attempts) == LOST_LIMIT
    assert played.said[-1] == ("ERROR", "lost 3 times with its runner; not tried again")


def test_work_that_is_handed_back_is_sent_again_however_often():
    played = begun(job("a"))
    for _ in range(2 * LOST_LIMIT):
        played.claim("a").hand_back("a")
    assert [tried.lost for tried in played.run("a").attempts] == [False] * (2 * LOST_LIMIT + 1)
    assert played.said[-1] == ("WARN", f"Attempt {2 * LOST_LIMIT} was handed back: shut down")
    assert played.claim("a").end("a").state is OK


def test_what_was_handed_back_in_between_does_not_count_with_what_was_lost():
    played = begun(job("a"))
    for _ in range(LOST_LIMIT - 1):
        played.claim("a").hand_back("a").claim("a").lose("a")
    assert played.states == {"a": "RUNNING"}
    played.claim("a").hand_back("a").claim("a").lose("a")
    assert (played.states, played.state) == ({"a": "FAILED"}, FAILED)


def test_what_is_handed_back_while_it_is_being_killed_is_killed():
    played = begun(job("a")).claim("a").kill().hand_back("a")
    assert (played.state, played.jobs, len(played.run("a").attempts)) == (KILLED, {}, 1)


def test_an_attempt_that_was_never_claimed_can_be_lost():
    assert begun(job("a")).lose("a").jobs == {"a": 2}


def test_what_an_older_attempt_says_changes_nothing():
    played = begun(job("a")).claim("a").lose("a")
    before = played.execution, dict(played.runs)
    for event in (Ended(1, OK), Claimed(1, "old"), Lost(1, "again"), Ended(3, OK)):
        assert played.hear(event, "a") == []
    assert (played.execution, played.runs) == before


# killed


def test_an_execution_that_has_not_begun_is_killed_at_once():
    played = Play(flow(job("a"))).kill()
    assert (played.state, played.runs) == (KILLED, {})
    assert played.hear(Began()) == []


def test_a_job_that_waits_is_taken_back():
    played = begun(group("g", job("a")), job("b"), finally_=[task("f")]).kill()
    assert (played.state, played.states, played.jobs, played.stops) == (KILLED, {"g": "KILLED", "a": "KILLED"}, {}, [])


def test_a_job_that_runs_is_stopped_and_waited_for():
    played = begun(group("out", group("in", job("a"), job("b")))).claim("a").kill()
    assert (played.state, played.stops, played.states["a"]) == (State.KILLING, ["a"], "RUNNING")
    played.end("a", KILLED, exitCode=143)
    assert (played.state, played.states) == (KILLED, {"out": "KILLED", "in": "KILLED", "a": "KILLED"})
    assert played.run("a").outputs == {"exitCode": 143}


def test_a_job_that_ends_well_while_it_is_being_stopped_was_killed_all_the_same():
    played = begun(job("a"), job("b")).claim("a").kill().end("a", OK)
    assert (played.state, played.states) == (KILLED, {"a": "KILLED"})


def test_a_task_that_waits_for_a_timer_is_killed_at_once():
    played = begun(task("nap")).kill()
    assert (played.state, played.states) == (KILLED, {"nap": "KILLED"})
    assert played.hear(Due("sleep"), "nap") == []


@pytest.mark.parametrize("claimed", [True, False])
def test_what_is_killed_while_its_runner_is_gone_gets_no_new_attempt(claimed):
    played = begun(job("a"))
    played = played.claim("a") if claimed else played
    played.kill()
    if claimed:
        assert played.state is State.KILLING
        played.lose("a")
    assert (played.state, played.jobs, len(played.run("a").attempts)) == (KILLED, {}, 1)


def test_a_second_kill_changes_nothing():
    played = begun(job("a")).claim("a").kill()
    assert played.hear(Killed("bob")) == []
    assert played.said == [("WARN", "Killed by ann")]


def test_a_claim_that_crosses_a_kill_changes_nothing():
    played = begun(job("a")).kill()
    assert played.hear(Claimed(1, "runner-1"), "a") == []


# events that come late or twice


def test_a_second_beginning_changes_nothing():
    played = begun(job("a"))
    assert played.hear(Began()) == []
    assert list(played.runs) == ["run1"]


def test_after_the_end_nothing_changes_anything():
    played = play(flow(group("g", job("a"))))
    before = played.execution, dict(played.runs)
    for event, at in ((Began(), None), (Killed("x"), None), (Ended(1, FAILED), "a"), (Lost(1, "x"), "a"), (Claimed(1, "x"), "a"), (Due("sleep"), "g")):
        assert played.hear(event, at) == []
    assert (played.execution, played.runs) == before


def test_the_first_end_of_an_attempt_counts():
    played = begun(job("a"), job("b")).claim("a").end("a", FAILED)
    assert played.hear(Ended(1, OK), "a") == []
    assert played.state is FAILED


# ending from within


def test_an_exit_gives_its_state_to_the_groups_around_it_and_kills_the_rest():
    played = begun(
        parallel("p", group("g", task("exit"), task("later")), job("a"), job("b"), group("h", task("nap"))), errors=[task("e")], finally_=[task("f")]
    )
    played.claim("a").exit("exit", WARNING)
    assert played.state is WARNING
    assert played.states == {"p": "WARNING", "g": "WARNING", "exit": "WARNING", "a": "KILLED", "b": "KILLED", "h": "KILLED", "nap": "KILLED"}
    assert (played.stops, played.jobs) == (["a"], {"a": 1})
    assert [stamp.state.value for stamp in played.execution.history] == ["CREATED", "RUNNING", "WARNING"]
    assert played.reports == 2


def test_an_exit_in_a_task_that_waits_ends_the_wait():
    played = begun(parallel("p", pause("w"), task("exit")))
    played.exit("exit")
    assert (played.state, played.states) == (OK, {"p": "SUCCESS", "w": "KILLED", "exit": "SUCCESS"})


def test_an_exit_as_killed_waits_for_what_runs():
    played = begun(parallel("p", task("exit"), job("a"))).claim("a").exit("exit", KILLED)
    assert (played.state, played.run("exit").state, played.stops) == (State.KILLING, KILLED, ["a"])
    played.end("a", KILLED)
    assert (played.state, played.states) == (KILLED, {"p": "KILLED", "exit": "KILLED", "a": "KILLED"})
    assert ("WARN", "Killed by task `exit`") in played.said


def test_an_exit_that_crosses_a_kill_ends_as_killed():
    played = begun(parallel("p", job("exit"), job("a"))).claim("exit").claim("a").kill()
    played.exit("exit", OK).end("a", KILLED)
    assert (played.state, played.states["exit"]) == (KILLED, "KILLED")


def test_an_exit_counts_once():
    played = begun(task("exit"), task("b")).exit("exit", FAILED)
    assert played.hear(Exited(1, OK), "exit") == []
    assert played.state is FAILED


# work that is handed on, and work that may not be done twice


def test_a_task_that_is_handed_on_is_a_job_and_knows_its_runner():
    played = begun(task("a")).hand("a").claim("a")
    assert (played.run("a").attempt.runner, played.history("a")) == ("runner-1", ["CREATED", "RUNNING"])
    assert played.end("a").state is OK


def test_a_task_that_was_handed_on_and_lost_is_begun_anew():
    played = begun(task("a")).hand("a").claim("a")
    played.todo.clear()
    played.lose("a")
    assert (list(played.todo), played.jobs, len(played.run("a").attempts)) == (["a"], {}, 2)


def test_a_killed_task_that_was_handed_on_and_not_claimed_is_killed_at_once():
    assert begun(task("a")).hand("a").kill().states == {"a": "KILLED"}


@pytest.mark.parametrize("make", [job, served])
def test_work_that_may_not_be_done_twice_fails_when_it_is_lost(make):
    played = begun(make("a", delivery="at_most_once", retry=retry(3)), errors=[task("e")]).claim("a").lose("a")
    assert (played.states, len(played.run("a").attempts)) == ({"a": "FAILED", "e": "RUNNING"}, 1)
    assert ("ERROR", "lost: silent; not done again, because its delivery is at_most_once") in played.said


def test_work_that_may_not_be_done_twice_is_tried_again_when_it_has_failed():
    played = begun(job("a", delivery="at_most_once", retry=retry(2))).claim("a").end("a", FAILED).due()
    assert played.jobs == {"a": 2}


def test_the_time_of_a_task_that_waits_is_a_failure():
    played = begun(task("nap", timeout="PT1M", retry=retry(2)))
    played.hear(Due("timeout"), "nap")
    assert (played.run("nap").state, played.run("nap").attempt.message) == (State.RETRYING, "the task timed out after PT1M")
