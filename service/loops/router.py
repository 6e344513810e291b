"""Sees to attempts that are for certain runners: those that do not wait for one fail, are cancelled or go elsewhere while there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from runners.crashpoints import crashpoint
from service.actions import routing
from service.actions.kit import Kit
from service.store import jobs, runners
from service.store.hub import Topic

_log = logging.getLogger("headgate.router")


class Router:
    """Looks when such an attempt comes up, and every sixth of a lease. A runner that was silent for a lease is not there. After a start of ours runners have
    a lease time to come back: until then, whoever was ever there counts."""

    name = "router"
    topics: Sequence[Topic] = (jobs.ROUTES,)

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._began: datetime | None = None

    def tick(self, moment: datetime) -> float:
        """Does what routes say for want of a runner."""
        lease = self._kit.settings.lease
        self._began = self._began or moment
        early = moment - self._began < timedelta(seconds=lease)
        with self._kit.database.read() as session:
            present = runners.labels(session, 0.0 if early else moment.timestamp() - lease)
            lanes = routing.forlorn(session, present)
        more = False
        for lane in lanes:
            _log.info("no runner is there for %s: %s", ", ".join(lane.route.labels), lane.route.fallback)
            crashpoint("router.before_fallback")
            more = self._kit.database.write(partial(routing.fall_back, lane=lane)) or more
            crashpoint("router.fallback")
        return 0.0 if more else lease / 6
