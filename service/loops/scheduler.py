"""Fires schedules: once per planned instant, whatever restarts in between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus

from runners.crashpoints import crashpoint
from service.actions import schedules
from service.actions.kit import Kit
from service.errors import ServiceError
from service.store import triggers
from service.store.hub import Topic
from service.store.triggers import Trigger

_log = logging.getLogger("headgate.scheduler")


_AT_ONCE = 200
_SOON, _LATER = 15.0, 3600.0  #: seconds until one is tried again that something passing kept from firing, and one that is broken


class Scheduler:
    """A schedule that can't fire stops no other one. What passes leaves it its instant, which is made up for once it can fire; a schedule that can't be read is
    set an hour ahead. Both keep the error."""

    name = "scheduler"
    topics: Sequence[Topic] = (("triggers", ""),)

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._again: dict[tuple[str, ...], float] = {}  #: when those that could not fire are tried again

    def tick(self, moment: datetime) -> float:
        """Fires what is due."""
        at = moment.timestamp()
        self._again = {key: until for key, until in self._again.items() if until > at}
        with self._kit.database.read() as session:
            due = [trigger for trigger in triggers.due(session, at, _AT_ONCE + len(self._again)) if trigger.key not in self._again]
            following = triggers.next_due(session, at)
        for trigger in due:
            try:
                schedules.fire(self._kit, trigger, moment)
            except Exception as failure:  # noqa: BLE001 - a loop's tick: the others fire
                self._failed(trigger, failure, at)
        if due:
            return 0.0
        return max(0.0, min([*self._again.values(), at + 60.0 if following is None else following]) - at)

    def _failed(self, trigger: Trigger, failure: Exception, at: float) -> None:
        passing = isinstance(failure, ServiceError) and failure.status != HTTPStatus.INTERNAL_SERVER_ERROR
        again = at + (_SOON if passing else _LATER)
        name = f"{trigger.namespace}.{trigger.flow_id}"
        _log.error("schedule %s of %s can't fire, again in %.0f s: %s", trigger.trigger_id, name, again - at, failure, exc_info=not passing)
        if passing:
            self._again[trigger.key] = again
        next_at = trigger.next_at if passing else again
        crashpoint("scheduler.before_putting_off")
        self._kit.database.write(partial(triggers.move, trigger=trigger, next_at=next_at, last_at=trigger.last_at, error=str(failure)))
