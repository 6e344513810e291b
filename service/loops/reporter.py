"""Makes the forges show what the outbox wants: newest wins, `Retry-After` obeyed, final states tried for days.

The embedded host's statuses are shown by the API as they are; the final ones of a commit become one Git note.
"""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from threading import Condition

from runners.crashpoints import crashpoint
from service.actions.deliveries import token_of
from service.actions.kit import Kit
from service.errors import NotFound, ServiceError
from service.forges import Access, Later, Refused, Sender, Sent, backoff
from service.store import repositories, statuses
from service.store.codec import from_epoch, iso, now
from service.store.database import Session, announce
from service.store.hub import Topic
from service.store.repositories import Repository
from service.store.statuses import Status
from webhooks.forges import FORGES
from webhooks.report import Report, ReportState

_log = logging.getLogger("headgate.reporter")

_AT_ONCE = 4
_QUIET = 20  #: with fewer contexts than this waiting, each is shown as pending before it is shown as final
_TURN = 50  #: statuses of one repository that are sent before another one gets its turn
_UNKNOWN = 404  #: it may be the commit that the forge does not know, and not the repository: the statuses of others are tried
_MENDABLE, _MEND = (401, 403), 600.0  #: answers that end when a person has mended the token, and how often we look
_FAULT = 30.0  #: seconds until what broke by a fault of ours is tried again
_PENDING_FOR, _FINAL_FOR = 600.0, 7 * 86_400.0  #: seconds that a state is worth sending
_NEVER = (0.0, "")


