"""Keeps the data folder from growing for ever: what nobody will ask for again is let go, a little at a time.

Flows, revisions, executions, logs and stored files are the record and stay. What goes: bodies of webhooks that were dealt with, the audit of those that
were refused, finished attempts of the queue, answers that were given, keys and kept outputs whose time is over, files of executions that were deleted, exported
trees beyond a cache's size; and the repositories are packed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from runners.crashpoints import crashpoint
from service.actions import deletion
from service.actions.kit import Kit
from service.errors import ServiceError
from service.store import caches, deliveries, jobs, kv, replies, repositories
from service.store.database import Session
from service.store.hub import Topic

_log = logging.getLogger("headgate.housekeeping")

_HOUR, _DAY = 3600.0, 86_400.0
_KEPT = 30 * _DAY  #: seconds after which what came from outside may go
_EXPORTS = 2 << 30  #: bytes of exported trees that are kept
_BATCH = 500  #: rows in one transaction: nobody waits long behind it
_FEW = 20  #: executions whose files are deleted in one step
_QUIET = 60.0  #: seconds after a start before the first chore: then there is enough to do
_END = object()

#: Works at a moment, and yields between its steps.
Work = Callable[[float], Iterator[None]]


@dataclass(slots=True)
class _Chore:
    """Something to do now and then; `at` is when it is due."""

    work: Work
    every: float
    at: float


class Housekeeping:
    """One step a tick, so that it ends soon when the service does. A chore that fails is tried again at its next turn; the others go on."""

    name = "housekeeping"
    topics: Sequence[Topic] = ()

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._chores: list[_Chore] = []
        self._work: Iterator[None] = iter(())

    def tick(self, moment: datetime) -> float:
        """Does the next step of what is due."""
        at = moment.timestamp()
        if not self._chores:
            self._chores = [_Chore(work, every, at + _QUIET) for work, every in self._all()]
        if next(self._work, _END) is not _END:
            return 0.0
        first = min(self._chores, key=lambda chore: chore.at)
        if first.at > at:
            return first.at - at
        first.at = at + first.every
        self._work = first.work(at)
        crashpoint("housekeeping.begun")
        return 0.0

    def _all(self) -> Iterator[tuple[Work, float]]:
        """Every chore, and how often it is due."""
        rows = ((deliveries.forget_bodies, _KEPT), (deliveries.forget_refusals, _KEPT), (jobs.forget, _DAY), (kv.forget, 0.0), (caches.forget, 0.0))
        for forget, kept in rows:
            yield partial(self._rows, forget, kept), _HOUR
        yield partial(self._rows, replies.forget, _HOUR), _HOUR
        yield self._leftovers, _HOUR
        yield self._exports, _HOUR
        yield self._packing, _DAY

    def _rows(self, forget: Callable[[Session, float, int], int], kept: float, at: float) -> Iterator[None]:
        while self._kit.database.write(lambda session: forget(session, at - kept, _BATCH)) == _BATCH:
            yield
        yield

    def _leftovers(self, _: float) -> Iterator[None]:
        while deletion.clear(self._kit, _FEW) == _FEW:
            yield
        yield

    def _exports(self, _: float) -> Iterator[None]:
        freed = self._kit.git.trim_exports(_EXPORTS)
        if freed:
            _log.info("%d MB of exported trees are let go; they are made again when a task needs them", freed >> 20)
        yield

    def _packing(self, _: float) -> Iterator[None]:
        with self._kit.database.read() as session:
            known = repositories.every(session)
        for repository in known:
            try:
                if self._kit.git.exists(repository.name):
                    self._kit.git.tidy(repository.name)
            except ServiceError as failure:
                _log.warning("%s: %s", repository.name, failure)
            except Exception:  # noqa: BLE001 - a loop's tick: the other repositories are packed
                _log.exception("%s: can't be packed", repository.name)
            yield
