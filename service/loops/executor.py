"""Hears what happened to executions, and stores what follows: a batch at a time, one transaction per batch.

A template may take most of a second, and a push can start hundreds of executions that are full of them. So a batch ends when its slice of time is used, and
while there is more to hear than fits into one, turns are taken: one for whoever has waited longest, one for those that came last and are not known to take
long. Nobody starves, and what is quick passes by.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from runners.crashpoints import crashpoint
from service.actions.kept import Kept
from service.actions.keys import Overtaken
from service.actions.kit import Kit
from service.actions.steps import Batch
from service.store import events
from service.store.database import Session
from service.store.events import Waiting
from service.store.hub import Topic

_log = logging.getLogger("headgate.executor")

BATCH = 200
SLICE = 0.5  #: seconds of one batch
_LONG = 0.1  #: seconds that one event may take without its execution being taken for a slow one
_SLOW = 1_000  #: as many slow executions are known
_PASSING = 20  #: as many executions pass by in one turn
_LATER = 60.0  #: seconds until an event that can't be dealt with is tried again


class Executor:
    """The only one that changes executions."""

    name = "executor"
    topics: Sequence[Topic] = (("events", ""),)

    def __init__(self, kit: Kit, clock: Callable[[], float] = time.monotonic) -> None:
        self._kit, self._clock, self._kept = kit, clock, Kept()
        self._until = 0.0
        self._turn = 0  #: 0 while all that waits fits into one slice
        self._slow: dict[str, None] = {}

    def tick(self, moment: datetime) -> float:
        """Deals with what waits."""
        with self._kit.database.read() as session:
            waiting = self._next(session, moment.timestamp())
            if not waiting:
                due = events.next_due(session, moment.timestamp())
                return 60.0 if due is None else max(0.0, due - moment.timestamp())
        self._until = self._clock() + SLICE
        try:
            self._deal_with(waiting, moment)
        except Exception as failure:  # noqa: BLE001 - a loop's tick: one bad event must not stop the others
            if isinstance(failure, Overtaken):
                _log.info("%s; %d events are heard again", failure, len(waiting))
            else:
                _log.exception("a batch of %d events failed; taking them one by one", len(waiting))
            aside: set[str] = set()
            for entry in waiting:
                # What comes after an event that is set aside waits with it.
                if entry.execution not in aside and not self._alone(entry, moment):
                    aside.add(entry.execution)
                if self._is_over():
                    break
        self._turn = self._turn + 1 if self._turn % 2 or self._is_over() else 0
        return 0.0

    def _next(self, session: Session, at: float) -> Sequence[Waiting]:
        """What is heard now, the events of each execution in their order."""
        if self._turn % 2:
            passing = {id: number for number, id in enumerate(events.newest(session, at, _PASSING, tuple(self._slow)))}
            found = events.waiting(session, at, BATCH, passing)
            if found:
                return sorted(found, key=lambda entry: passing[entry.execution])
        found = events.waiting(session, at, BATCH)
        if self._turn % 4:
            # Timers come behind all events, so in some turns those go first for whose executions no event waits.
            told = {entry.execution for entry in found if not entry.timer}
            return sorted(found, key=lambda entry: entry.execution in told)
        return found

    def _is_over(self) -> bool:
        return self._clock() >= self._until

    def _deal_with(self, waiting: Sequence[Waiting], moment: datetime) -> None:
        with self._kit.database.read() as session:
            batch = Batch(self._kit, session, moment, self._kept, self._is_over)
            for entry in waiting:
                begun = self._clock()
                batch.hear(entry)
                if self._clock() - begun > _LONG:
                    self._took_long(entry.execution)
                if self._is_over():
                    break
        crashpoint("executor.before_store")
        self._kit.database.write(batch.store)
        crashpoint("executor.stored")

    def _took_long(self, execution: str) -> None:
        self._slow[execution] = None
        if len(self._slow) > _SLOW:
            del self._slow[next(iter(self._slow))]

    def _alone(self, entry: Waiting, moment: datetime) -> bool:
        """Deals with one event; False when it is set aside."""
        try:
            self._deal_with([entry], moment)
        except Exception as failure:  # noqa: BLE001 - set aside with its error, the others go on
            if entry.failures + 1 >= events.FAILURES and self._give_up(entry, failure, moment):
                return True
            wait = _LATER * (entry.failures + 1)
            _log.exception("event %s of execution %s can't be dealt with; set aside for %.0f s", entry.event, entry.execution, wait)
            crashpoint("executor.before_putting_off")
            self._kit.database.write(lambda session: events.put_off(session, entry, moment.timestamp() + wait))
            crashpoint("executor.put_off")
            return False
        return True

    def _give_up(self, entry: Waiting, failure: Exception, moment: datetime) -> bool:
        """An execution is never left hanging: it ends, and its log says that the fault is ours. False where even that can't be stored."""
        _log.error("execution %s is ended: event %s could not be dealt with %d times", entry.execution, entry.event, events.FAILURES, exc_info=failure)
        try:
            with self._kit.database.read() as session:
                batch = Batch(self._kit, session, moment, self._kept)
                batch.end(entry, "a fault of Headgate's own ended this execution; the service's log has the error. It can be started again.")
            crashpoint("executor.before_giving_up")
            self._kit.database.write(batch.store)
            crashpoint("executor.gave_up")
        except Exception:  # noqa: BLE001 - the others go on
            _log.exception("execution %s can't be ended", entry.execution)
            return False
        return True
