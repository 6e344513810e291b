"""The Protocol that a database fulfils, and what its mistakes are told as."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runners.protocol import Unusable
from runners.sql.statements import Bound, Statement


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gives: the names of its columns, and its rows, some at a time."""

    columns: Sequence[str]
    batches: Iterator[Sequence[Sequence[Any]]]


class Session(Protocol):
    """A connection to a database. Every call raises Unusable with what the database says, and the place in the user's text where it is known.

    Outside of `begin` and `commit` each statement is a transaction of its own.
    """

    def placed(self, statement: Statement, values: Mapping[str, Any] | None) -> Bound:
        """The statement with its `:name` parameters in the form of the driver."""

    def numbered(self, statement: Statement) -> tuple[Bound, int]:
        """The statement with its `?` in the form of the driver, and how many there are."""

    def run(self, bound: Bound, values: Mapping[str, Any], size: int) -> Rows | None:
        """Runs a statement to its end; its rows, where it gives any, must be read before the next call, and are held some at a time."""

    def run_many(self, bound: Bound, rows: Sequence[Sequence[Any]]) -> int:
        """Runs a statement for each of the rows; how many rows of the database it changed."""

    def insert_into(self, table: str, columns: Sequence[str], width: int) -> str:
        """The text, with `?`, that puts a row of so many values into a table."""

    def begin(self) -> None:
        """Begins a transaction."""

    def commit(self) -> None:
        """Ends it. What was begun and not ended, is undone when the session is closed."""

    def close(self) -> None:
        """Lets go of the connection."""


def library(name: str, extra: str) -> Any:
    """The library of a database; raises Unusable where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise Unusable(f"this task needs the library {name}, which this runner does not have: pip install 'headgate[{extra}]'") from problem


def quoted(name: str) -> str:
    """A name as SQL has it, with nothing in it that could end it."""
    return '"' + name.replace('"', '""') + '"'


def insert_text(table: str, columns: Sequence[str], width: int) -> str:
    """The usual form of `Session.insert_into`. The table's name stands as it was written: it may have a schema before it."""
    names = f" ({', '.join(map(quoted, columns))})" if columns else ""
    return f"INSERT INTO {table}{names} VALUES ({', '.join('?' * width)})"