class Reporter:
    """One queue per repository, so that a forge that is down delays nobody else's statuses."""

    name = "reporter"
    topics: Sequence[Topic] = (("statuses", ""),)

    def __init__(self, kit: Kit, sender: Sender) -> None:
        self._kit, self._sender, self._random = kit, sender, random.Random()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="report")
        self._quiet: dict[str, tuple[float, str]] = {}  #: repository → until when its forge wants no calls, whatever news there is, and why
        self._failures: dict[str, int] = defaultdict(int)  #: repository → how often in a row its forge wanted no more
        self._idle = Condition()
        self._busy: set[str] = set()

    def tick(self, moment: datetime) -> float:
        """Sends what waits."""
        at = moment.timestamp()
        with self._kit.database.read() as session:
            tries = statuses.next_tries(session)
        following = at + 60.0
        for id, first in tries.items():
            until, why = self._quiet.get(id, _NEVER)
            if first <= at < until:
                self._kit.database.write(partial(statuses.hold, repository=id, until=until, error=why))
            # Who is busy wakes us when it is done.
            if max(first, until) > at:
                following = min(following, max(first, until))
            elif self._take(id):
                self._pool.submit(self._send_turn, id, at)
        return max(0.05, following - at)

    def _take(self, id: str) -> bool:
        with self._idle:
            if id in self._busy:
                return False
            self._busy.add(id)
            return True

    def rest(self) -> None:
        """Waits until nothing is being sent."""
        with self._idle:
            self._idle.wait_for(lambda: not self._busy)

    def close(self) -> None:
        """Ends after what is being sent."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send_turn(self, id: str, at: float) -> None:
        """Some of what waits at a moment for one repository."""
        try:
            with self._kit.database.read() as session:
                repository = repositories.by_id(session, id)
                waiting = statuses.unsent(session, at, _TURN, id)
            if repository is None:
                self._drop(waiting, "the repository is gone")
            elif repository.embedded:
                self._note(repository, waiting)
            else:
                self._send_in_turn(repository, waiting)
        except Exception:  # noqa: BLE001 - a loop's tick: the other repositories' statuses go on
            _log.exception("statuses of repository %s could not be sent", id)
            self._quiet[id] = (now().timestamp() + _FAULT, "internal error")
        finally:
            with self._idle:
                self._busy.discard(id)
                self._idle.notify_all()
            self._kit.database.submit(lambda session: announce(session, ("statuses", "")))

    # forges

    def _send_in_turn(self, repository: Repository, waiting: Sequence[Status]) -> None:
        """One after the other; what the forge does not want now, it does not want for the others either."""
        for status in waiting:
            try:
                if not self._send(repository, status, announce=len(waiting) < _QUIET):
                    return
            except Exception:  # noqa: BLE001 - a loop's tick: what comes after it goes on
                _log.exception("%s: status %s of %s could not be sent", repository.name, status.context, status.sha[:12])
                self._put_off(repository, status, _FAULT, "internal error")

    def _send(self, repository: Repository, status: Status, *, announce: bool) -> bool:
        """Sends one; False when the forge wants no more for now."""
        forge = FORGES[repository.forge]
        final = ReportState(status.state).final
        try:
            access = Access(repository.name, token_of(self._kit, repository), repository.allow_private)
            target = forge.target(repository.url or "", repository.api_url)
        except (ServiceError, ValueError) as failure:
            return self._later(repository, status, None, str(failure))
        wanted = [ReportState.PENDING, ReportState(status.state)] if final and announce and not status.announced else [ReportState(status.state)]
        for state in wanted:
            text = status.description if state is wanted[-1] else "started"
            for request in forge.requests_for(Report(status.sha, status.context, state, text, status.target_url), target):
                crashpoint("reporter.before_send")
                match self._sender.send(request, access):
                    case Sent():
                        crashpoint("reporter.sent")
                    case Later(seconds, reason):
                        return self._later(repository, status, seconds, reason)
                    case Refused(reason, code) if code == _UNKNOWN:
                        self._put_off(repository, status, _MEND, reason)
                        return True
                    case Refused(reason, code) if code in _MENDABLE:
                        return self._later(repository, status, _MEND, reason)
                    case Refused(reason):
                        self._refused(repository, status, reason)
                        return True
            if state is not wanted[-1]:
                self._kit.database.write(lambda session: statuses.announced(session, status))
                crashpoint("reporter.announced")
        self._kit.database.write(lambda session: statuses.sent(session, status))
        crashpoint("reporter.recorded")
        self._failures.pop(repository.id, None)
        return True

    def _later(self, repository: Repository, status: Status, seconds: float | None, reason: str) -> bool:
        """Puts one off and leaves its forge alone for a while; False then. One that is too old is given up, and nobody waits for it."""
        failures = self._failures[repository.id] + 1
        # Counted for the forge as well: each time it is another one that is tried first.
        rest, own = (seconds if seconds is not None else backoff(tries, self._random.random()) for tries in (failures, max(failures, status.attempts + 1)))
        if not self._put_off(repository, status, own, reason):
            return True
        self._failures[repository.id] = failures
        self._quiet[repository.id] = (now().timestamp() + rest, reason[:300])
        return False

    def _put_off(self, repository: Repository, status: Status, delay: float, reason: str) -> bool:
        """Tries one again later; False where it is not worth it any more."""
        at = now().timestamp()
        if at - status.updated_at > (_FINAL_FOR if ReportState(status.state).final else _PENDING_FOR):
            self._refused(repository, status, f"{reason}; given up")
            return False
        _log.warning("%s: status %s of %s waits %.0f s: %s", repository.name, status.context, status.sha[:12], delay, reason)
        self._kit.database.write(lambda session: statuses.put_off(session, status, at + delay, reason[:300]))
        crashpoint("reporter.put_off")
        return True

    def _refused(self, repository: Repository, status: Status, reason: str) -> None:
        _log.error("%s: status %s of %s is not taken: %s", repository.name, status.context, status.sha[:12], reason)
        self._kit.database.write(lambda session: statuses.give_up(session, status, reason[:300]))
        crashpoint("reporter.gave_up")

    # the embedded host

    def _note(self, repository: Repository, waiting: Sequence[Status]) -> None:
        for sha in dict.fromkeys(status.sha for status in waiting):
            with self._kit.database.read() as session:
                every = statuses.of(session, repository.id, sha)
            told = [status for status in waiting if status.sha == sha]
            if all(ReportState(status.state).final for status in every):
                try:
                    crashpoint("reporter.before_note")
                    self._kit.git.note(repository.name, sha, note_text(every))
                    crashpoint("reporter.noted")
                except NotFound:
                    pass  # the commit is gone: nobody can read its note
                except Exception as failure:  # noqa: BLE001 - a loop's tick: the notes of other commits go on
                    ours = not isinstance(failure, ServiceError)
                    _log.warning("%s: the note of %s can't be written now: %s", repository.name, sha[:12], failure, exc_info=ours)
                    reason = "internal error" if ours else str(failure)[:300]
                    self._each(told, partial(statuses.put_off, until=now().timestamp() + _FAULT, error=reason))
                    continue
            self._each(told, statuses.sent)

    def _drop(self, waiting: Sequence[Status], reason: str) -> None:
        self._each(waiting, lambda session, status: statuses.give_up(session, status, reason))

    def _each(self, waiting: Sequence[Status], change: Callable[[Session, Status], None]) -> None:
        """One transaction for all of them."""

        def action(session: Session) -> None:
            for status in waiting:
                change(session, status)

        self._kit.database.write(action)


def note_text(every: Sequence[Status]) -> str:
    """One line for each context: readable by people and by `cut`."""
    return "".join(f"{status.context}\t{status.state}\t{status.description}\t{iso(from_epoch(status.updated_at))}\n" for status in every)
