"""The writer lives as long as the service, whatever the others do; and when it does not, the service does not either."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.store import settings
from service.store.database import WRITER_DIED, Session, announce
from service.store.hub import Topic
from tests.support.serving import until
from tests.support.station import Station

ROOT = Path(__file__).parents[2]
NEWS = ("news", "")

_DIE = """
import sys, threading
from pathlib import Path
from service.store import schema, settings
from service.store.database import Database, announce
path = Path(sys.argv[1])
schema.upgrade(path)
database = Database(path)
database.write(lambda session: settings.put(session, "kept", "x"))
def die(topic):
    raise SystemExit("a listener asks for the end")
database.hub.listen(("news", ""), die)
database.write(lambda session: announce(session, ("news", "")))
database.write(lambda session: settings.put(session, "never", "x"))
print("still here")
"""


def put(key: str):
    return lambda session: settings.put(session, key, "x")


def test_a_listener_that_fails_takes_neither_the_writer_nor_the_others_with_it(station: Station, caplog):
    heard: list[Topic] = []

    def fail(_: Topic) -> None:
        raise RuntimeError("Event loop is closed")

    for listener in (fail, heard.append, fail):
        station.database.hub.listen(NEWS, listener)
    with caplog.at_level("CRITICAL"):
        for _ in range(3):
            station.database.write(lambda session: announce(session, NEWS))
    station.database.write(put("after"))
    until(lambda: len(heard) == 3)


@pytest.mark.parametrize("when", ["before", "while it runs", "when the commit fails"])
def test_somebody_who_stops_waiting_does_not_stop_the_writer(station: Station, when: str, caplog):
    reached, go = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        reached.set()
        go.wait(10)
        if when == "when the commit fails":
            session.exec_driver_sql("ROLLBACK")  # what follows in this transaction, its COMMIT too, fails

    held = station.database.submit(hold)
    assert reached.wait(10)
    waiting: list[Future] = [station.database.submit(put(f"k{number}")) for number in range(20)]
    for future in waiting[::2] if when != "while it runs" else [held]:
        future.cancel()
    with caplog.at_level("CRITICAL"):
        go.set()
        for future in waiting:
            if not future.cancelled():
                try:
                    future.result(10)
                except Unavailable:
                    assert when == "when the commit fails"
        station.database.write(put("after"))
    assert station.database.answers()


def test_a_writer_that_dies_ends_the_process_and_keeps_what_was_acknowledged(tmp_path: Path):
    path = tmp_path / "headgate.db"
    ended = subprocess.run([sys.executable, "-c", _DIE, path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (WRITER_DIED, "")
    assert "the writer of the database has died" in ended.stderr
    from service.store.database import Database  # noqa: PLC0415 - the start after the end

    database = Database(path)
    with database.read() as session:
        assert (settings.get(session, "kept"), settings.get(session, "never")) == ("x", None)
    database.close()


def test_the_database_answers_as_long_as_its_writer_does(station: Station):
    go = threading.Event()
    assert station.database.answers()
    held = station.database.submit(lambda _: go.wait(10))
    until(lambda: not station.database.answers(within=0.05))
    assert station.database.answers(within=30)
    go.set()
    held.result(10)
    until(lambda: station.database.answers(within=0.05))
    station.database.close()
    assert not station.database.answers()


def test_asking_costs_nothing(station: Station):
    go = threading.Event()
    held = station.database.submit(lambda _: go.wait(10))
    begun = time.monotonic()
    for _ in range(10_000):
        station.database.answers()
    assert time.monotonic() - begun < 2
    go.set()
    held.result(10)
