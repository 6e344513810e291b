"""Ends the leases of runners that have gone silent, so that their work goes elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from runners.crashpoints import crashpoint
from service.actions import dispatch
from service.actions.kit import Kit
from service.store import jobs
from service.store.database import Session
from service.store.hub import Topic
from service.store.jobs import Job

_log = logging.getLogger("headgate.reaper")


class Reaper:
    """Looks every sixth of a lease. When it has not looked for long (at start, after a suspend, after a step of the clock, while the writer was busy) every
    lease gets a fresh time: the silence was ours."""

    name = "reaper"
    topics: Sequence[Topic] = ()

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._last: datetime | None = None

    def tick(self, moment: datetime) -> float:
        """Ends what ran out."""
        lease, at = self._kit.settings.lease, moment.timestamp()
        long_ago = self._last is None or not timedelta() <= moment - self._last <= timedelta(seconds=lease / 2)

        def look(session: Session) -> Sequence[Job]:
            if long_ago:
                jobs.extend(session, jobs.leased(session), at + lease)
            return jobs.expired(session, at)

        self._last = moment
        # In the writer, though it mostly only reads: while no beat can be stored we do not look either, and know it the next time.
        for job in self._kit.database.write(look):
            _log.warning("runner %s is silent; attempt %d of task run %s is lost", job.runner, job.attempt, job.task_run_id)
            crashpoint("reaper.before_losing")
            self._kit.database.write(partial(dispatch.lose, job=job, at=at, silence=lease))
            crashpoint("reaper.lost")
        return lease / 6
