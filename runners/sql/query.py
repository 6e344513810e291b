"""Query and Queries, for every database: statements run, rows given as outputs or stored as Ion."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar
from uuid import uuid4

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.ion import IonError, write
from runners.protocol import OUTPUT_LIMIT, Metric, Outcome, Result, Unusable
from runners.sql import values
from runners.sql.fields import FetchTask
from runners.sql.session import Rows, Session
from runners.sql.statements import Statement, split
from runners.task import Work

#: What a statement leaves that gives no rows, or whose rows nobody wants.
NOTHING: Mapping[str, Any] = {"row": None, "rows": None, "uri": None, "size": None}

_TOO_LARGE = f"the rows are larger than the {OUTPUT_LIMIT:,} bytes of JSON that a task's outputs may have; use fetchType: STORE, or ask for fewer rows"
_BEGINS = ("BEGIN", "START")


class Fetching:
    """Takes the rows of one task's statements."""

    def __init__(self, task: FetchTask, work: Work) -> None:
        self._task, self._work = task, work
        self._zone = values.zone(task.time_zone_id)
        self._size = 0

    def run(self, session: Session, statement: Statement) -> Mapping[str, Any] | None:
        """What comes of one statement; None where it gives no rows."""
        given = self._task.parameters
        bound = session.placed(statement, given)
        rows = session.run(bound, {name: (given or {})[name] for name in bound.names}, self._task.fetch_size)
        if rows is None:
            return None
        take: Callable[[Rows], Mapping[str, Any]] = getattr(self, f"_{self._task.wanted.lower()}")
        return {**NOTHING, **take(rows)}

    def _none(self, rows: Rows) -> dict[str, Any]:
        for _ in rows.batches:
            pass
        return {}

    def _fetch(self, rows: Rows) -> dict[str, Any]:
        fetched = [self._counted(row) for row in self._rows(rows)]
        return self._told(len(fetched)) | {"rows": fetched}

    def _fetch_one(self, rows: Rows) -> dict[str, Any]:
        first = None
        for row in self._rows(rows):
            first = self._counted(row) if first is None else first
        return self._told(int(first is not None)) | {"row": first}

    def _store(self, rows: Rows) -> dict[str, Any]:
        name, count = f"rows-{uuid4().hex[:12]}.ion", 0
        path = self._work.directory / name
        with path.open("x", encoding="utf-8") as out:
            for row in self._rows(rows):
                out.write(_line(row))
                count += 1
        stored = self._work.upload(name)[name]
        path.unlink()
        return self._told(count) | {"uri": stored}

    def _rows(self, rows: Rows) -> Iterator[dict[str, Any]]:
        for batch in rows.batches:
            for row in batch:
                yield values.row(rows.columns, row, self._zone)

    def _counted(self, row: Mapping[str, Any]) -> Any:
        """The row as JSON; raises Unusable once all of them are too large."""
        fit = values.as_json(dict(row))
        self._size += len(json.dumps(fit, ensure_ascii=False, separators=(",", ":"))) + 1
        if self._size > OUTPUT_LIMIT:
            raise Unusable(_TOO_LARGE)
        return fit

    def _told(self, size: int) -> dict[str, Any]:
        self._work.metric(Metric("fetch.size", "counter", float(size), {"fetch": self._task.wanted}))
        return {"size": size}


def _line(row: Mapping[str, Any]) -> str:
    try:
        return f"{write(row)}\n"
    except IonError as problem:
        raise Unusable(f"a row can't be stored: {problem}") from problem


class QueryTask(FetchTask):
    """Runs one statement."""

    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "row": "The first row, by column (fetchType FETCH_ONE).",
        "rows": "The rows, by column (fetchType FETCH).",
        "uri": "Where the rows are stored, as Ion (fetchType STORE).",
        "size": "How many rows were fetched.",
    }

    after_sql: Dynamic[Text] | None = Field(None, alias="afterSQL", description="Statements to run after it, in the same transaction.")

    def run(self, work: Work) -> Outcome:
        """Connects, runs it, takes its rows."""
        statement = self._statement()
        afterwards = split(self.after_sql or "", "afterSQL")
        fetching = Fetching(self, work)
        self.prepare(work)
        with self.session(work) as session:
            if afterwards:
                session.begin()
            found = fetching.run(session, statement) or NOTHING
            for one in afterwards:
                _run_away(session, one)
            if afterwards:
                session.commit()
        return Outcome(Result.SUCCESS, outputs={**found, **self.finish(work)})

    def _statement(self) -> Statement:
        statements = _statements(self.sql)
        if len(statements) > 1:
            several = self.TYPE.replace(".Query", ".Queries")
            raise Unusable(f"{statements[1].at(0)}: Query runs one statement, and here are {len(statements)}; use {several}")
        return statements[0]


class QueriesTask(FetchTask):
    """Runs several statements."""

    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "outputs": "For each statement that gives rows, in order: its `row`, `rows`, `uri` and `size`, as of a Query.",
    }

    transaction: Dynamic[bool] = Field(True, description="All of them, or none: one transaction. Without it each is a transaction of its own.")

    def run(self, work: Work) -> Outcome:
        """Connects, runs one after the other, takes their rows."""
        statements = _statements(self.sql)
        fetching = Fetching(self, work)
        self.prepare(work)
        # A text that begins transactions itself gets none around it.
        one = self.transaction and not any(statement.verb in _BEGINS for statement in statements)
        with self.session(work) as session:
            if one:
                session.begin()
            found = [fetching.run(session, statement) for statement in statements]
            if one:
                session.commit()
        return Outcome(Result.SUCCESS, outputs={"outputs": [dict(each) for each in found if each is not None], **self.finish(work)})


def _statements(sql: str | None) -> list[Statement]:
    if sql is None:
        raise Unusable("sql: it is missing; write the SQL to run")
    statements = split(sql, "sql")
    if not statements:
        raise Unusable("sql: there is no statement in it")
    return statements


def _run_away(session: Session, statement: Statement) -> None:
    """Runs a statement whose rows nobody wants."""
    rows = session.run(session.placed(statement, None), {}, 1000)
    for _ in rows.batches if rows else ():
        pass
