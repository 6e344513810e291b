"""The dispatcher's queue: who gets what, under which epoch, for how long."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from service.store import jobs
from service.store.hub import Topic
from service.store.jobs import Job
from tests.support.station import Station


def queued(station: Station, *names: str) -> None:
    for name in names:
        station.database.write(partial(jobs.queue, execution="e1", task_run=name, attempt=1))


def claim(station: Station, runner: str = "r", until: float = 10.0) -> Job | None:
    return station.database.write(lambda session: jobs.claim(session, jobs.Claimant(runner, folders=2), until))


def job(station: Station, name: str) -> Job | None:
    with station.database.read() as session:
        return jobs.get(session, name, 1)


def test_the_oldest_is_claimed_first(station: Station):
    queued(station, "a", "b")
    assert [(one.task_run_id, one.epoch, one.runner, one.state) for one in (claim(station), claim(station, "s")) if one] == [
        ("a", 1, "r", "leased"),
        ("b", 1, "s", "leased"),
    ]
    assert claim(station) is None


def test_many_claims_at_once_give_each_job_once(station: Station):
    queued(station, *(f"{number}" for number in range(20)))
    got: list[str] = []

    def work() -> None:
        while found := claim(station):
            got.append(found.task_run_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=int) == [f"{number}" for number in range(20)]


def test_an_attempt_is_queued_once(station: Station):
    queued(station, "a")
    with pytest.raises(IntegrityError):
        queued(station, "a")


def test_a_lease_ends_after_its_time_and_a_beat_lengthens_it(station: Station):
    queued(station, "a", "b")
    first, second = claim(station), claim(station)
    assert first is not None
    assert second is not None
    station.database.write(lambda session: jobs.beat(session, first, 20.0))
    with station.database.read() as session:
        assert [one.task_run_id for one in jobs.expired(session, 10.5)] == ["b"]
        assert len(jobs.expired(session, 20.5)) == 2
        assert jobs.expired(session, 10.0) == ()


def test_an_ended_attempt_is_not_claimed_and_not_lost(station: Station):
    queued(station, "a")
    claim(station)
    station.database.write(lambda session: jobs.end(session, "a", 1, "digest"))
    found = job(station, "a")
    assert found is not None
    assert (found.state, found.result, found.lease_until) == ("done", "digest", None)
    with station.database.read() as session:
        assert (jobs.expired(session, 99.0), jobs.leased(session)) == ((), ())
    assert claim(station) is None


def test_what_was_dropped_is_gone(station: Station):
    queued(station, "a")
    station.database.write(lambda session: jobs.drop(session, "a", 1))
    assert (job(station, "a"), claim(station)) == (None, None)


def test_stop_is_a_mark_for_the_next_beat(station: Station):
    queued(station, "a")
    claim(station)
    station.database.write(lambda session: jobs.stop(session, "a", 1))
    found = job(station, "a")
    assert found is not None
    assert (found.stop, found.state) == (True, "leased")


def test_what_shares_a_folder_waits_for_the_runner_that_holds_it(station: Station):
    queued(station, "a")
    station.database.write(partial(jobs.queue, execution="e1", task_run="w", attempt=1, folder="w"))
    assert [one.task_run_id for one in (claim(station), claim(station)) if one] == ["a", "w"]
    queued(station, "b")
    station.database.write(partial(jobs.queue, execution="e1", task_run="in", attempt=1, folder="w"))
    # What only one runner may have comes first: it makes room for others.
    assert [one.task_run_id for one in (claim(station), claim(station, "s"), claim(station)) if one] == ["in", "b"]


def test_what_shares_a_folder_that_nobody_holds_is_nobodys(station: Station):
    station.database.write(partial(jobs.queue, execution="e1", task_run="w", attempt=1, folder="w"))
    claim(station)
    station.database.write(lambda session: jobs.end(session, "w", 1, "lost"))
    station.database.write(partial(jobs.queue, execution="e1", task_run="in", attempt=1, folder="w"))
    assert claim(station) is None


def test_a_runner_holds_so_many_folders_and_no_more(station: Station):
    for name in ("w", "x", "y"):
        station.database.write(partial(jobs.queue, execution="e1", task_run=name, attempt=1, folder=name))
    assert [one.task_run_id if one else None for one in (claim(station), claim(station), claim(station), claim(station, "s"))] == ["w", "x", None, "y"]
    heard: list[Topic] = []
    station.database.hub.listen(("jobs", ""), heard.append)
    station.database.write(partial(jobs.queue, execution="e1", task_run="z", attempt=1, folder="z"))
    station.database.write(lambda session: jobs.drop(session, "w", 1))
    assert (len(heard), claim(station) is not None) == (2, True)


def test_a_claim_costs_the_same_however_many_wait(station: Station):
    for number in range(300):
        station.database.write(partial(jobs.queue, execution="e1", task_run=f"{number}", attempt=1, folder=f"{number}"))
    with station.database.read() as session:
        plan = session.exec_driver_sql("EXPLAIN QUERY PLAN SELECT id FROM job WHERE state = 'queued' AND lane = 'any' ORDER BY id LIMIT 1").all()
    assert "ix_job_state" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_the_queue_wakes_whoever_waits_for_work(station: Station):
    heard: list[Topic] = []
    station.database.hub.listen(("jobs", ""), heard.append)
    queued(station, "a")
    assert heard == [("jobs", "")]
