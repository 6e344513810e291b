"""What the tasks of an execution are doing, whatever their number."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from service.actions.standing import Standing
from service.engine.state import State
from service.store import task_runs
from service.store.database import Session
from tests.store.test_results import run
from tests.support.cost import steps
from tests.support.station import Station

RUNNING, PAUSED, RETRYING, SUCCESS = State.RUNNING, State.PAUSED, State.RETRYING, State.SUCCESS


def stored(station: Station, *states: State, flowables: Collection[str] = (), start: int = 0) -> None:
    """Task runs `r0`, `r1`, … of tasks `t0`, `t1`, … in these states."""
    runs = [(number, run(f"r{number}", f"t{number}", state=state)) for number, state in enumerate(states, start)]
    station.database.write(lambda session: task_runs.save(session, runs, [], flowables))


@pytest.mark.parametrize(
    ("states", "but", "shown"),
    [
        ([SUCCESS], set(), set()),
        ([PAUSED, SUCCESS], set(), {PAUSED}),
        ([PAUSED, RETRYING], set(), {PAUSED, RETRYING}),
        ([PAUSED, RUNNING, RETRYING], set(), {RUNNING}),
        ([PAUSED, RUNNING, RETRYING], {"r1"}, {PAUSED, RETRYING}),
        ([State.CREATED, PAUSED], {"r1"}, {State.CREATED}),
        ([PAUSED], {"r0"}, set()),
    ],
)
def test_one_that_is_under_way_is_enough_else_all_that_waits_shows(station: Station, states: list[State], but: set[str], shown: set[State]) -> None:
    stored(station, *states)
    with station.database.read() as session:
        assert Standing(session, "e", lambda _: False).states(but) == shown


def test_groups_count_while_they_wait(station: Station) -> None:
    stored(station, RUNNING, PAUSED, flowables={"t0", "t1"})
    with station.database.read() as session:
        standing = Standing(session, "e", lambda _: False)
        assert standing.states(()) == {PAUSED}
        standing.put(run("g", "g", state=RUNNING), leaf=False)
        assert standing.states(()) == {PAUSED}
        standing.put(run("g", "g", state=RETRYING), leaf=False)
        assert standing.states(()) == {PAUSED, RETRYING}


def test_what_the_batch_has_counts_before_what_is_stored(station: Station) -> None:
    stored(station, RUNNING, PAUSED)
    known: set[str] = set()
    with station.database.read() as session:
        standing = Standing(session, "e", known.__contains__)
        assert standing.states(()) == {RUNNING}
        known.add("r0")
        standing.put(run("r0", "t0", state=SUCCESS), leaf=True)
        assert standing.states(()) == {PAUSED}
        standing.put(run("new", "t", state=RUNNING), leaf=True)
        assert standing.states(()) == {RUNNING}
        standing.forget("new")
        known.add("r1")
        assert standing.states(()) == set()


def test_nothing_is_counted(station: Station) -> None:
    def look(session: Session) -> None:
        assert Standing(session, "e", lambda _: False).states({"r1"}) == {RUNNING}

    stored(station, *[PAUSED] * 150, *[RUNNING] * 150)
    few = steps(station.database, look)
    stored(station, *[PAUSED, RUNNING, RETRYING] * 2000, start=300)
    assert steps(station.database, look) <= few + 10


def test_a_batch_that_ends_them_all_looks_at_each_once(station: Station) -> None:
    number = 2000
    stored(station, *[RUNNING] * number, PAUSED)
    known: dict[str, None] = {}
    looked = 0

    def is_known(id: str) -> bool:
        nonlocal looked
        looked += 1
        return id in known

    with station.database.read() as session:
        standing = Standing(session, "e", is_known)
        for at in range(number):
            known[f"r{at}"] = None
            assert standing.states(()) == {RUNNING if at < number - 1 else PAUSED}
    assert looked < 5 * number


def test_what_is_below_a_group_costs_what_is_there(station: Station) -> None:
    def cost() -> int:
        return steps(station.database, lambda session: task_runs.below(session, "e", "g"))

    tree = [run("g", "g"), run("h", "h", parent="g"), run("i", "i", parent="h"), run("j", "j", parent="g")]
    station.database.write(lambda session: task_runs.save(session, list(enumerate(tree)), []))
    few = cost()
    stored(station, *[PAUSED, RUNNING] * 1500, start=10)
    with station.database.read() as session:
        assert [each.id for each in task_runs.below(session, "e", "g")] == ["h", "i", "j"]
        assert len(task_runs.paused(session, "e")) == 1500
    assert cost() <= few + 10
