"""The database file, its single writer and its readers.

SQLite in WAL with `synchronous=FULL`: what is acknowledged is on disk. **One** thread writes. It takes whatever actions wait (API calls, deliveries, engine
batches, log chunks), runs each in a SAVEPOINT of one transaction, commits once for all of them, and only then answers their callers: a thousand
small writes a second cost a few hundred syncs, an action that fails fails alone, and nobody ever waits for a lock. Readers have
connections of their own, see the last commit, and can't write.

A writer that ends by itself takes the process with it: nothing could be stored any more, and every caller would wait for ever. Start-up is recovery.

A *session* is a SQLAlchemy Core connection inside a transaction; every function of `service.store` and `service.actions` takes one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from runners.crashpoints import crashpoint
from service.errors import Unavailable
from service.store.hub import Hub, Topic

T = TypeVar("T")

#: A connection inside a transaction.
Session = Connection
Action = Callable[[Session], Any]

_log = logging.getLogger("headgate.store")
_PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA busy_timeout=8000", "PRAGMA cache_size=-16000")
_FULL = "disk is full"  #: SQLite's own words
_GROUP = 256  #: actions in one commit at most
WRITER_DIED = 70  #: exit code (EX_SOFTWARE)


def _engine(path: Path, *, writes: bool) -> Engine:
    pool: dict[str, Any] = {"poolclass": StaticPool} if writes else {"poolclass": QueuePool, "pool_size": 16, "max_overflow": 64}
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 8}, **pool)

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves; the driver's own guesses break SAVEPOINT
        for pragma in (*_PRAGMAS, *(() if writes else ("PRAGMA query_only=ON",))):
            raw.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        _driver(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _driver(session: Session) -> Any:
    """SQLite's own connection."""
    return session.connection.driver_connection


class Database:
    """One SQLite file. `close` answers what still waits, then ends the writer."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.hub = Hub()
        self._writes, self._reads = _engine(path, writes=True), _engine(path, writes=False)
        self._queue: queue.SimpleQueue[tuple[Action, Future[Any]] | None] = queue.SimpleQueue()
        self._closed, self._gate = False, threading.Lock()  #: nothing may come behind the end of the queue
        self._busy_since: float | None = None
        self._failed_at: float | None = None  #: the last commit's failure; None after a commit that went through
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and cannot write."""
        with self._reads.begin() as session:
            yield session

    def submit(self, action: Callable[[Session], T]) -> Future[T]:
        """Runs the action in the writer; the future has its result once it is committed."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise Unavailable("the service is stopping")
            self._queue.put((action, future))
        return future

    def write(self, action: Callable[[Session], T]) -> T:
        """Runs the action and waits for its commit. Never call it from the event loop or from an action."""
        return self.submit(action).result()

    async def awrite(self, action: Callable[[Session], T]) -> T:
        """Runs the action and awaits its commit."""
        return await asyncio.wrap_future(self.submit(action))

    def answers(self, within: float = 30.0) -> bool:
        """Whether the writer lives, has not been at one commit for longer than so many seconds, and its last commit did not fail just as recently. Costs
        nothing."""
        since, failed, now = self._busy_since, self._failed_at, time.monotonic()
        return self._thread.is_alive() and (since is None or now - since < within) and (failed is None or now - failed >= within)

    def close(self) -> None:
        """Commits what waits and ends. A second call does nothing."""
        with self._gate:
            first, self._closed = not self._closed, True
            if first:
                self._queue.put(None)
        if first:
            self._thread.join(timeout=10)
            self._writes.dispose()
            self._reads.dispose()

    def _run(self) -> None:
        try:
            self._write_all()
        except BaseException:  # noqa: BLE001 - whatever it was, nobody can write any more
            _log.critical("the writer of the database has died; the service ends and is to be started again", exc_info=True)
            logging.shutdown()
            os._exit(WRITER_DIED)

    def _write_all(self) -> None:
        while True:
            first = self._queue.get()
            group = [first]
            while group[-1] is not None and len(group) < _GROUP and not self._queue.empty():
                group.append(self._queue.get())
            self._busy_since = time.monotonic()
            self._commit([entry for entry in group if entry is not None])
            self._busy_since = None
            if group[-1] is None:
                return

    def _commit(self, group: list[tuple[Action, Future[Any]]]) -> None:
        """One transaction for the group. When the commit itself fails, every caller hears it: none of the actions has happened."""
        done: list[tuple[Future[Any], Any]] = []
        topics: list[Topic] = []
        try:
            with self._writes.begin() as session:
                session.info["topics"] = topics
                for action, future in group:
                    _attempt(session, action, future, done)
                crashpoint("writer.before_commit")
        except Exception as failure:  # noqa: BLE001 - a loop's tick: the error goes to every caller
            self._failed_at = time.monotonic()
            _log.error("a commit failed, and %d actions with it: %s", len(group), _why(failure), exc_info=not isinstance(failure, DBAPIError))
            for _, future in group:
                # One that failed by itself has heard of it; one that nobody waits for any more takes no answer.
                with suppress(InvalidStateError):
                    future.set_exception(Unavailable(f"the database could not store this: {_why(failure)}"))
            return
        self._failed_at = None
        crashpoint("writer.committed")
        for future, result in done:
            future.set_result(result)
        crashpoint("writer.answered")
        self.hub.publish(topics)


def _attempt(session: Session, action: Action, future: Future[Any], done: list[tuple[Future[Any], Any]]) -> None:
    """Runs one action in a SAVEPOINT of its own, so that its failure undoes it alone. A full disk is raised: SQLite ends the whole transaction at it."""
    if not future.set_running_or_notify_cancel():
        return
    topics: list[Topic] = session.info["topics"]
    before = len(topics)
    # Said by hand: SQLAlchemy's own savepoints take longer than most actions.
    driver = _driver(session)
    driver.execute("SAVEPOINT action")
    try:
        result = action(session)
    except Exception as failure:  # noqa: BLE001 - handed to the caller
        if isinstance(failure, DBAPIError) and _FULL in str(failure.orig):
            raise
        driver.execute("ROLLBACK TO action")
        driver.execute("RELEASE action")
        del topics[before:]
        future.set_exception(failure)
    else:
        driver.execute("RELEASE action")
        done.append((future, result))


def _why(failure: Exception) -> str:
    """In words for whoever has to do something about it."""
    cause = str(failure.orig) if isinstance(failure, DBAPIError) else str(failure)
    return "the disk that holds the data folder is full; free some of it" if _FULL in cause else cause


def announce(session: Session, *topics: Topic) -> None:
    """Tells the hub once this transaction is committed."""
    session.info["topics"].extend(topics)
