"""A session with DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runners.protocol import Unusable
from runners.sql.session import Rows, insert_text, library
from runners.sql.statements import Bound, Statement, bind, number

_PLACE = re.compile(r"\n\nLINE (\d+): (.*)\n( *)\^", re.DOTALL)
_KIND = re.compile(r"^[\w ]+ Error: ")
#: DuckDB shows no more of a long line than that around the place.
_SHOWN = "..."


class DuckdbSession:
    """A connection to a database file, or to one in memory."""

    def __init__(self, path: str, config: Mapping[str, str], extensions: Sequence[str] = (), zone: str | None = None) -> None:
        self._duckdb = library("duckdb", "duckdb")
        try:
            # A table's name must not find a variable of ours.
            self._connection = self._duckdb.connect(path, config={"python_enable_replacements": "false", **config})
            for name in extensions:
                self._connection.install_extension(name, repository="community")
                self._connection.load_extension(name)
            if zone:
                self._connection.execute("SET TimeZone = ?", [zone])
        except self._duckdb.Error as problem:
            raise Unusable(f"DuckDB can't open the database: {_said(problem)}") from problem

    def placed(self, statement: Statement, values: Mapping[str, Any] | None) -> Bound:
        """DuckDB's own form is `$name`."""
        return bind(statement, values, lambda name, _: f"${name}")

    def numbered(self, statement: Statement) -> tuple[Bound, int]:
        """`?` is DuckDB's own."""
        return number(statement, lambda _: "?")

    def run(self, bound: Bound, values: Mapping[str, Any], size: int) -> Rows | None:
        """Rows are made as they are read."""
        with self._told(bound):
            # One of ours may be several of DuckDB's (PIVOT); the last one gives the rows.
            kinds = [one.expected_result_type for one in self._connection.extract_statements(bound.text)]
            gives = bool(kinds) and self._duckdb.ExpectedResultType.CHANGED_ROWS not in kinds[-1]
            result = self._connection.execute(bound.text, dict(values) or None)
        if result.description is None or not (gives or _returning(bound)):
            result.fetchall()
            return None
        return Rows([column[0] for column in result.description], self._batches(result, bound, size))

    def run_many(self, bound: Bound, rows: Sequence[Sequence[Any]]) -> int:
        """One after the other; DuckDB tells of each how many rows it changed."""
        changed = 0
        with self._told(bound):
            for row in rows:
                told = self._connection.execute(bound.text, list(row)).fetchall()
                changed += told[0][0] if told and len(told[0]) == 1 and isinstance(told[0][0], int) else 0
        return changed

    def insert_into(self, table: str, columns: Sequence[str], width: int) -> str:
        """As everywhere."""
        return insert_text(table, columns, width)

    def begin(self) -> None:
        """Begins a transaction."""
        self._connection.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        """Unless the user's text has done so."""
        try:
            self._connection.execute("COMMIT")
        except self._duckdb.TransactionException as problem:
            if "no transaction is active" not in str(problem):
                raise Unusable(f"DuckDB can't commit: {_said(problem)}") from problem
        except self._duckdb.Error as problem:
            raise Unusable(f"DuckDB can't commit: {_said(problem)}") from problem

    def close(self) -> None:
        """What is not committed is undone."""
        self._connection.close()

    def _batches(self, result: Any, bound: Bound, size: int) -> Iterator[Sequence[Sequence[Any]]]:
        with self._told(bound):
            while batch := result.fetchmany(size):
                yield batch

    @contextmanager
    def _told(self, bound: Bound) -> Iterator[None]:
        try:
            yield
        except (self._duckdb.Error, OverflowError, UnicodeError) as problem:
            raise Unusable(f"{_place(bound, str(problem))}: {_said(problem)}") from problem


def _returning(bound: Bound) -> bool:
    """INSERT … RETURNING gives rows; the count that others give is none."""
    return re.search(r"\bRETURNING\b", bound.text, re.IGNORECASE) is not None


def _said(problem: Exception) -> str:
    """Its words, without the kind of error and the picture of the place."""
    return _KIND.sub("", _PLACE.split(str(problem), maxsplit=1)[0]).strip()


def _place(bound: Bound, message: str) -> str:
    """From the picture that DuckDB draws of it."""
    found = _PLACE.search(message)
    if not found:
        return bound.at(0)
    line, shown, caret = int(found[1]), found[2].splitlines()[0], len(found[3]) - len(f"LINE {found[1]}: ")
    lines = bound.text.split("\n")
    if line > len(lines):
        return bound.at(0)
    if shown.startswith(_SHOWN):
        caret += max(0, lines[line - 1].find(shown.removeprefix(_SHOWN).removesuffix(_SHOWN))) - len(_SHOWN)
    return bound.at(sum(len(one) + 1 for one in lines[: line - 1]) + max(0, caret))
