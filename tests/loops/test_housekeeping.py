"""What nobody asks for again is let go, in small steps; what is the record stays."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from service.actions.deliveries import HOOK
from service.git.repository import Git
from service.loops.housekeeping import Housekeeping
from service.store import deliveries, jobs, kv
from service.store.codec import new_id
from tests.support.station import RUNNER, Station

JOB = "  - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo]}\n"


@pytest.fixture
def loop(station: Station) -> Housekeeping:
    return Housekeeping(station.kit)


def kept(station: Station, loop: Housekeeping, **later: float) -> int:
    """Ticks until nothing is due; how many ticks that took."""
    station.clock.forward(**later)
    for ticks in range(500):
        if loop.tick(station.clock.now) > 0:
            return ticks
    raise AssertionError("the chores never end")


def rows(station: Station, statement: str) -> list[tuple]:
    with station.database.read() as session:
        return [tuple(row) for row in session.exec_driver_sql(statement)]


def delivered(station: Station, count: int = 1, state: str = "processed") -> list[str]:
    repository, at = station.repository(), station.clock.now.timestamp()
    ids = [new_id() for _ in range(count)]

    def action(session) -> None:
        for id in ids:
            deliveries.put(session, repository.id, HOOK, id, "push", {"x-github-event": "push"}, b"{}" * 500, at)
        if state != "received":
            numbers = session.exec_driver_sql("SELECT id FROM delivery WHERE state = 'received'").scalars().all()
            deliveries.settle(session, tuple(numbers), state)

    station.database.write(action)
    return ids


def test_nothing_is_done_right_after_a_start(station: Station, loop: Housekeeping):
    delivered(station)
    station.clock.forward(days=40)
    assert loop.tick(station.clock.now) == 60.0
    assert rows(station, "SELECT length(body) FROM delivery") == [(1000,)]


@pytest.mark.parametrize("state", ["processed", "ignored", "quarantined"])
def test_the_body_of_an_old_delivery_goes_and_its_row_stays(station: Station, loop: Housekeeping, state: str):
    (id,) = delivered(station, state=state)
    kept(station, loop, days=29)
    kept(station, loop, minutes=5)
    assert rows(station, "SELECT length(body) FROM delivery") == [(1000,)]
    kept(station, loop, days=2)
    assert rows(station, "SELECT delivery_id, length(body), headers, state FROM delivery") == [(id, 0, "{}", state)]
    repository, at = station.repository(), station.clock.now.timestamp()
    assert not station.database.write(lambda session: deliveries.put(session, repository.id, HOOK, id, "push", {}, b"{}", at))


def test_a_delivery_that_waits_keeps_its_body_however_old_it_is(station: Station, loop: Housekeeping):
    delivered(station, state="received")
    kept(station, loop, days=400)
    kept(station, loop, minutes=5)
    assert rows(station, "SELECT length(body) FROM delivery") == [(1000,)]


def test_old_refusals_go(station: Station, loop: Housekeeping):
    def refused(count: int) -> None:
        at = station.clock.now.timestamp()

        def action(session) -> None:
            for _ in range(count):
                deliveries.refuse(session, "hook", 401, "no", "0" * 64, 1, "198.51.100.7", at)

        station.database.write(action)

    refused(3)
    kept(station, loop, days=20)
    refused(2)
    kept(station, loop, days=20)
    kept(station, loop, minutes=5)
    assert rows(station, "SELECT count(*) FROM refusal") == [(2,)]


def finished(station: Station) -> str:
    """An execution whose one job a runner has finished; nobody has told the executor's clock."""
    id = station.flow(JOB)
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    station.database.write(lambda session: jobs.end(session, job.lease.task_run, job.lease.attempt, "digest"))
    return id


def ended(station: Station, id: str, at: float) -> None:
    station.database.write(lambda session: session.exec_driver_sql("UPDATE execution SET ended_at = ? WHERE id = ?", (at, id)))


def test_keys_go_once_their_time_is_over(station: Station, loop: Housekeeping):
    at = station.clock.now.timestamp()
    for key, ends in (("soon", at + 60), ("later", at + 86_400), ("never", None)):
        station.database.write(partial(kv.put, environment="main", namespace="t", key=key, value=1, at=at, expires_at=ends))
    kept(station, loop, hours=2)
    kept(station, loop, hours=2)
    assert rows(station, "SELECT key FROM key_value ORDER BY key") == [("later",), ("never",)]


def test_attempts_of_executions_that_ended_yesterday_go(station: Station, loop: Housekeeping):
    id = finished(station)
    kept(station, loop, days=3)
    kept(station, loop, minutes=5)
    # It is over, but its execution is not.
    assert rows(station, "SELECT state FROM job") == [("done",)]
    ended(station, id, station.clock.now.timestamp())
    kept(station, loop, hours=23)
    assert rows(station, "SELECT state FROM job") == [("done",)]
    kept(station, loop, hours=2)
    assert rows(station, "SELECT state FROM job") == []
    assert len(station.every()) == 1


