"""Follows the repositories: deliveries as they come, and every repository now and then, because a webhook is only a hint.

Each repository is dealt with by one thread at a time, several of them at once: a forge that is slow holds up nobody else.
"""

from __future__ import annotations

import logging
import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from threading import Lock

from service.actions.deliveries import Reconciler as Following
from service.actions.kit import Kit
from service.errors import ServiceError
from service.store import deliveries, repositories
from service.store.database import Session, announce
from service.store.deliveries import ATTEMPTS, Delivery
from service.store.hub import Topic
from service.store.repositories import Repository

_log = logging.getLogger("headgate.reconciler")

_AT_ONCE = 4
_BATCH = 500  #: deliveries of a repository that one sync deals with
_WAITS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)  #: seconds until a repository that can't be reached is tried again


class Reconciler:
    """At its first tick every repository is looked at: what was pushed while the service was down is picked up then."""

    name = "reconciler"
    topics: Sequence[Topic] = (("deliveries", ""), ("repositories", ""))

    def __init__(self, kit: Kit) -> None:
        self._kit, self._pool = kit, ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")
        self._lock = Lock()
        self._busy: set[str] = set()
        self._next: dict[str, float] = {}
        self._failures: dict[str, int] = defaultdict(int)
        self._alone: dict[str, float] = {}  #: until when a repository is left alone whose failure could not be stored, whatever waits for it

    def tick(self, moment: datetime) -> float:
        """Hands out what is due."""
        at = moment.timestamp()
        with self._kit.database.read() as session:
            told = deliveries.told(session, at)
            known = repositories.every(session)
        for repository in known:
            # What comes after a failure (the failed ones are put off) shows that it may be worth a try again.
            due = repository.id in told and self._alone.get(repository.id, 0) <= at
            if (due or self._next.get(repository.id, 0) <= at) and self._take(repository.id):
                self._pool.submit(self._follow, repository, moment)
        return max(0.05, min((self._next.get(repository.id, at) - at for repository in known if repository.id not in self._busy), default=5.0))

    def close(self) -> None:
        """Begins nothing new, and waits for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, id: str) -> bool:
        with self._lock:
            if id in self._busy:
                return False
            self._busy.add(id)
            return True

    def _follow(self, repository: Repository, moment: datetime) -> None:
        at = moment.timestamp()
        waiting: tuple[Delivery, ...] = ()
        try:
            # Read by itself and only now: however many wait elsewhere, and however long it stood in line, these are its oldest.
            with self._kit.database.read() as session:
                waiting = deliveries.waiting(session, at, _BATCH, repository.id)
            poisoned = [delivery for delivery in waiting if delivery.attempts >= ATTEMPTS]
            if poisoned:
                self._abandon(repository, poisoned, moment)
            Following(self._kit, repository).run([delivery for delivery in waiting if delivery not in poisoned], moment)
            self._failures[repository.id] = 0
            self._next[repository.id] = at + self._interval(repository)
        except Exception as failure:  # noqa: BLE001 - a loop's tick: the other repositories go on
            self._failed(repository, waiting, failure, at)
        finally:
            with self._lock:
                self._busy.discard(repository.id)
            # Something may have come while we were busy.
            self._kit.database.submit(lambda session: announce(session, ("deliveries", "")))

    def _abandon(self, repository: Repository, poisoned: Sequence[Delivery], moment: datetime) -> None:
        """One by one: what can't even be read is set aside as well, and is in the way of no other."""
        _log.error("%s: deliveries %s failed %d times and are set aside", repository.name, [delivery.id for delivery in poisoned], ATTEMPTS)
        reason = f"failed {ATTEMPTS} times; the service's log has the error"
        for delivery in poisoned:
            try:
                Following(self._kit, repository).abandon([delivery], reason, moment)
            except Exception:  # noqa: BLE001 - a loop's tick: the repository goes on
                _log.exception("%s: the heads of delivery %d can't be told that it is set aside", repository.name, delivery.id)
                self._kit.database.write(partial(deliveries.settle, ids=(delivery.id,), state="quarantined", reason=reason))

    def _failed(self, repository: Repository, waiting: tuple[Delivery, ...], failure: Exception, at: float) -> None:
        expected = isinstance(failure, ServiceError) and failure.status != 500
        self._failures[repository.id] += 1
        delay = _WAITS[min(self._failures[repository.id], len(_WAITS)) - 1]
        _log.error("%s: can't be synced: %s; again in %.0f s", repository.name, failure, delay, exc_info=not expected)
        self._next[repository.id] = at + delay
        ids = tuple(delivery.id for delivery in waiting)

        def action(session: Session) -> None:
            deliveries.count_missed(session, waiting)
            deliveries.put_off(session, ids, at + delay, str(failure)[:300], uncount=expected)

        try:
            if ids:
                self._kit.database.write(action)
        except Exception:  # noqa: BLE001 - a loop's tick: it is tried again, but not at once
            self._alone[repository.id] = at + delay
            _log.exception("%s: its deliveries can't be put off", repository.name)

    def _interval(self, repository: Repository) -> float:
        """Spread by name, so that a hundred repositories are not asked at the same second."""
        spread = zlib.crc32(repository.id.encode()) % 1000 / 1000
        return self._kit.settings.fetch_interval * (0.9 + 0.2 * spread)
