"""The loop that follows repositories: many at once, each by one thread, and none stopped by another's trouble."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.actions.deliveries import HOOK, HOST, Head
from service.loops.reconciler import Reconciler
from service.store import deliveries
from service.store.codec import new_id
from service.store.deliveries import ATTEMPTS
from tests.support.commits import MAIN
from tests.support.serving import until
from tests.support.station import Station

FLOW = "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"
_BAD_ROW = "INSERT INTO flowfile (repository_id, path, blob, guessed, valid, level, problems) SELECT id, 'x.yml', '', 0, 0, 3, 'no JSON' FROM repository"


@pytest.fixture
def loop(station: Station) -> Iterator[Reconciler]:
    loop = Reconciler(station.kit)
    yield loop
    loop.close()


def settled(station: Station, loop: Reconciler, **later: float) -> None:
    """One tick, and the end of what it began."""
    loop.tick(station.clock.forward(**later))
    until(lambda: not loop._busy)  # noqa: SLF001 - its threads are real


def state_of(station: Station) -> list[tuple[str, int]]:
    with station.database.read() as session:
        return [(row.state, row.attempts) for row in session.exec_driver_sql("SELECT state, attempts FROM delivery ORDER BY id")]


def pushed(station: Station, name: str = "default") -> str:
    writer = station.commits(name)
    sha = writer.write({".flows/f.yml": FLOW.replace("namespace: t", f"namespace: {name}")})
    writer.move(MAIN, sha)
    return sha


def test_what_was_pushed_while_the_service_was_down_is_picked_up_at_its_start(station: Station, loop: Reconciler):
    for name in ("default", "other"):
        pushed(station, name)
    settled(station, loop)
    assert sorted(station.live()) == [("default", "f"), ("other", "f")]


def test_a_delivery_is_dealt_with_and_settled(station: Station, loop: Reconciler):
    sha = pushed(station)
    station.tell(Head(MAIN, sha))
    settled(station, loop)
    assert (list(station.live()), state_of(station)) == ([("default", "f")], [("processed", 1)])


def test_a_repository_is_looked_at_now_and_then_without_any_delivery(station: Station, loop: Reconciler):
    station.repository()
    settled(station, loop)
    pushed(station)
    settled(station, loop, seconds=30)
    assert station.live() == {}
    settled(station, loop, seconds=60)
    assert list(station.live()) == [("default", "f")]


def test_a_repository_that_can_not_be_reached_stops_no_other_and_loses_no_delivery(station: Station, loop: Reconciler):
    far = station.repository("far", url="http://127.0.0.1:9/a/b.git", forge="plain", allow_private=True)
    station.tell(Head(MAIN, "a" * 40), name="far")
    sha = pushed(station)
    station.tell(Head(MAIN, sha))
    for _ in range(5):
        settled(station, loop, minutes=10)
    assert list(station.live()) == [("default", "f")]
    with station.database.read() as session:
        (waiting,) = deliveries.waiting(session, station.clock.forward(hours=1).timestamp())
        # The fault lay outside: the delivery is kept for ever, and never counted as poison.
        assert (waiting.repository_id, waiting.attempts) == (far.id, 0)


def test_a_delivery_that_can_not_be_read_is_ignored_with_its_reason(station: Station, loop: Reconciler):
    repository = station.repository("hub", url="http://127.0.0.1:9/a/b.git", forge="github", allow_private=True)
    at = station.clock.now.timestamp()
    station.database.write(lambda session: deliveries.put(session, repository.id, HOOK, new_id(), "push", {"x-github-event": "push"}, b"{", at))
    settled(station, loop)
    assert state_of(station) == [("ignored", 0)]


def test_a_delivery_that_breaks_its_sync_each_time_is_set_aside(station: Station, loop: Reconciler, caplog):
    sha = pushed(station)
    station.tell(Head(MAIN, sha))
    # The sync meets a row that it can't read, as after a bug of ours.
    station.database.write(lambda session: session.exec_driver_sql(_BAD_ROW))
    with caplog.at_level(logging.CRITICAL):
        for _ in range(5):
            settled(station, loop, minutes=10)
    assert state_of(station) == [("quarantined", 3)]


def test_a_delivery_that_breaks_before_its_sync_begins_is_set_aside_too(station: Station, loop: Reconciler, caplog):
    repository, at = station.repository(), station.clock.now.timestamp()
    # As after a bug of ours: what the embedded host said can't be read.
    station.database.write(lambda session: deliveries.put(session, repository.id, HOST, new_id(), "push", {}, b"no JSON", at))
    sha = pushed(station)
    with caplog.at_level(logging.CRITICAL):
        for _ in range(ATTEMPTS + 2):
            settled(station, loop, minutes=10)
    assert (state_of(station), list(station.live())) == ([("quarantined", ATTEMPTS)], [("default", "f")])
    station.tell(Head(MAIN, sha))
    settled(station, loop)
    assert state_of(station)[1][0] == "processed"


def test_a_repository_is_left_alone_for_a_while_when_not_even_its_failure_can_be_stored(station: Station, loop: Reconciler, caplog):
    settled(station, loop)
    sha = pushed(station)
    station.tell(Head(MAIN, sha))
    # As with a full disk: what can't be counted and can't be put off waits still, and each try wakes the loop again.
    refusing = "CREATE TRIGGER refusing BEFORE UPDATE ON delivery BEGIN SELECT RAISE(ABORT, 'refused'); END"
    station.database.write(lambda session: session.exec_driver_sql(refusing))
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            settled(station, loop)
    assert len([record for record in caplog.records if "can't be synced" in record.message]) == 1
    station.database.write(lambda session: session.exec_driver_sql("DROP TRIGGER refusing"))
    settled(station, loop, minutes=10)
    assert (state_of(station), list(station.live())) == ([("processed", 1)], [("default", "f")])


def test_an_older_delivery_of_the_same_id_is_stored_once(station: Station):
    repository, at = station.repository(), station.clock.now.timestamp()
    stored = [station.database.write(lambda session: deliveries.put(session, repository.id, HOOK, "same", "push", {}, b"{}", at)) for _ in range(2)]
    assert stored == [True, False]


@pytest.mark.parametrize("busy", [True, False])
def test_a_crowd_of_deliveries_hides_no_other_repositorys_push(station: Station, loop: Reconciler, busy: bool):
    crowd, other = station.repository("crowd"), station.repository("other")
    settled(station, loop)
    for number in range(600):
        station.tell(Head(f"refs/heads/{number}", None), name="crowd")
    sha = pushed(station, "other")
    station.tell(Head(MAIN, sha), name="other")
    if busy:
        loop._busy.add(crowd.id)  # noqa: SLF001 - its sync runs, and takes as long as its forge likes
    loop.tick(station.clock.now)
    until(lambda: other.id not in loop._busy)  # noqa: SLF001 - as above
    assert station.commit(sha, "other").state == "applied"
    if not busy:
        for _ in range(2):
            settled(station, loop)
        assert {state for state, _ in state_of(station)} == {"processed"}


def test_deliveries_of_a_repository_that_nobody_knows_any_more_hide_no_other(station: Station, loop: Reconciler):
    def action(session) -> None:
        for _ in range(600):
            deliveries.put(session, "gone", HOOK, new_id(), "push", {}, b"{}", station.clock.now.timestamp())

    station.repository()
    settled(station, loop)
    station.database.write(action)
    sha = pushed(station)
    station.tell(Head(MAIN, sha))
    settled(station, loop)
    assert station.commit(sha).state == "applied"


def test_deliveries_that_come_while_a_repository_is_busy_are_not_forgotten(station: Station, loop: Reconciler):
    shas: list[str] = []
    writer = station.commits()
    for number in range(10):
        shas.append(writer.write({".flows/f.yml": FLOW.replace("message: x", f"message: x{number}")}, *shas[-1:]))
        writer.move(MAIN, shas[-1])
        station.tell(Head(MAIN, shas[-1]))
        loop.tick(station.clock.now + timedelta(seconds=number))
    settled(station, loop, minutes=10)
    settled(station, loop, minutes=10)
    assert [station.commit(sha).state in ("applied", "superseded") for sha in shas] == [True] * 10
    assert station.commit(shas[-1]).state == "applied"