@pytest.mark.parametrize("state", ["queued", "leased"])
def test_an_attempt_that_is_not_over_stays_whatever_its_execution_says(station: Station, loop: Housekeeping, state: str):
    id = station.flow(JOB)
    station.tick()
    if state == "leased":
        assert station.dispatch.try_claim(RUNNER) is not None
    ended(station, id, station.clock.now.timestamp())
    kept(station, loop, days=3)
    kept(station, loop, minutes=5)
    assert rows(station, "SELECT state FROM job") == [(state,)]


def test_much_goes_in_many_small_steps(station: Station, loop: Housekeeping):
    delivered(station, 1800)
    kept(station, loop, days=40)
    assert kept(station, loop, minutes=5) > 4
    assert rows(station, "SELECT count(*), sum(length(body)) FROM delivery") == [(1800, 0)]


# files


def loose(repository: Path) -> int:
    return sum(1 for path in (repository / "objects").glob("??/*") if path.is_file())


def test_repositories_are_packed_once_a_day(station: Station, loop: Housekeeping):
    writer = station.commits()
    sha = writer.write({f"{number}.txt": str(number) for number in range(3000)})
    writer.move("refs/heads/main", sha)
    place = station.git.path("default")
    before = loose(place)
    assert before > 2000
    kept(station, loop)
    kept(station, loop, minutes=5)
    assert loose(place) == 0
    assert station.git.commit("default", sha).message == "change"


def test_a_repository_that_can_not_be_packed_stops_no_other_chore(station: Station, loop: Housekeeping, caplog):
    for name in ("bad", "gone", "default"):
        station.repository(name)
    (station.git.path("bad") / "HEAD").write_text("nonsense")
    station.git.remove("gone")
    delivered(station)
    with caplog.at_level("WARNING"):
        kept(station, loop, days=40)
        kept(station, loop, minutes=5)
    assert rows(station, "SELECT length(body) FROM delivery") == [(0,)]
    assert [record.message for record in caplog.records if "can't be packed" in record.message]


def test_a_chore_that_breaks_is_left_until_its_next_turn(station: Station, loop: Housekeeping):
    kept(station, loop)
    undisturbed = kept(station, loop, minutes=5)
    station.database.write(lambda session: session.exec_driver_sql("ALTER TABLE refusal RENAME TO elsewhere"))
    station.clock.forward(hours=1)
    with pytest.raises(Exception, match="refusal"):
        kept(station, loop)
    assert 0 < kept(station, loop) < undisturbed
    station.database.write(lambda session: session.exec_driver_sql("ALTER TABLE elsewhere RENAME TO refusal"))
    delivered(station)
    kept(station, loop, days=40)
    assert rows(station, "SELECT length(body) FROM delivery") == [(0,)]


def test_rows_of_one_kind_that_can_not_go_keep_no_others(station: Station, loop: Housekeeping):
    ended(station, finished(station), station.clock.now.timestamp())
    kept(station, loop)
    station.database.write(lambda session: session.exec_driver_sql("ALTER TABLE delivery RENAME TO elsewhere"))
    delay, broken = 0.0, 0
    station.clock.forward(days=3)
    while delay == 0:
        try:
            delay = loop.tick(station.clock.now)
        except OperationalError:
            broken += 1
    assert (broken, rows(station, "SELECT state FROM job")) == (1, [])


def test_a_repository_whose_packing_breaks_is_passed_over(station: Station, caplog: pytest.LogCaptureFixture):
    class Faulty(Git):
        def tidy(self, name: str) -> None:
            tidied.append(name)
            if name == "bad":
                raise OSError("the disk gives an error")
            super().tidy(name)

    tidied: list[str] = []
    names = ["another", "bad", "default", "last"]
    for name in names:
        station.repository(name)
    with caplog.at_level(logging.CRITICAL):
        loop = Housekeeping(replace(station.kit, git=Faulty(station.folder / "git", station.helper)))
        kept(station, loop)
        kept(station, loop, minutes=5)
    assert sorted(tidied) == names


@pytest.fixture
def exports(station: Station) -> Path:
    folder = station.folder / "cache" / "trees"
    folder.mkdir(parents=True)
    for age, name in enumerate(("new", "old", "older")):
        with (folder / f"{name}.tar").open("wb") as out:
            out.truncate(900 << 20)  # as long as it says, and yet no bytes on the disk
        os.utime(folder / f"{name}.tar", (1_000_000 - age, 1_000_000 - age))
    return folder


def test_exported_trees_beyond_the_caches_size_go_the_oldest_first(station: Station, loop: Housekeeping, exports: Path):
    kept(station, loop)
    kept(station, loop, minutes=5)
    assert sorted(path.name for path in exports.iterdir()) == ["new.tar", "old.tar"]


def test_headers_that_are_forgotten_are_still_json(station: Station, loop: Housekeeping):
    delivered(station)
    kept(station, loop, days=40)
    kept(station, loop, minutes=5)
    assert json.loads(rows(station, "SELECT headers FROM delivery")[0][0]) == {}
