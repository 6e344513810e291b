"""Statements of the hot paths: written with SQLAlchemy, compiled once, run by the driver.

What SQLAlchemy does for each call (a key for its cache, types, a result) takes ten times as long as SQLite itself. So what runs for every step of every
execution is a `Statement`; all else is written and run as usual. Both run in the same transaction, and fail with the same errors.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Boolean, Table, bindparam, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ClauseElement, Select

from service.store.database import Session

#: A row whose columns are attributes.
Found: TypeAlias = Any


class Statement:
    """A statement whose parameters all have names (`bindparam`). Values are what the driver takes: text, numbers, bytes, None."""

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._made: tuple[str, Callable[[Mapping[str, Any]], Any], Callable[[Any], Found]] | None = None

    def run(self, session: Session, values: Mapping[str, Any]) -> int:
        """How many rows it has changed."""
        text, given, _ = self._made or self._make(session)
        return int(self._cursor(session, text, given(values)).rowcount)

    def run_all(self, session: Session, rows: Iterable[Mapping[str, Any]]) -> int:
        """For each of many; how many rows that has changed together."""
        text, given, _ = self._made or self._make(session)
        try:
            return int(session.connection.cursor().executemany(text, [given(row) for row in rows]).rowcount)
        except session.dialect.loaded_dbapi.Error as failure:
            raise _as_usual(text, failure, session) from failure

    def inserted(self, session: Session, values: Mapping[str, Any]) -> int:
        """The number of the row that it has inserted."""
        text, given, _ = self._made or self._make(session)
        return int(self._cursor(session, text, given(values)).lastrowid)

    def first(self, session: Session, values: Mapping[str, Any]) -> Found | None:
        """The first row."""
        text, given, read = self._made or self._make(session)
        cursor = self._cursor(session, text, given(values))
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else read(row)

    def rows(self, session: Session, values: Mapping[str, Any]) -> Sequence[Found]:
        """All rows."""
        text, given, read = self._made or self._make(session)
        return [read(row) for row in self._cursor(session, text, given(values)).fetchall()]

    def value(self, session: Session, values: Mapping[str, Any]) -> Any:
        """The first column of the first row; None without one."""
        text, given, _ = self._made or self._make(session)
        cursor = self._cursor(session, text, given(values))
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]

    def _cursor(self, session: Session, text: str, values: Any) -> Any:
        cursor = session.connection.cursor()
        try:
            cursor.execute(text, values)
        except session.dialect.loaded_dbapi.Error as failure:
            raise _as_usual(text, failure, session) from failure
        return cursor

    def _make(self, session: Session) -> tuple[str, Callable[[Mapping[str, Any]], Any], Callable[[Any], Found]]:
        compiled: Any = self._clause.compile(dialect=session.dialect)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        order = list(compiled.positiontup)

        def given(values: Mapping[str, Any]) -> Any:
            return [values[name] if name in values else fixed[name] for name in order]

        take = given if fixed else _taking(order)
        self._made = str(compiled), take, _reading(self._clause) if isinstance(self._clause, Select) else tuple
        return self._made


def by(table: Table, *names: str) -> Statement:
    """Finds the rows with these columns, each a parameter of its name."""
    return Statement(select(table).where(*(table.c[name] == bindparam(name) for name in names)))


def insert_into(table: Table, *names: str) -> Statement:
    """Inserts a row with these columns, each a parameter of its name."""
    return Statement(insert(table).values({name: bindparam(name) for name in names}))


def _taking(order: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    if len(order) == 1:
        only = order[0]
        return lambda values: (values[only],)
    return itemgetter(*order) if order else lambda _: ()


def _reading(clause: Select[Any]) -> Callable[[Any], Found]:
    """Makes a row of what the driver gives, which has numbers where a column is true or false."""
    columns = list(clause.selected_columns)
    names = [column.key or f"column_{number}" for number, column in enumerate(columns)]
    made = namedtuple("Found", names)  # type: ignore[misc]  # noqa: PYI024 - the names are the table's
    kind: Any = made
    kind._mapping = property(kind._asdict)  # as SQLAlchemy's rows have it
    flags = [number for number, column in enumerate(columns) if isinstance(column.type, Boolean)]
    if not flags:
        take: Callable[[Any], Found] = kind._make
        return take

    def read(row: Sequence[Any]) -> Found:
        values = list(row)
        for number in flags:
            if values[number] is not None:
                values[number] = bool(values[number])
        return kind._make(values)

    return read


def _as_usual(text: str, failure: Exception, session: Session) -> Exception:
    """The error that SQLAlchemy would have raised."""
    return DBAPIError.instance(text, None, failure, session.dialect.loaded_dbapi.Error, dialect=session.dialect)
