"""What a query costs, counted in the steps of SQLite's own machine: the same on a fast and on a starved one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from service.store.database import Database, Session


def steps(database: Database, query: Callable[[Session], object]) -> int:
    """How many steps a query takes."""
    taken = count()
    with database.read() as session:
        raw = session.connection.driver_connection
        assert raw is not None
        # What it returns is "go on" as long as it is 0.
        raw.set_progress_handler(lambda: next(taken) and 0, 1)
        try:
            query(session)
        finally:
            raw.set_progress_handler(None, 1)
    return next(taken)
