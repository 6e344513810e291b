"""Lines of many logs in the order of their time. Chunks are found by their index, and read one by one, only until enough is known.

Chunks of tasks that run beside each other overlap in time: what has been read of one waits until no other can hold anything that comes before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from sqlalchemy import ColumnElement, false, func, select

from service.errors import Invalid
from service.store.codec import from_iso, from_json, to_json
from service.store.database import Session
from service.store.filters import EQUALS, IN, NOT_EQUALS, NOT_IN, Condition, Meaning, either, text, under, where
from service.store.logs import LEVELS, Entry, Line
from service.store.tables import LogChunk as Table
from service.store.tables import core

_table = core(Table)
#: What is put in order: not the lines themselves.
_ABOUT = [column for column in _table.c if column is not _table.c.data]
DEEPEST = 10_000  #: lines into a search that are given, and counted where each has to be read for that
_HEAVIEST = 100_000_000  #: characters of logs that one search reads


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. `namespace` takes those below it, `query` is a part of a message, in any case."""

    environment: str
    namespace: str | None = None
    flow: str | None = None
    execution: str | None = None
    task: str | None = None
    task_run: str | None = None
    attempt: int | None = None
    levels: Collection[str] = frozenset(LEVELS)
    query: str | None = None
    since: float | None = None
    until: float | None = None
    conditions: Sequence[Condition] = ()

    @property
    def by_chunk(self) -> bool:
        """Whether no line has to be looked at to know that it is meant."""
        return self.query is None and self.since is None and self.until is None and len(self.levels) == len(LEVELS)


@dataclass(frozen=True, slots=True)
class Found:
    """One line, and the flow that it is of."""

    entry: Entry
    namespace: str
    flow: str


@dataclass(slots=True)
class Page:
    """Some of the lines. `total` counts all, or the first DEEPEST. `complete` False: there was too much to read, and what is there may be missing."""

    lines: list[Found] = field(default_factory=list)
    total: int = 0
    complete: bool = True


#: Logs are those of executions: none is a trigger's.
_FIELDS: dict[str, Meaning] = {
    "namespace": text(_table.c.namespace),
    "flowId": text(_table.c.flow_id),
    "executionId": text(_table.c.execution_id),
    "taskId": text(_table.c.task_id),
    "taskRunId": text(_table.c.task_run_id),
    "triggerId": either(lambda _: false(), EQUALS, NOT_EQUALS, IN, NOT_IN),
    "scope": either(lambda scope: under(_table.c.namespace, "system") if scope == "SYSTEM" else ~under(_table.c.namespace, "system"), EQUALS, NOT_EQUALS, IN),
}


def search(session: Session, wanted: Wanted, *, limit: int, offset: int, newest_first: bool = True) -> Page:
    """A page of lines by their time. Raises Invalid for one too deep, and as `filters.where` does."""
    if offset + limit > DEEPEST:
        raise Invalid(f"only the first {DEEPEST:,} lines of a search are given; narrow it, by time for example")
    chosen = _where(session, wanted)
    reading = _Reading(wanted, session, chosen, newest_first=newest_first)
    page = Page()
    for found in reading.lines():
        page.total += 1
        if offset < page.total <= offset + limit:
            page.lines.append(found)
        if page.total >= (offset + limit if wanted.by_chunk else DEEPEST):
            break
    page.complete = not reading.gave_up
    if wanted.by_chunk:
        page.total = int(session.execute(select(func.coalesce(func.sum(_table.c.lines), 0)).where(*chosen)).scalar_one())
    return page


def _where(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    rank = min((LEVELS[level] for level in wanted.levels), default=len(LEVELS))
    found = [_table.c.environment == wanted.environment, *where(session, wanted.conditions, _FIELDS)]
    found += [] if rank == 0 else [_table.c.level >= rank]
    found += [] if wanted.namespace is None else [under(_table.c.namespace, wanted.namespace)]
    found += [] if wanted.since is None else [_table.c.last_time >= wanted.since]
    found += [] if wanted.until is None else [_table.c.first_time <= wanted.until]
    attempt = None if wanted.attempt is None else wanted.attempt + 1
    exact = {"flow_id": wanted.flow, "execution_id": wanted.execution, "task_id": wanted.task, "task_run_id": wanted.task_run, "attempt": attempt}
    return found + [_table.c[name] == value for name, value in exact.items() if value is not None]


class _Reading:
    """One search, used once."""

    def __init__(self, wanted: Wanted, session: Session, chosen: list[ColumnElement[bool]], *, newest_first: bool) -> None:
        self._wanted, self._session, self._chosen, self._sign = wanted, session, chosen, -1 if newest_first else 1
        self._query = None if wanted.query is None else wanted.query.lower()
        self._raw = None if self._query is None else to_json(self._query)[1:-1]
        self._left = _HEAVIEST
        self.gave_up = False

    def lines(self) -> Iterator[Found]:
        """All that is meant, in order."""
        edge = _table.c.first_time if self._sign > 0 else _table.c.last_time
        order = (edge, _table.c.id) if self._sign > 0 else (edge.desc(), _table.c.id.desc())
        waiting: list[tuple[float, int, int, Found]] = []
        for row in self._session.execute(select(*_ABOUT).where(*self._chosen).order_by(*order).execution_options(yield_per=20)):
            begin = self._sign * (row.first_time if self._sign > 0 else row.last_time)
            while waiting and waiting[0][0] < begin:
                yield heappop(waiting)[3]
            if self._left <= 0:
                self.gave_up = True
                break
            for number, line in self._meant(row):
                entry = Entry(row.id, row.execution_id, row.task_run_id or None, row.task_id or None, row.attempt, line)
                heappush(waiting, (self._sign * line.time.timestamp(), self._sign * row.id, self._sign * number, Found(entry, row.namespace, row.flow_id)))
        while waiting:
            yield heappop(waiting)[3]

    def _meant(self, row: Any) -> Iterator[tuple[int, Line]]:
        """The lines of a chunk that are looked for, with their places in it."""
        data = self._session.execute(select(_table.c.data).where(_table.c.id == row.id)).scalar_one()
        content = zlib.decompress(data).decode("utf-8")
        self._left -= len(content)
        if self._raw is not None and self._raw not in content.lower():
            return
        wanted = self._wanted
        for number, (time, level, message) in enumerate(from_json(content)):
            if (level if level in LEVELS else "INFO") not in wanted.levels or (self._query is not None and self._query not in message.lower()):
                continue
            at = from_iso(time)
            moment = at.timestamp()
            if (wanted.since is None or moment >= wanted.since) and (wanted.until is None or moment <= wanted.until):
                yield number, Line(at, level, message)
