"""A session with SQLite, by the library that comes with Python."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from runners.protocol import Unusable
from runners.sql.session import Rows, insert_text
from runners.sql.statements import Bound, Statement, bind, number

#: What SQLite puts into quotes in its messages, or after the last colon, is the user's own word.
_NAMED = re.compile(r'near "((?:[^"]|"(?!:))+)":|(?:no such \w+|ambiguous \w+ name|misuse of \w+): (\S+)$')


class SqliteSession:
    """A connection to a database file, or to one in memory."""

    def __init__(self, path: str, pragmas: Mapping[str, str], uri: bool = False) -> None:
        try:
            self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, uri=uri)
            for name, value in pragmas.items():
                self._connection.execute(f"PRAGMA {name} = {value}")
            # A file that is no database is told now, and not as the fault of a statement.
            self._connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error as problem:
            raise Unusable(f"SQLite can't open the database: {problem}") from problem

    def placed(self, statement: Statement, values: Mapping[str, Any] | None) -> Bound:
        """`:name` is SQLite's own form."""
        return bind(statement, values, lambda name, _: f":{name}")

    def numbered(self, statement: Statement) -> tuple[Bound, int]:
        """`?` is too."""
        return number(statement, lambda _: "?")

    def run(self, bound: Bound, values: Mapping[str, Any], size: int) -> Rows | None:
        """A cursor reads row by row."""
        with _told(bound):
            cursor = self._connection.execute(bound.text, {name: _taken(value) for name, value in values.items()})
        if cursor.description is None:
            return None
        return Rows([column[0] for column in cursor.description], _batches(cursor, bound, size))

    def run_many(self, bound: Bound, rows: Sequence[Sequence[Any]]) -> int:
        """All rows by one prepared statement."""
        with _told(bound):
            return max(0, self._connection.executemany(bound.text, [[_taken(value) for value in row] for row in rows]).rowcount)

    def insert_into(self, table: str, columns: Sequence[str], width: int) -> str:
        """As everywhere."""
        return insert_text(table, columns, width)

    def begin(self) -> None:
        """Takes the right to write when it is first needed."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """Unless the user's text has done so."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as problem:
            raise Unusable(f"SQLite can't commit: {problem}") from problem

    def close(self) -> None:
        """What is not committed is undone."""
        self._connection.close()


def _batches(cursor: sqlite3.Cursor, bound: Bound, size: int) -> Iterator[Sequence[Sequence[Any]]]:
    with _told(bound):
        while batch := cursor.fetchmany(size):
            yield batch


@contextmanager
def _told(bound: Bound) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as problem:
        raise Unusable(f"{_place(bound, str(problem))}: {problem}") from problem


def _place(bound: Bound, message: str) -> str:
    """SQLite names the word that it does not like. Where that word stands once, its place is told; else that of the statement."""
    found = _NAMED.search(message)
    word = (found[1] or found[2]) if found else ""
    places = [one.start() for one in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", bound.text)] if word else []
    return bound.at(places[0] if len(places) == 1 else 0)


def _taken(value: Any) -> Any:
    """A value in one of the five kinds that SQLite has."""
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return json.dumps(value, default=str) if isinstance(value, dict | list) else value
