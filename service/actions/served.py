"""What a server task may use while it is done, and what it has said so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from runners.masking import Masker
from runners.protocol import Metric
from service.actions.attempts import Attempted, look_up, whose
from service.actions.inline import masked, misfit
from service.actions.kit import Kit
from service.actions.records import Recorded
from service.actions.task_files import TaskFiles
from service.actions.task_tree import TaskTree
from service.asks import TaskFailed
from service.engine.program import RenderFailed
from service.store import jobs, logs
from service.store.codec import from_json, now
from service.store.database import Session
from service.store.jobs import Job
from service.store.logs import Line

SLICE = 100  #: rows that are rendered in one session


class Stopped(Exception):
    """The task is to end: `killed`, `timeout`, or `handed` because the service ends."""


class Served:
    """One attempt. Implements `service.asks.ServerAsk`. `ending`: the service ends."""

    def __init__(self, kit: Kit, job: Job, ending: threading.Event) -> None:
        self._kit, self._job, self._ending = kit, job, ending
        self._used: set[str] = set()
        self._deadline = float("inf")
        self.lines: list[Line] = []
        self.metrics: list[Metric] = []
        self.execution = job.execution_id

    def begin(self) -> Attempted:
        """Looks the attempt up; its time begins. Raises RenderFailed."""
        with self.scope() as work:
            self.work = work
        if work.timeout is not None:
            self._deadline = time.monotonic() + work.timeout
        return work

    @contextmanager
    def scope(self) -> Iterator[Attempted]:
        """Templates, while a session lasts: a long task must not hold one."""
        with self._kit.database.read() as session:
            work = look_up(session, self._kit, self._job)
            try:
                yield work
            finally:
                self._used |= work.rendering.used

    def masked(self, value: Any) -> Any:
        """Without the secrets that its templates have asked for."""
        return Masker(self._used).value(self._kit.masker.value(value))

    def is_held(self, session: Session) -> bool:
        """Whether the attempt is still ours."""
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

    @property
    def now(self) -> datetime:
        return now()

    @property
    def namespace(self) -> str:
        return self.work.execution.namespace

    @property
    def flow(self) -> str:
        return self.work.execution.flow

    @property
    def value(self) -> str | None:
        return self.work.run.value

    @property
    def records(self) -> Recorded:
        return Recorded(self._kit, whose(self.work.execution), now, self.check)

    @property
    def files(self) -> TaskFiles:
        gathered = self._job.result
        return TaskFiles(self._kit, self.work, self.check, None if gathered is None else from_json(gathered))

    def tree(self, namespace: str) -> TaskTree:
        return TaskTree.of(self._kit, self.work, namespace, self.check)

    def text(self, template: Any) -> str:
        with self.scope() as work:
            return work.rendering.text(template)

    def each(self, template: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str | RenderFailed]:
        """See `ServerAsk.each`. A slice of rows shares what a template may cost; one that fails in it is tried again by itself, so slices change nothing."""
        rest, waiting = iter(rows), list[Mapping[str, Any]]()
        while waiting := waiting or list(islice(rest, SLICE)):
            self.check()
            found = self._rendered(template, waiting)
            yield from found
            waiting = waiting[len(found) :]

    def _rendered(self, template: str, rows: Sequence[Mapping[str, Any]]) -> list[str | RenderFailed]:
        """Those up to the first that fails; where that is the first of all, it alone."""
        found: list[str | RenderFailed] = []
        with self.scope() as work:
            for row in rows:
                try:
                    found.append(work.rendering.text(template, row))
                except RenderFailed as failure:
                    return found or [failure]
        return found

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        with self.scope() as work:
            return work.rendering.typed(value, more)

    def log(self, level: str, message: str) -> None:
        if logs.LEVELS.get(level, 2) >= logs.LEVELS.get(self.work.node.log_level or "TRACE", 0):
            self.lines.append(Line(now(), level, self.masked(message)))

    def metric(self, metric: Metric) -> None:
        if (wrong := misfit(metric, len(self.metrics) + 1)) is not None:
            raise TaskFailed(wrong)
        self.metrics.append(masked(metric, self.masked))
