"""Server tasks: taken out of the queue and done by the service itself, outside of the executor.

One is done at least once. Its lease has no end, for only one service works on a database; what a service was doing when it died is lost, and done again when
the next one starts. Its end, what it has logged, its numbers and what must not be done twice are stored together.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import cast

from runners.crashpoints import crashpoint
from runners.fields import format_duration
from service.actions import cached, executions, log_files, pausing
from service.actions.attempts import Attempted, whose
from service.actions.files import may_write
from service.actions.inline import check_size
from service.actions.kit import Kit
from service.actions.pausing import Resumption
from service.actions.served import Served, Stopped
from service.asks import TaskFailed
from service.engine.events import Claimed, Ended, Event, Lost
from service.engine.program import RenderFailed
from service.engine.state import State
from service.errors import Conflict, Invalid, NotFound, ServiceError, Unavailable
from service.store import caches, events, jobs, logs, metrics
from service.store.codec import now
from service.store.database import Session
from service.store.jobs import Job
from service.store.metrics import Source
from service.tasks import Done, Resume, ServerTask

_log = logging.getLogger("headgate.pool")

SERVICE = "service"  #: what the pool is called where the runner of an attempt is named
_PATIENCE = 1.0  #: seconds until what could not be stored is tried again
_LOST = "the service ended while it did this"


def claim(session: Session) -> Job | None:
    """The next server task, if there is one."""
    queued = jobs.claim_pooled(session, SERVICE)
    if queued is not None:
        events.add(session, queued.execution_id, queued.task_run_id, Claimed(queued.attempt, SERVICE))
    return queued


def recover(session: Session) -> int:
    """At start: what the last service was doing is lost, and the engine decides what becomes of it. How many."""
    found = jobs.leased(session, pool=True)
    for job in found:
        lose(session, job, _LOST)
    return len(found)


def lose(session: Session, job: Job, message: str) -> None:
    """Nobody does it any more."""
    held = jobs.get(session, job.task_run_id, job.attempt)
    if held is not None and held.state == "leased" and held.epoch == job.epoch:
        jobs.end(session, job.task_run_id, job.attempt, "lost")
        events.add(session, job.execution_id, job.task_run_id, Lost(job.attempt, message))


def serve(kit: Kit, job: Job, ending: threading.Event) -> None:
    """Does one server task, and stores what came of it. `ending`: the service ends, and whoever starts next does it again."""
    crashpoint("pool.claimed")
    work = _Work(kit, job, ending)
    event: Event
    try:
        event = work.filed(work.outcome())
    except Stopped as stopped:
        event = work.stopped(str(stopped))
    except ServiceError as failure:
        event = Ended(job.attempt, State.FAILED, message=failure.message)
    except Exception:  # noqa: BLE001 - a job's run
        _log.exception("server task %s of execution %s failed", job.task_run_id, job.execution_id)
        event = Ended(job.attempt, State.FAILED, message="a fault of Headgate's own ended this task; the service's log has the error")
    crashpoint("pool.before_store")
    work.store(event)
    crashpoint("pool.stored")


class _Work:
    """One attempt, from its task to what is stored of it."""

    def __init__(self, kit: Kit, job: Job, ending: threading.Event) -> None:
        self._kit, self._job, self._ending = kit, job, ending
        self._ask = Served(kit, job, ending)
        self._resumption: Resumption | None = None
        self._cache_key: str | None = None

    def outcome(self) -> Ended:
        """What came of it."""
        ask, attempt = self._ask, self._job.attempt
        try:
            work = ask.begin()
            done = self._known(work) or cast("ServerTask", work.task.model).run(ask)
            check_size("outputs", done.outputs)
            if isinstance(done.effect, Resume):
                self._resumption = self._prepared(work, done.effect)
        except (RenderFailed, TaskFailed) as failure:
            return Ended(attempt, State.FAILED, message=ask.masked(str(failure)))
        return Ended(attempt, done.state, ask.masked(dict(done.outputs)), ask.masked(done.message))

    def _known(self, work: Attempted) -> Done | None:
        """What an earlier run came to, where that is kept."""
        if not cached.is_on(work.node):
            return None
        try:
            key = cached.key_of(work.execution, work.node, work.task, self._ask.typed(dict(work.task.spec)))
        except RenderFailed:
            return None  # something in it has no value outside of the task
        with self._kit.database.read() as session:
            found = caches.get(session, key, now().timestamp())
        if found is None:
            self._cache_key = key
            return None
        self._ask.log("INFO", cached.SAID)
        return Done(found)

    def _prepared(self, work: Attempted, effect: Resume) -> Resumption:
        """The pause of another execution. It ends in the transaction in which this task does."""
        try:
            with self._kit.database.read() as session:
                row = executions.get(session, effect.execution)
                of = row.execution
                named = all(asked in (None, is_) for asked, is_ in ((effect.namespace, of.namespace), (effect.flow, of.flow)))
                if of.environment != work.execution.environment or not named or not may_write(session, whose(work.execution), of.namespace):
                    raise TaskFailed(f"there is no execution `{effect.execution[:40]}` that may be resumed from here")
                return pausing.prepare(session, self._kit, row, effect.inputs)
        except (Conflict, Invalid, NotFound) as wrong:
            raise TaskFailed(wrong.message) from wrong

    def stopped(self, reason: str) -> Event:
        """The end of one that was stopped."""
        attempt = self._job.attempt
        if reason == "handed":
            return Lost(attempt, "the service was shut down before the task ended", counts=False)
        if reason == "timeout":
            length = format_duration(timedelta(seconds=self._ask.work.timeout or 0))
            return Ended(attempt, State.FAILED, message=f"the task timed out after {length}")
        return Ended(attempt, State.KILLED, message="the task was killed")

    def filed(self, event: Ended) -> Ended:
        """With what it has logged as a file, where the task wants that."""
        if not self._ask.lines or not self._ask.work.node.log_to_file:
            return event
        run = self._ask.work.run
        uri = log_files.put(self._kit, self._ask.work.execution, run.node, run.id, self._job.attempt, self._ask.lines)
        self._ask.lines = []
        return replace(event, log_file=uri)

    def store(self, event: Event) -> None:
        """The end with all that belongs to it, unless the attempt is nobody's any more."""
        while True:
            try:
                self._kit.database.write(partial(self._store, event=event))
            except Conflict as late:  # somebody else has resumed it meanwhile
                self._resumption = None
                event = Ended(self._job.attempt, State.FAILED, message=late.message)
            except Unavailable:
                # What was done is known here alone. When the service ends before it can be stored, it is lost, and done again.
                if self._ending.wait(_PATIENCE):
                    return
            else:
                return

    def _store(self, session: Session, event: Event) -> None:
        job = self._job
        if not self._ask.is_held(session):
            return
        jobs.end(session, job.task_run_id, job.attempt, type(event).__name__)
        if self._ask.lines:
            logs.append(session, job.execution_id, job.task_run_id, self._ask.work.run.node, job.attempt, self._ask.lines)
        if isinstance(event, Ended):
            self._keep(session, event)
        events.add(session, job.execution_id, job.task_run_id, event)

    def _keep(self, session: Session, event: Ended) -> None:
        at = now().timestamp()
        if self._ask.metrics:
            source = Source(self._ask.work.run.node, self._ask.work.run.id, self._job.attempt)
            metrics.add(session, self._ask.work.execution, [(source, metric) for metric in self._ask.metrics], at)
        if self._resumption is not None and event.state is not State.FAILED:
            pausing.resume(session, self._resumption, f"task {self._ask.work.run.node} of execution {self._job.execution_id}")
        if self._cache_key is not None and event.state in (State.SUCCESS, State.WARNING):
            caches.put(session, self._cache_key, self._job.execution_id, event.outputs, at, cached.ttl_of(self._ask.work.node))
