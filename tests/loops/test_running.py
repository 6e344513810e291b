"""A loop in its thread: woken by topics, alive after a bad tick, ended when asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from service.loops import Runner
from service.store.hub import Hub, Topic
from tests.support.serving import until


class Counting:
    """A loop that counts its ticks; `fail` makes the next ones raise."""

    name = "counting"
    topics: Sequence[Topic] = (("news", ""),)

    def __init__(self, delay: float = 60.0) -> None:
        self.ticks, self.fail, self.delay = 0, 0, delay
        self.ticked = threading.Event()

    def tick(self, moment: datetime) -> float:
        assert moment.tzinfo is not None
        self.ticks += 1
        self.ticked.set()
        if self.fail:
            self.fail -= 1
            raise ValueError("bad tick")
        return self.delay


def test_a_loop_ticks_at_once_and_then_when_it_is_woken():
    hub, loop = Hub(), Counting()
    runner = Runner(loop, hub)
    runner.start()
    until(lambda: loop.ticks == 1)
    hub.publish([("other", "")])
    hub.publish([("news", "")])
    until(lambda: loop.ticks == 2)
    runner.stop()
    runner.join(5)
    hub.publish([("news", "")])
    assert loop.ticks == 2


def test_a_loop_with_more_to_do_goes_on_at_once():
    loop = Counting(0.0)
    runner = Runner(loop, Hub())
    runner.start()
    until(lambda: loop.ticks > 50)
    runner.stop()
    runner.join(5)


def test_a_bad_tick_is_logged_and_the_loop_goes_on(caplog):
    loop = Counting()
    loop.fail = 1
    with caplog.at_level(logging.ERROR):
        runner = Runner(loop, Hub())
        runner.start()
        until(lambda: loop.ticks == 2)
        runner.stop()
        runner.join(5)
    assert "a tick failed" in caplog.text
    assert "bad tick" in caplog.text


def test_news_that_come_during_a_tick_lead_to_another():
    hub = Hub()

    class Slow(Counting):
        def tick(self, moment: datetime) -> float:
            if self.ticks == 0:
                hub.publish([("news", "")])
            return super().tick(moment)

    loop = Slow()
    runner = Runner(loop, hub)
    runner.start()
    until(lambda: loop.ticks == 2)
    runner.stop()
    runner.join(5)


def test_a_loop_that_was_never_started_can_be_stopped():
    runner = Runner(Counting(), Hub())
    runner.stop()
    runner.join(1)
