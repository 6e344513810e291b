"""What a durable commit costs in SQLite, alone and in a group, over the disk's own price for making one page durable.

It is the bound of everything that is stored before it is answered, and the reason why the writer commits in groups.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figure import Figure, best

ACTIONS = 400
GROUP = 50
PAGE = b"x" * 4096


def run() -> Iterator[Figure]:
    """Two ways to store 400 rows durably, per row."""
    with TemporaryDirectory(dir=Path(__file__).parent) as folder:
        floor = best(lambda: synced_pages(Path(folder) / "pages")) / ACTIONS * 1e6
        with closing(database(Path(folder) / "commits.db")) as session:
            yield Figure("one commit per action", best(lambda: store(session, 1)) / ACTIONS * 1e6, "µs/action", floor)
            yield Figure(f"one commit per {GROUP} actions", best(lambda: store(session, GROUP)) / ACTIONS * 1e6, "µs/action", floor / GROUP)


def database(path: Path) -> sqlite3.Connection:
    """A database with the settings of the service's own."""
    session = sqlite3.connect(path, isolation_level=None)
    session.execute("PRAGMA journal_mode=WAL")
    session.execute("PRAGMA synchronous=FULL")
    session.execute("CREATE TABLE action (id INTEGER PRIMARY KEY, content TEXT NOT NULL)")
    return session


def store(session: sqlite3.Connection, group: int) -> None:
    """Stores the actions, `group` of them to a transaction."""
    for _ in range(ACTIONS // group):
        session.execute("BEGIN IMMEDIATE")
        session.executemany("INSERT INTO action (content) VALUES (?)", [("a row of ordinary size " * 8,)] * group)
        session.execute("COMMIT")


def synced_pages(path: Path) -> None:
    """Writes pages over those of a file and makes each durable: the least that a commit can cost here."""
    path.write_bytes(PAGE * ACTIONS)  # like a log in use, the file is not growing while it is measured
    with path.open("r+b", buffering=0) as file:
        os.fsync(file.fileno())
        for _ in range(ACTIONS):
            file.write(PAGE)
            os.fdatasync(file.fileno())
