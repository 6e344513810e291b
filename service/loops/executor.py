"""Hears what happened to executions, and stores what follows: a batch at a time, one transaction per batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from service.actions.kept import Kept
from service.actions.kit import Kit
from service.actions.steps import Batch
from service.store import events
from service.store.events import Waiting
from service.store.hub import Topic

_log = logging.getLogger("headgate.executor")

BATCH = 200
_LATER = 60.0  #: seconds until an event that can't be dealt with is tried again


class Executor:
    """The only one that changes executions."""

    name = "executor"
    topics: Sequence[Topic] = (("events", ""),)

    def __init__(self, kit: Kit) -> None:
        self._kit, self._kept = kit, Kept()

    def tick(self, moment: datetime) -> float:
        """Deals with what waits."""
        with self._kit.database.read() as session:
            waiting = events.waiting(session, moment.timestamp(), BATCH)
            if not waiting:
                due = events.next_due(session, moment.timestamp())
                return 60.0 if due is None else max(0.0, due - moment.timestamp())
        try:
            self._deal_with(waiting, moment)
        except Exception:  # noqa: BLE001 - a loop's tick: one bad event must not stop the others
            _log.exception("a batch of %d events failed; taking them one by one", len(waiting))
            aside: set[str] = set()
            for entry in waiting:
                # What comes after an event that is set aside waits with it.
                if entry.execution not in aside and not self._alone(entry, moment):
                    aside.add(entry.execution)
        return 0.0

    def _deal_with(self, waiting: Sequence[Waiting], moment: datetime) -> None:
        with self._kit.database.read() as session:
            batch = Batch(self._kit, session, moment, self._kept)
            for entry in waiting:
                batch.hear(entry)
        self._kit.database.write(batch.store)

    def _alone(self, entry: Waiting, moment: datetime) -> bool:
        """Deals with one event; False when it is set aside."""
        try:
            self._deal_with([entry], moment)
        except Exception as failure:  # noqa: BLE001 - set aside with its error, the others go on
            if entry.failures + 1 >= events.FAILURES and self._give_up(entry, failure, moment):
                return True
            wait = _LATER * (entry.failures + 1)
            _log.exception("event %s of execution %s can't be dealt with; set aside for %.0f s", entry.event, entry.execution, wait)
            self._kit.database.write(lambda session: events.put_off(session, entry, moment.timestamp() + wait))
            return False
        return True

    def _give_up(self, entry: Waiting, failure: Exception, moment: datetime) -> bool:
        """An execution is never left hanging: it ends, and its log says that the fault is ours. False where even that can't be stored."""
        _log.error("execution %s is ended: event %s could not be dealt with %d times", entry.execution, entry.event, events.FAILURES, exc_info=failure)
        try:
            with self._kit.database.read() as session:
                batch = Batch(self._kit, session, moment, self._kept)
                batch.end(entry, "a fault of Headgate's own ended this execution; the service's log has the error. It can be started again.")
            self._kit.database.write(batch.store)
        except Exception:  # noqa: BLE001 - the others go on
            _log.exception("execution %s can't be ended", entry.execution)
            return False
        return True
