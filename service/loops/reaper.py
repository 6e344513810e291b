"""Ends the leases of runners that have gone silent, so that their work goes elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from service.actions import dispatch
from service.actions.kit import Kit
from service.store import jobs
from service.store.hub import Topic

_log = logging.getLogger("headgate.reaper")


class Reaper:
    """Looks every sixth of a lease. When it has not looked for long (at start, after a suspend, after a step of the clock) every lease gets a
    fresh time: the silence was ours."""

    name = "reaper"
    topics: Sequence[Topic] = ()

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._last: datetime | None = None

    def tick(self, moment: datetime) -> float:
        """Ends what ran out."""
        lease = self._kit.settings.lease
        if self._last is None or not timedelta() <= moment - self._last <= timedelta(seconds=lease / 2):
            self._kit.database.write(lambda session: jobs.extend(session, jobs.leased(session), moment.timestamp() + lease))
        self._last = moment
        with self._kit.database.read() as session:
            late = jobs.expired(session, moment.timestamp())
        for job in late:
            _log.warning("runner %s is silent; attempt %d of task run %s is lost", job.runner, job.attempt, job.task_run_id)
            self._kit.database.write(partial(dispatch.lose, job=job, at=moment.timestamp(), silence=lease))
        return lease / 6
