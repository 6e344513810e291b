"""What a round of a loop costs does not follow from how many there are: counted in statements, which are the same on a fast and on a starved machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event as happening
from sqlalchemy.engine import Engine

from service.engine.state import LONGEST
from service.store import events
from service.store.database import Session
from tests.loops.test_constructs import tasks
from tests.support.cost import steps
from tests.support.station import Station

LOOP = """
- id: l
  type: flow.ForEach
  values: "{{{{ range(1, {number}) }}}}"
  concurrencyLimit: {limit}
  tasks:
    - {{id: one, type: debug.Return, format: "{{{{ taskrun.value }}}}"}}
    - {{id: two, type: debug.Return, format: "{{{{ outputs.one[taskrun.value].value }}}}"}}
"""
PAUSE = "\n- {id: p, type: flow.Pause, pauseDuration: PT1S}"
UNTIL = """
- id: u
  type: flow.LoopUntil
  condition: "{{ outputs.u.iterationCount == 150 }}"
  checkFrequency: {interval: PT1S}
  tasks: [{id: a, type: log.Log, message: "{{ taskrun.iteration }}"}]
"""


@contextmanager
def counted() -> Iterator[list[int]]:
    """The rows that statements are run for meanwhile."""
    found: list[int] = []

    def count(_connection: Any, _cursor: Any, _statement: str, values: Any, _context: Any, many: bool) -> None:
        found.append(len(values) if many else 1)

    happening.listen(Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        happening.remove(Engine, "before_cursor_execute", count)


@pytest.mark.parametrize(("before", "limit", "few", "many"), [("", 1, 50, 500), (PAUSE, 1, 50, 500), ("", 20, 50, 500), (PAUSE, 0, 520, 1000)])
def test_a_round_costs_the_same_among_few_and_among_many(station: Station, before: str, limit: int, few: int, many: int) -> None:
    def cost(number: int) -> float:
        station.push({f".flows/f{number}.yml": f"id: f{number}\nnamespace: t\ntasks:\n{tasks(before + LOOP.format(number=number, limit=limit))}"})
        id = station.start("t", f"f{number}")
        with counted() as found:
            station.tick()
            station.clock.forward(seconds=1)
            station.tick()
        assert (station.state(id), len(station.runs(id))) == ("SUCCESS", 4 if before else 3)
        return sum(found) / number

    cost(5)  # without a limit, few are more than one batch does
    assert cost(many) < 1.3 * cost(few)


def test_a_loop_that_waits_long_stays_small(station: Station) -> None:
    id = station.flow(tasks(UNTIL))
    costs = []
    for _ in range(149):
        with counted() as found:
            station.tick()
        costs.append(sum(found))
        station.clock.forward(seconds=1)
    station.tick()
    execution = station.execution(id).execution
    assert (execution.state.value, station.runs(id)["u"].outputs) == ("SUCCESS", {"iterationCount": 150})
    assert (len(station.log(id)), len(station.runs(id))) == (150, 2)
    assert max(len(execution.history), len(station.runs(id)["u"].history)) <= LONGEST
    assert sum(costs[-50:]) <= 1.1 * sum(costs[1:51])


def test_ten_thousand_that_wait_do_not_keep_anybody_awake(station: Station) -> None:
    at = station.clock.now.timestamp()

    def look(session: Session) -> None:
        assert events.waiting(session, at, 200) == ()
        assert events.next_due(session, at) == at + 3600

    def wait(number: int) -> None:
        station.database.write(lambda session: events.wake(session, [(f"e{each}", f"r{each}", "over", at + 3600 + each) for each in range(number)]))

    wait(10)
    few = steps(station.database, look)
    wait(10_000)
    assert steps(station.database, look) <= few + 10


def test_a_thousand_rounds_cost_ten_times_a_hundred(station: Station) -> None:
    """In processor time too: statements do not show what is done in memory. The bound is a ratio of two runs beside each other, and a wide one."""

    def seconds(number: int) -> float:
        station.push({f".flows/s{number}.yml": f"id: s{number}\nnamespace: t\ntasks:\n{tasks(LOOP.format(number=number, limit=20))}"})
        id = station.start("t", f"s{number}")
        before = time.thread_time()
        station.tick()
        spent = time.thread_time() - before
        assert station.state(id) == "SUCCESS"
        return spent

    seconds(10)
    assert seconds(1000) < 30 * seconds(100), "cost must follow the change"
