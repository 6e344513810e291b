"""Batch, for every database: rows of a file into a table, or through any statement, some at a time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Positive, Text
from runners.ion import IonError, stream
from runners.protocol import Metric, Outcome, Result, Unusable
from runners.sql.fields import DatabaseTask
from runners.sql.session import Session
from runners.sql.statements import split
from runners.task import Work

_FILE = ".headgate-batch.ion"


class BatchTask(DatabaseTask):
    """Runs a statement for every row of a file."""

    OUTPUTS: ClassVar[Mapping[str, str]] = {"rowCount": "How many rows were read.", "updatedCount": "How many rows of the database were changed."}

    from_: Dynamic[Any] = Field(alias="from", description="The rows: the URI of an Ion file, or a list. Each is a list of values, or a map.")
    sql: Dynamic[Text] | None = Field(None, description="The statement, with a `?` for each value. Made from table and columns when absent.")
    table: Dynamic[Text] | None = Field(None, description="The table to insert into.")
    columns: Dynamic[list[Text]] | None = Field(None, description="The columns to set; of rows that are maps, the keys to take, in this order.")
    chunk: Dynamic[Positive] = Field(1000, description="How many rows are sent at a time.")

    def run(self, work: Work) -> Outcome:
        """Reads, sends, counts; all of it or nothing."""
        if not self.sql and not self.table:
            raise Unusable("sql or table: one of them is needed")
        self.prepare(work)
        rows = enumerate(_rows(self.from_, work), 1)
        count = changed = queries = 0
        with self.session(work) as session:
            session.begin()
            for batch in iter(lambda: list(itertools.islice(rows, self.chunk)), []):
                changed += self._send(session, batch)
                count, queries = count + len(batch), queries + 1
            session.commit()
        for name, value in (("records", count), ("updated", changed), ("query", queries)):
            work.metric(Metric(name, "counter", float(value)))
        return Outcome(Result.SUCCESS, outputs={"rowCount": count, "updatedCount": changed, **self.finish(work)})

    def _send(self, session: Session, batch: Sequence[tuple[int, Any]]) -> int:
        """One batch; of its rows all have the form of the first."""
        keys = self.columns or (list(batch[0][1]) if isinstance(batch[0][1], Mapping) else [])
        listed = [(number, _listed(number, row, keys)) for number, row in batch]
        text = self.sql or session.insert_into(str(self.table), keys, len(listed[0][1]))
        statements = split(text, "sql")
        if len(statements) != 1:
            raise Unusable(f"sql: Batch runs one statement, and here are {len(statements)}")
        bound, marks = session.numbered(statements[0])
        for number, row in listed:
            if len(row) != marks:
                raise Unusable(f"from: row {number} has {len(row)} values, and the statement has {marks} places (?) for them")
        return session.run_many(bound, [row for _, row in listed])


def _listed(number: int, row: Any, keys: Sequence[str]) -> Sequence[Any]:
    if isinstance(row, Mapping):
        if missing := [key for key in keys if key not in row]:
            raise Unusable(f"from: row {number} has no {missing[0]!r}")
        return [row[key] for key in keys]
    if not isinstance(row, list | tuple):
        raise Unusable(f"from: row {number} is neither a list of values nor a map")
    return row


def _rows(source: Any, work: Work) -> Iterable[Any]:
    if isinstance(source, Mapping):
        return [source]
    if isinstance(source, list):
        return source
    text = str(source).strip()
    if text.startswith(("kestra://", "nsfile://")):
        work.fetch(text, work.directory / _FILE)
        return _stored(work)
    if text.startswith(("[", "{")):
        try:
            return _rows(json.loads(text), work)
        except ValueError as problem:
            raise Unusable(f"from: it is no JSON: {problem}") from problem
    raise Unusable("from: it is neither the URI of a stored file (kestra:///…) nor a list of rows")


def _stored(work: Work) -> Iterator[Any]:
    try:
        with (work.directory / _FILE).open(encoding="utf-8") as lines:
            yield from stream(lines)
    except (IonError, UnicodeDecodeError) as problem:
        raise Unusable(f"from: the file is no Ion text: {problem}") from problem
