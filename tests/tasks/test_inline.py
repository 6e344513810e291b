"""Each inline task by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from service.engine.program import RenderFailed
from service.engine.state import State
from service.tasks import Done, Wait
from service.tasks.fail import Fail
from service.tasks.log import Log
from service.tasks.return_ import Return
from service.tasks.sleep import Sleep
from tests.tasks.asking import Asking


def test_log_writes_one_entry_for_each_message():
    ask = Asking(who="ann")
    assert Log(message=["hello", "{{ who }}"], level="WARN").run(ask) == Done()
    assert ask.logged == [("WARN", "hello"), ("WARN", "ann")]


def test_log_takes_one_message_and_means_info():
    ask = Asking()
    Log(message="hello").run(ask)
    assert ask.logged == [("INFO", "hello")]


@pytest.mark.parametrize(("rendered", "level"), [("warn", "WARN"), (" ERROR ", "ERROR")])
def test_a_rendered_level_is_read_generously(rendered, level):
    ask = Asking(level=rendered)
    Log(message="x", level="{{ level }}").run(ask)
    assert ask.logged == [(level, "x")]


def test_a_rendered_level_that_nobody_knows_fails_the_task_and_logs_nothing():
    ask = Asking(level="LOUD")
    done = Log(message="x", level="{{ level }}").run(ask)
    assert isinstance(done, Done)
    assert (done.state, "`LOUD`" in (done.message or ""), ask.logged) == (State.FAILED, True, [])


def test_a_written_level_that_nobody_knows_is_refused_when_the_flow_is_read():
    with pytest.raises(ValidationError):
        Log(message="x", level="LOUD")


def test_return_gives_its_text_back_and_logs_it_at_debug():
    ask = Asking(who="ann")
    assert Return(format="{{ who }}").run(ask) == Done({"value": "ann"})
    assert ask.logged == [("DEBUG", "ann")]


def test_return_without_a_format_gives_nothing():
    assert Return().run(Asking()) == Done({"value": None})


def test_fail_fails():
    assert Fail().run(Asking()) == Done(state=State.FAILED, message="Task failure")
    assert Fail(error_message="{{ why }}").run(Asking(why="no")) == Done(state=State.FAILED, message="no")


@pytest.mark.parametrize(("condition", "state"), [("true", "FAILED"), ("1", "FAILED"), ("false", "SUCCESS"), ("", "SUCCESS"), ("0", "SUCCESS")])
def test_fail_with_a_condition_fails_when_it_holds(condition, state):
    done = Fail(condition="{{ condition }}").run(Asking(condition=condition))
    assert isinstance(done, Done)
    assert done.state == state


@pytest.mark.parametrize(
    ("written", "length"),
    [("PT5S", 5), ("PT0.5S", 0.5), ("P1D", 86_400), ("P1W", 604_800), ("PT0S", 0), ("-PT5S", 0)],
)
def test_sleep_waits_for_its_duration(written, length):
    assert Sleep(duration=written).run(Asking()) == Wait(timedelta(seconds=length))
    assert Sleep(duration="{{ length }}").run(Asking(length=written)) == Wait(timedelta(seconds=length))


@pytest.mark.parametrize("rendered", ["soon", "", "5", "P1Y", "PT", "P99999999D", "PT1e9S"])
def test_a_rendered_duration_that_is_none_fails_the_task(rendered):
    done = Sleep(duration="{{ length }}").run(Asking(length=rendered))
    assert isinstance(done, Done)
    assert (done.state, f"`duration` is `{rendered}`" in (done.message or "")) == (State.FAILED, True)


@pytest.mark.parametrize("task", [Log(message="{{ x }}"), Return(format="{{ x }}"), Fail(error_message="{{ x }}"), Sleep(duration="{{ x }}")])
def test_what_can_not_be_rendered_is_the_executors_to_tell(task):
    with pytest.raises(RenderFailed):
        task.run(Asking())
