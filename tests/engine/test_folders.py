"""Tasks that share a folder: it is opened before the first, closed after the last, and when it is lost they begin again."""

from __future__ import annotations

import pytest

from service.engine.commands import DropJob, StopJob
from service.engine.events import Claimed, Ended, Lost, Opened
from service.engine.retry import LOST_LIMIT
from service.engine.state import State
from tests.engine.playing import FAILED, OK, WARNING, Play, allowing, flow, for_each, group, job, play, retry, task, together


def begun(*tasks, **rest) -> Play:
    """A flow with one such group `w`, whose folder stands, and a task `z` after it."""
    return Play(flow(together("w", *tasks, **rest), task("z"))).begin().open("w")


def test_the_tasks_begin_when_the_folder_stands():
    played = Play(flow(together("w", job("a"), job("b")))).begin()
    assert (played.states, played.folders, played.jobs) == ({"w": "RUNNING"}, {"w": "opening"}, {})
    played.open("w")
    assert played.run("w").attempt.runner == "runner-1"
    assert (played.states, list(played.jobs)) == ({"w": "RUNNING", "a": "CREATED"}, ["a"])


def test_each_task_is_one_of_the_groups_and_the_folder_goes_with_the_last():
    played = begun(job("a"), task("b"), job("c"))
    played.claim("a").end("a").end("b").claim("c")
    assert played.folders == {"w": "open"}
    played.end("c")
    assert (played.folders, played.states) == ({}, {"w": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "z": "RUNNING"})


def test_what_is_wanted_of_the_folder_comes_before_the_end():
    played = begun(job("a"), output=["*"])
    played.claim("a").end("a")
    assert (played.folders, played.states) == ({"w": "closing"}, {"w": "RUNNING", "a": "SUCCESS"})
    played.shut("w", outputFiles={"x": "kestra:///x"})
    assert (played.run("w").outputs, played.states["w"], played.states["z"]) == ({"outputFiles": {"x": "kestra:///x"}}, "SUCCESS", "RUNNING")


def test_the_first_failure_ends_the_group_and_its_files_are_stored_before_its_handlers():
    played = begun(job("a"), job("b"), errors=[job("e")], finally_=[task("f")], output=["*"])
    played.claim("a").end("a", FAILED)
    assert (played.folders, played.states) == ({"w": "closing"}, {"w": "RUNNING", "a": "FAILED"})
    played.shut("w")
    assert (played.folders, played.states) == ({}, {"w": "RUNNING", "a": "FAILED", "e": "CREATED"})
    played.claim("e").end("e").end("f")
    assert (played.state, played.states) == (FAILED, {"w": "FAILED", "a": "FAILED", "e": "SUCCESS", "f": "SUCCESS"})


def test_a_folder_that_can_not_be_made_fails_the_group_without_a_task():
    played = Play(flow(together("w", job("a"), errors=[task("e")]))).begin()
    played.shut("w", FAILED, "no such file")
    assert played.states == {"w": "RUNNING", "e": "RUNNING"}
    assert ("ERROR", "no such file") in played.said
    played.end("e")
    assert (played.state, played.run("w").attempt.state) == (FAILED, FAILED)


def test_files_that_can_not_be_stored_fail_the_group():
    played = begun(job("a"), output=["*"]).claim("a").end("a")
    played.shut("w", FAILED, "too many files")
    assert (played.state, played.states, played.run("w").attempt.message) == (FAILED, {"w": "FAILED", "a": "SUCCESS"}, "too many files")


@pytest.mark.parametrize("tasks", [[task("a")], [task("a", disabled=True), job("b", disabled=True)]], ids=["in the service", "disabled"])
def test_without_a_task_for_a_runner_there_is_no_folder(tasks):
    played = play(flow(together("w", *tasks)))
    assert (played.state, played.folders) == (OK, {})


def test_files_alone_make_a_folder():
    played = Play(flow(together("w", task("a"), output=["*"]))).begin()
    assert played.folders == {"w": "opening"}


def test_a_task_is_tried_again_in_the_same_folder():
    played = begun(job("a", retry=retry(2))).claim("a").end("a", FAILED)
    assert (played.states, played.folders) == ({"w": "RUNNING", "a": "RETRYING"}, {"w": "open"})
    played.due().claim("a").end("a")
    assert (played.states["a"], len(played.run("a").attempts), len(played.run("w").attempts)) == ("SUCCESS", 2, 1)


def test_a_retry_of_the_group_goes_on_in_the_same_folder():
    played = begun(job("a"), job("b"), retry=retry(2), errors=[task("e")], output=["*"])
    played.claim("a").end("a").claim("b").end("b", FAILED).end("e")
    assert (played.states, played.folders) == ({"w": "RETRYING", "a": "SUCCESS", "b": "RETRYING", "e": "SUCCESS"}, {"w": "open"})
    played.due().claim("b").end("b").shut("w").end("z")
    assert (played.state, played.states) == (OK, {"w": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "z": "SUCCESS"})


def test_a_group_that_is_given_up_holds_no_folder():
    played = Play(flow(group("g", together("w", job("a")), job("b"), retry=retry(1)))).begin().open("w")
    played.claim("a").end("a", FAILED)
    assert (played.state, played.folders) == (FAILED, {})


# when the runner is lost


