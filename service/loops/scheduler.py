"""Fires schedules: once per planned instant, whatever restarts in between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from service.actions import schedules
from service.actions.kit import Kit
from service.store import triggers
from service.store.hub import Topic

_log = logging.getLogger("headgate.scheduler")


class Scheduler:
    """A schedule that can't be read is set an hour ahead with its error: one bad cron must not stop the clock."""

    name = "scheduler"
    topics: Sequence[Topic] = (("triggers", ""),)

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def tick(self, moment: datetime) -> float:
        """Fires what is due."""
        with self._kit.database.read() as session:
            due = triggers.due(session, moment.timestamp())
            if not due:
                following = triggers.next_due(session)
                return 60.0 if following is None else max(0.0, following - moment.timestamp())
        for trigger in due:
            try:
                schedules.fire(self._kit, trigger, moment)
            except Exception as failure:  # noqa: BLE001 - a loop's tick: the others fire
                _log.exception("schedule %s of %s.%s can't fire", trigger.trigger_id, trigger.namespace, trigger.flow_id)
                again = moment.timestamp() + 3600
                self._kit.database.write(partial(triggers.move, trigger=trigger, next_at=again, last_at=trigger.last_at, error=str(failure)))
        return 0.0
