"""The inbox: whose deliveries wait, and which, at a cost that follows what waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from service.store import deliveries
from service.store.codec import new_id
from service.store.database import Session
from tests.support.cost import steps
from tests.support.station import Station


def put(station: Station, repository: str, count: int = 1) -> None:
    def action(session: Session) -> None:
        for _ in range(count):
            deliveries.put(session, repository, "hook", new_id(), "push", {}, b"{}", 1.0)

    station.database.write(action)


def ids(station: Station, repository: str | None, limit: int = 100) -> list[int]:
    with station.database.read() as session:
        return [one.id for one in deliveries.waiting(session, 1.0, limit, repository)]


def told(station: Station, at: float = 1.0) -> set[str]:
    with station.database.read() as session:
        return set(deliveries.told(session, at))


def test_a_crowd_of_one_repository_hides_no_other(station: Station):
    put(station, "crowd", 20)
    put(station, "one")
    put(station, "crowd", 20)
    assert told(station) == {"crowd", "one"}
    assert (ids(station, "one", limit=5), ids(station, "crowd", limit=5)) == ([21], [1, 2, 3, 4, 5])
    assert ids(station, None) == list(range(1, 42))


def test_what_was_put_off_or_settled_asks_for_no_look(station: Station):
    for repository in ("later", "over", "now"):
        put(station, repository)
    station.database.write(partial(deliveries.put_off, ids=(1,), until=50.0, reason="down"))
    station.database.write(partial(deliveries.settle, ids=(2,), state="processed"))
    assert (told(station), told(station, 50.0)) == ({"now"}, {"now", "later"})
    assert [ids(station, name) for name in ("later", "over", "now")] == [[], [], [3]]


def test_what_is_settled_keeps_its_reason_when_its_neighbours_are_put_off(station: Station):
    put(station, "a", 2)
    station.database.write(partial(deliveries.settle, ids=(1,), state="ignored", reason="a ping"))
    station.database.write(partial(deliveries.put_off, ids=(1, 2), until=50.0, reason="down"))
    with station.database.read() as session:
        found = session.exec_driver_sql("SELECT state, reason FROM delivery ORDER BY id").all()
    assert [tuple(row) for row in found] == [("ignored", "a ping"), ("received", "down")]


@pytest.mark.parametrize(
    "query",
    [
        lambda session: deliveries.told(session, 1.0),
        lambda session: deliveries.waiting(session, 1.0, 10, "a"),
        lambda session: deliveries.waiting(session, 1.0, 10),
        lambda session: deliveries.trouble(session, "a"),
    ],
    ids=["told", "waiting of one", "waiting", "trouble"],
)
def test_a_look_costs_what_waits_and_not_what_was(station: Station, query: Callable[[Session], object]):
    put(station, "a", 20)
    before = steps(station.database, query)
    put(station, "a", 1000)
    station.database.write(partial(deliveries.settle, ids=tuple(range(21, 1021)), state="processed"))
    assert steps(station.database, query) <= before * 1.1
