"""One writer that commits in groups, readers beside it, and what is on disk once an answer is given."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from service.errors import Conflict, Unavailable
from service.store import schema, settings
from service.store.database import Database, Session, announce

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "headgate.db"
    schema.upgrade(path)
    database = Database(path)
    yield database
    database.close()


def put(key: str, value: str = "x"):
    return lambda session: settings.put(session, key, value)


def get(database: Database, key: str) -> str | None:
    with database.read() as session:
        return settings.get(session, key)


class Held:
    """Holds the writer, so that what is submitted meanwhile is one group."""

    def __init__(self, database: Database) -> None:
        self._go, reached = threading.Event(), threading.Event()

        def hold(session: Session) -> None:
            reached.set()
            self._go.wait(10)

        self.future = database.submit(hold)
        assert reached.wait(10)

    def let_go(self) -> None:
        self._go.set()
        self.future.result(10)


def fail(error: Exception):
    def action(session: Session) -> None:
        settings.put(session, "half", "done")
        raise error

    return action


def test_an_answer_comes_after_the_commit(database: Database):
    database.write(put("a"))
    assert get(database, "a") == "x"


def test_one_failing_action_of_a_group_fails_alone(database: Database):
    held = Held(database)
    futures: list[Future] = [database.submit(action) for action in (put("a"), fail(Conflict("no")), put("b"))]
    held.let_go()
    assert futures[0].result(10) is None
    with pytest.raises(Conflict, match="no"):
        futures[1].result(10)
    assert futures[2].result(10) is None
    assert [get(database, key) for key in ("a", "half", "b")] == ["x", None, "x"]


def test_a_database_error_in_one_action_undoes_that_action_alone(database: Database):
    held = Held(database)

    def twice(session: Session) -> None:
        settings.add_token(session, "admin", "same")
        settings.add_token(session, "admin", "same")

    futures: list[Future] = [database.submit(action) for action in (put("a"), twice, put("b"))]
    held.let_go()
    with pytest.raises(IntegrityError):
        futures[1].result(10)
    assert futures[2].result(10) is None
    assert [get(database, key) for key in ("a", "b")] == ["x", "x"]
    with database.read() as session:
        assert settings.token_kind(session, "same") is None


def test_a_commit_that_fails_reaches_every_caller_and_the_next_one_works(database: Database):
    def prepare(session: Session) -> None:
        session.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        session.execute(text("CREATE TABLE child (parent INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)"))

    database.write(prepare)
    held = Held(database)
    # A deferred constraint is looked at by COMMIT itself.
    orphan = lambda session: session.execute(text("INSERT INTO child VALUES (1)")) and None  # noqa: E731
    futures: list[Future] = [database.submit(action) for action in (put("a"), fail(Conflict("mine")), orphan, put("b"))]
    held._go.set()  # noqa: SLF001 - it shares the fate of its group or goes before it
    for future in (futures[0], futures[2], futures[3]):
        with pytest.raises(Unavailable, match="could not store"):
            future.result(10)
    with pytest.raises(Conflict, match="mine"):
        futures[1].result(10)
    assert get(database, "a") is None
    database.write(put("a", "again"))
    assert get(database, "a") == "again"


def test_a_full_disk_is_told_as_one_and_forgotten_once_there_is_room(database: Database):
    def limit(pages: int):
        # What SQLite answers past its own limit is what it answers when the disk has no room.
        return lambda session: session.exec_driver_sql(f"PRAGMA max_page_count={pages}") and None

    database.write(limit(1))  # less than there are: no more may come
    with pytest.raises(Unavailable, match="the disk that holds the data folder is full; free some of it") as refused:
        database.write(put("large", "x" * 1_000_000))
    assert "sqlite" not in str(refused.value).lower()
    assert not database.answers()
    database.write(limit(1_000_000))
    database.write(put("large", "x" * 1_000_000))
    assert database.answers()


def test_a_failed_action_announces_nothing(database: Database):
    heard: list[str] = []
    for topic in ("good", "bad"):
        database.hub.listen((topic, ""), lambda found: heard.append(found[0]))

    def bad(session: Session) -> None:
        announce(session, ("bad", ""))
        raise Conflict("no")

    held = Held(database)
    futures: list[Future] = [database.submit(bad), database.submit(lambda session: announce(session, ("good", ""), ("good", "")))]
    held.let_go()
    futures[1].result(10)
    database.write(put("a"))
    assert heard == ["good"]


def test_a_cancelled_action_is_not_run(database: Database):
    held = Held(database)
    future = database.submit(put("a"))
    assert future.cancel()
    held.let_go()
    database.write(put("b"))
    assert get(database, "a") is None


def test_readers_can_not_write(database: Database):
    with pytest.raises(OperationalError, match="readonly"), database.read() as session:
        settings.put(session, "a", "x")


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: Database):
    database.write(put("a", "old"))
    with database.read() as session:
        assert settings.get(session, "a") == "old"
        database.write(put("a", "new"))
        assert settings.get(session, "a") == "old"
    assert get(database, "a") == "new"


def test_many_writers_and_readers_get_along(database: Database):
    def work(number: int) -> None:
        for step in range(20):
            database.write(put(f"{number}", f"{step}"))
            assert get(database, f"{number}") == f"{step}"

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [get(database, f"{number}") for number in range(8)] == ["19"] * 8


def test_the_event_loop_awaits_the_commit(database: Database):
    async def story() -> str | None:
        await database.awrite(put("a"))
        return get(database, "a")

    assert asyncio.run(story()) == "x"


def test_a_closed_database_commits_what_waits_and_takes_nothing_more(tmp_path: Path):
    path = tmp_path / "headgate.db"
    schema.upgrade(path)
    database = Database(path)
    held = Held(database)
    future = database.submit(put("a"))
    closing = threading.Thread(target=database.close)
    closing.start()
    held.let_go()
    closing.join()
    assert future.result(0) is None
    with pytest.raises(Unavailable):
        database.submit(put("b"))
    database.close()
    again = Database(path)
    assert (get(again, "a"), get(again, "b")) == ("x", None)
    again.close()


_CHILD = """
import sys
from pathlib import Path
from service.store import settings
from service.store.database import Database

database = Database(Path(sys.argv[1]))
for number in range(10_000):
    database.write(lambda session, number=number: settings.put(session, f"key{number}", "x"))
    print(number, flush=True)
"""


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path):
    path = tmp_path / "headgate.db"
    schema.upgrade(path)
    with subprocess.Popen([sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line == "200\n":
                child.send_signal(signal.SIGKILL)
                break
        last = max([200, *(int(line) for line in child.stdout if line.endswith("\n"))])
    database = Database(path)
    assert all(get(database, f"key{number}") == "x" for number in range(last + 1))
    database.write(put("after"))
    assert get(database, "after") == "x"
    database.close()
