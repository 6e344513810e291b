"""Server tasks: taken out of the queue and done by the service itself, outside of the executor.

One is done at least once. Its lease has no end, for only one service works on a database; what a service was doing when it died is lost, and done again when
the next one starts. Its end, what it has logged, its numbers and what must not be done twice are stored together.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, cast

from runners import ion
from runners.fields import format_duration
from runners.masking import Masker
from runners.protocol import Metric
from service.actions import cached, executions, log_files, pausing
from service.actions.attempts import Attempted, look_up, whose
from service.actions.files import Files, may_write
from service.actions.inline import check_size, masked, misfit
from service.actions.kit import Kit
from service.actions.pausing import Resumption
from service.actions.records import Recorded
from service.engine.events import Claimed, Ended, Event, Lost
from service.engine.program import RenderFailed
from service.engine.state import State
from service.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError, Unavailable
from service.store import caches, events, jobs, logs, metrics
from service.store.codec import now
from service.store.database import Session
from service.store.jobs import Job
from service.store.logs import Line
from service.store.metrics import Source
from service.tasks import Done, Resume, ServerTask, TaskFailed

_log = logging.getLogger("headgate.pool")

SERVICE = "service"  #: what the pool is called where the runner of an attempt is named
_HELD = 1 << 20  #: bytes of a file that is not on a disk while it is made
_PATIENCE = 1.0  #: seconds until what could not be stored is tried again
_LOST = "the service ended while it did this"


class Stopped(Exception):
    """The task is to end: `killed`, `timeout`, or `handed` because the service ends."""


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
    work.store(event)


class _Work:
    """One attempt; what its task may use."""

    def __init__(self, kit: Kit, job: Job, ending: threading.Event) -> None:
        self._kit, self._job, self._ending = kit, job, ending
        self._used: set[str] = set()
        self._lines: list[Line] = []
        self._metrics: list[Metric] = []
        self._resumption: Resumption | None = None
        self._cache_key: str | None = None
        self._deadline = float("inf")
        self.execution = job.execution_id

    # the task

    def outcome(self) -> Ended:
        """What came of it."""
        try:
            with self._scope() as work:
                self._work = work
                task = cast("ServerTask", work.task.model)
                if work.timeout is not None:
                    self._deadline = time.monotonic() + work.timeout
                known = self._known(work)
            done = known or task.run(self)
            check_size("outputs", done.outputs)
            if isinstance(done.effect, Resume):
                self._resumption = self._prepared(done.effect)
        except (RenderFailed, TaskFailed) as failure:
            return Ended(self._job.attempt, State.FAILED, message=self._masked(str(failure)))
        return Ended(self._job.attempt, done.state, self._masked(dict(done.outputs)), self._masked(done.message))

    def _known(self, work: Attempted) -> Done | None:
        """What an earlier run came to, where that is kept."""
        if not cached.is_on(work.node):
            return None
        try:
            key = cached.key_of(work.execution, work.node, work.task, work.rendering.typed(dict(work.task.spec)))
        except RenderFailed:
            return None  # something in it has no value outside of the task
        with self._kit.database.read() as session:
            found = caches.get(session, key, now().timestamp())
        if found is None:
            self._cache_key = key
            return None
        self.log("INFO", cached.SAID)
        return Done(found)

    def _prepared(self, effect: Resume) -> Resumption:
        """The pause of another execution. It ends in the transaction in which this task does."""
        try:
            with self._kit.database.read() as session:
                row = executions.get(session, effect.execution)
                of = row.execution
                named = all(asked in (None, is_) for asked, is_ in ((effect.namespace, of.namespace), (effect.flow, of.flow)))
                if of.environment != self._work.execution.environment or not named or not may_write(session, whose(self._work.execution), of.namespace):
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
            length = format_duration(timedelta(seconds=self._work.timeout or 0))
            return Ended(attempt, State.FAILED, message=f"the task timed out after {length}")
        return Ended(attempt, State.KILLED, message="the task was killed")

    def filed(self, event: Ended) -> Ended:
        """With what it has logged as a file, where the task wants that."""
        if not self._lines or not self._work.node.log_to_file:
            return event
        run = self._work.run
        uri = log_files.put(self._kit, self._work.execution, run.node, run.id, self._job.attempt, self._lines)
        self._lines = []
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
        if not self._is_held(session):
            return
        jobs.end(session, job.task_run_id, job.attempt, type(event).__name__)
        if self._lines:
            logs.append(session, job.execution_id, job.task_run_id, self._work.run.node, job.attempt, self._lines)
        if isinstance(event, Ended):
            self._keep(session, event)
        events.add(session, job.execution_id, job.task_run_id, event)

    def _keep(self, session: Session, event: Ended) -> None:
        at = now().timestamp()
        if self._metrics:
            source = Source(self._work.run.node, self._work.run.id, self._job.attempt)
            metrics.add(session, self._work.execution, [(source, metric) for metric in self._metrics], at)
        if self._resumption is not None and event.state is not State.FAILED:
            pausing.resume(session, self._resumption, f"task {self._work.run.node} of execution {self._job.execution_id}")
        if self._cache_key is not None and event.state in (State.SUCCESS, State.WARNING):
            caches.put(session, self._cache_key, self._job.execution_id, event.outputs, at, cached.ttl_of(self._work.node))

    def _is_held(self, session: Session) -> bool:
        held = jobs.get(session, self._job.task_run_id, self._job.attempt)
        return held is not None and held.state == "leased" and held.epoch == self._job.epoch

    def check(self) -> None:
        """Raises Stopped when the task is to end."""
        if self._ending.is_set():
            raise Stopped("handed")
        if time.monotonic() > self._deadline:
            raise Stopped("timeout")
        with self._kit.database.read() as session:
            held = jobs.get(session, self._job.task_run_id, self._job.attempt)
        if held is None or held.stop or held.epoch != self._job.epoch:
            raise Stopped("killed")

    # what the task may use

    @contextmanager
    def _scope(self) -> Iterator[Attempted]:
        """Templates, while a session lasts: a long task must not hold one."""
        with self._kit.database.read() as session:
            work = look_up(session, self._kit, self._job)
            try:
                yield work
            finally:
                self._used |= work.rendering.used

    @property
    def now(self) -> datetime:
        return now()

    @property
    def namespace(self) -> str:
        return self._work.execution.namespace

    @property
    def flow(self) -> str:
        return self._work.execution.flow

    @property
    def value(self) -> str | None:
        return self._work.run.value

    @property
    def records(self) -> Recorded:
        return Recorded(self._kit, whose(self._work.execution), now, self.check)

    @property
    def files(self) -> _Files:
        return _Files(self._kit, self._work, self.check)

    def text(self, template: Any) -> str:
        with self._scope() as work:
            return work.rendering.text(template)

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        with self._scope() as work:
            return work.rendering.typed(value, more)

    def log(self, level: str, message: str) -> None:
        if logs.LEVELS.get(level, 2) >= logs.LEVELS.get(self._work.node.log_level or "TRACE", 0):
            self._lines.append(Line(now(), level, self._masked(message)))

    def metric(self, metric: Metric) -> None:
        if (wrong := misfit(metric, len(self._metrics) + 1)) is not None:
            raise TaskFailed(wrong)
        self._metrics.append(masked(metric, self._masked))

    def _masked(self, value: Any) -> Any:
        return Masker(self._used).value(self._kit.masker.value(value))


class _Files:
    """Implements `service.tasks.OwnFiles`."""

    def __init__(self, kit: Kit, work: Attempted, check: Callable[[], None]) -> None:
        self._kit, self._work, self._check = kit, work, check

    def open(self, uri: str) -> BinaryIO:
        of = self._work.execution
        try:
            return Files(self._kit, whose(of), self._kit.database.read).open(uri)
        except (Forbidden, Invalid, NotFound) as failure:
            raise TaskFailed(failure.message) from failure

    def put(self, name: str, content: BinaryIO) -> str:
        self._check()
        of, run = self._work.execution, self._work.run
        return self._kit.storage.put(of.namespace, of.flow, of.id, run.node, run.id, name, content)

    def write(self, name: str, rows: Iterable[Any]) -> tuple[str, int]:
        of, run, size = self._work.execution, self._work.run, 0
        with tempfile.SpooledTemporaryFile(_HELD) as held:
            for row in rows:
                held.write(f"{ion.write(row)}\n".encode("utf-8", "replace"))
                size += 1
            held.seek(0)
            return self._kit.storage.put(of.namespace, of.flow, of.id, run.node, run.id, name, cast("BinaryIO", held)), size

    def remove(self) -> Sequence[str]:
        self._check()
        of = self._work.execution
        return self._kit.storage.remove(of.namespace, of.flow, of.id)