def test_a_lost_folder_makes_the_group_begin_again():
    played = begun(job("a"), job("b")).claim("a").end("a").claim("b")
    first = played.run("a").id
    played.lose("w")
    assert (played.states, played.folders, played.jobs) == ({"w": "RUNNING"}, {"w": "opening"}, {})
    assert [(tried.state.value, tried.lost) for tried in played.run("w").attempts] == [("FAILED", True), ("RUNNING", False)]
    played.open("w").claim("a").end("a").claim("b").end("b").end("z")
    assert (played.state, played.run("a").id == first) == (OK, False)


def test_its_tasks_that_are_queued_or_running_are_dropped():
    for steps in (lambda played: played, lambda played: played.claim("a")):
        played = steps(begun(job("a")))
        id = played.run("a").id
        commands = played.hear(lost(played), "w")
        assert DropJob(id, 1) in commands


def lost(played: Play) -> Lost:
    played.folders.pop("w")
    return Lost(played.run("w").attempt.number, "silent")


def test_a_folder_that_was_handed_back_does_not_count():
    played = begun(job("a"))
    for _ in range(LOST_LIMIT + 1):
        played.hand_back("w").open("w")
    assert not any(tried.lost for tried in played.run("w").attempts)
    assert played.claim("a").end("a").end("z").state is OK


def test_a_folder_that_is_always_lost_fails_the_group():
    played = begun(job("a"), job("b"), errors=[task("e")]).claim("a").end("a").claim("b")
    for _ in range(LOST_LIMIT - 1):
        played.lose("w").open("w").claim("a").end("a").claim("b")
    played.lose("w")
    assert played.states == {"w": "RUNNING", "a": "SUCCESS", "b": "FAILED", "e": "RUNNING"}
    assert any(f"was lost {LOST_LIMIT} times" in message for _, message in played.said)
    assert (played.end("e").state, len(played.run("w").attempts), played.folders) == (FAILED, LOST_LIMIT, {})


def test_a_folder_that_is_lost_while_it_is_closed_begins_again():
    played = begun(job("a"), output=["*"]).claim("a").end("a").lose("w")
    assert (played.states, played.folders) == ({"w": "RUNNING"}, {"w": "opening"})


def test_a_folder_that_is_lost_while_the_group_waits_makes_it_begin_again_then():
    played = begun(job("a"), job("b"), retry=retry(2)).claim("a").end("a").claim("b").end("b", FAILED)
    played.lose("w")
    assert (played.states, played.folders) == ({"w": "RETRYING", "a": "SUCCESS", "b": "RETRYING"}, {})
    played.due()
    assert (played.states, played.folders) == ({"w": "RUNNING"}, {"w": "opening"})
    played.open("w").claim("a").end("a").claim("b").end("b").end("z")
    assert played.state is OK


def test_a_folder_that_is_lost_while_its_handlers_run_is_opened_for_the_next_try():
    played = begun(job("a"), retry=retry(2), errors=[task("e")]).claim("a").end("a", FAILED).lose("w")
    assert played.states == {"w": "RUNNING", "a": "RETRYING", "e": "RUNNING"}
    played.end("e").due()
    assert (played.states, played.folders) == ({"w": "RUNNING"}, {"w": "opening"})


def test_what_comes_late_of_a_lost_folder_changes_nothing():
    played = begun(job("a")).lose("w")
    for event in (Claimed(1, "r"), Opened(1), Ended(1, OK)):
        assert played.hear(event, "w") == []
    assert played.folders == {"w": "opening"}


def test_a_folder_that_ends_unasked_fails_the_group():
    played = begun(job("a")).claim("a").shut("w", FAILED, "the disk is gone")
    assert (played.state, played.states) == (FAILED, {"w": "FAILED", "a": "FAILED"})


# kills


@pytest.mark.parametrize("wait", ["opening", "open", "closing"])
def test_a_kill_drops_the_folder(wait):
    played = Play(flow(together("w", job("a"), output=["*"]))).begin()
    if wait != "opening":
        played.open("w")
    if wait == "closing":
        played.claim("a").end("a")
    assert played.folders == {"w": wait}
    played.kill()
    assert (played.state, played.folders) == (State.KILLED, {})


def test_a_kill_waits_for_the_task_and_then_drops_the_folder():
    played = begun(job("a")).claim("a").kill()
    assert (played.state, played.stops, played.folders) == (State.KILLING, ["a"], {"w": "open"})
    assert played.hear(Ended(1, OK), "w") == []
    played.end("a", State.KILLED)
    assert (played.state, played.folders, played.states) == (State.KILLED, {}, {"w": "KILLED", "a": "KILLED"})


# around it


def test_groups_side_by_side_have_a_folder_each():
    played = play(flow(for_each("l", ["x", "y"], together("w", job("a"), job("b")), limit=0)))
    assert played.state is OK
    assert len(played.states) == 1 + 2 * 3


def test_an_allowed_failure_goes_on():
    played = begun(job("a", allow_failure=True), job("b")).claim("a").end("a", FAILED).claim("b").end("b").end("z")
    assert (played.state, played.states["w"], played.states["a"]) == (WARNING, "WARNING", "WARNING")
    played = play(flow(allowing("g", together("w", job("a"))), task("z")), {"a": FAILED})
    assert (played.state, played.states["w"], played.states["g"]) == (WARNING, "FAILED", "WARNING")


def test_a_skipped_group_opens_nothing():
    played = Play(flow(together("w", job("a"), run_if="false"))).begin()
    assert (played.states, played.folders, played.state) == ({"w": "SKIPPED"}, {}, OK)


def test_the_folder_is_told_to_close_once():
    played = begun(job("a"), output=["*"]).claim("a")
    stops = [command for command in played.hear(Ended(1, OK), "a") if isinstance(command, StopJob)]
    assert len(stops) == 1
