"""One inline task: what it may use, and what comes of it. What it changes is changed in the batch, and stored with it or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from runners.protocol import Metric
from service.actions import cached, log_files, templated
from service.actions.attempts import timeout_of
from service.actions.case import Case
from service.actions.keys import Keys
from service.actions.places import of_task
from service.asks import TaskFailed
from service.engine import events as heard
from service.engine.execution import TaskRun
from service.engine.program import Node, RenderFailed
from service.engine.state import State
from service.engine.waking import TIMEOUT
from service.errors import Forbidden, Invalid
from service.store import caches, logs, metrics
from service.store.codec import to_json
from service.store.executions import OUTPUT_LIMIT
from service.store.metrics import Source
from service.tasks import Done, Effect, Instead, KvDelete, KvPut, Leave, NewLabels, NewVariables, Wait

_SLEEP = "sleep"


@dataclass(frozen=True, slots=True)
class Later:
    """The task ends when this timer comes."""

    kind: str
    duration: timedelta


class Ask:
    """What an inline task may use."""

    def __init__(self, case: Case, run: TaskRun, source: Callable[[], str]) -> None:
        self._case, self._run, self._source = case, run, source
        self._node = case.program.nodes[run.node]
        self.now, self.namespace, self.flow = case.now, case.execution.namespace, case.execution.flow
        self.value = run.value
        self.labels, self.variables = case.execution.labels, case.execution.variables
        self._rendering = case.rendering(case.execution, run, {}, source)
        self._least = logs.LEVELS.get(self._node.log_level or "TRACE", 0)
        self._say = partial(case.say, run.id)
        self._published = 0

    @property
    def keys(self) -> _Keys:
        return _Keys(self._case.keys())

    def text(self, template: Any) -> str:
        return self._rendering.text(template)

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        return self._rendering.typed(value, more)

    def log(self, level: str, message: str) -> None:
        if logs.LEVELS.get(level, 2) >= self._least:
            self._say(level, self._rendering.masked(message))

    def metric(self, metric: Metric) -> None:
        self._published += 1
        if (wrong := misfit(metric, self._published)) is not None:
            raise TaskFailed(wrong)
        source = Source(self._run.node, self._run.id, self._run.attempt.number)
        self._case.metrics.append((source, masked(metric, self._rendering.masked)))

    def outcome(self) -> heard.Event | Later:
        """Does the task."""
        attempt, begin = self._run.attempt.number, len(self._case.lines)
        try:
            timeout = timeout_of(self._rendering, self._node, of_task(self._case.execution, self._node, self._source))
            came = self._came(timeout)
        except (RenderFailed, TaskFailed) as failure:
            came = heard.Ended(attempt, State.FAILED, message=self._rendering.masked(str(failure)))
        if self._node.log_to_file and isinstance(came, heard.Ended | heard.Exited):
            return self._filed(came, begin)
        return came

    def _came(self, timeout: float | None) -> heard.Event | Later:
        task = self._node
        done = self._known(task) or task.model.run(self)
        if isinstance(done, Instead):
            task = templated.read(self._case.kit, done.text)
            if task.runs != "inline":
                return heard.Handed(self._run.attempt.number, task.runs == "pool")
            done = self._known(task) or task.model.run(self)
        if isinstance(done, Wait):
            wait = done.duration.total_seconds()
            return Later(_SLEEP, done.duration) if timeout is None or wait <= timeout else Later(TIMEOUT, timedelta(seconds=timeout))
        return self._ended(task, done)

    def _ended(self, task: Node, done: Done) -> heard.Event:
        """The task's end, after its effect. Raises TaskFailed where that can't be."""
        attempt = self._run.attempt.number
        check_size("outputs", done.outputs)
        if isinstance(done.effect, Leave):
            return heard.Exited(attempt, done.effect.state)
        if done.effect is not None and done.state is not State.FAILED:
            self._apply(done.effect)  # type: ignore[arg-type]  # the others are those of server tasks
        # As with a runner's outcome: no secret is stored with a task run.
        outputs = self._rendering.masked(dict(done.outputs))
        if cached.is_on(self._node) and done.state in (State.SUCCESS, State.WARNING) and (key := self._key(task)) is not None:
            self._case.cached[key] = (outputs, cached.ttl_of(self._node))
        return heard.Ended(attempt, done.state, outputs, self._rendering.masked(done.message))

    def _known(self, task: Node) -> Done | None:
        """What an earlier run came to, where that is kept."""
        if not cached.is_on(self._node) or task.type == templated.TYPE or (key := self._key(task)) is None:
            return None
        made = self._case.cached.get(key)
        found = made[0] if made else caches.get(self._case.session, key, self.now.timestamp())
        if found is None:
            return None
        self.log("INFO", cached.SAID)
        return Done(found)

    def _key(self, task: Node) -> str | None:
        try:
            return cached.key_of(self._case.execution, self._node, task, self._rendering.typed(dict(task.spec)))
        except RenderFailed:
            return None  # something in it has no value outside of the task

    def _filed(self, event: heard.Ended | heard.Exited, begin: int) -> heard.Event:
        """With what the task has logged in a file. Of a batch that is thrown away, it is made anew."""
        case, run = self._case, self._run
        lines = [line for _, _, _, line in case.lines[begin:]]
        del case.lines[begin:]
        return replace(event, log_file=log_files.put(case.kit, case.execution, run.node, run.id, run.attempt.number, lines)) if lines else event

    def _apply(self, effect: Effect) -> None:
        match effect:
            case KvPut(namespace, key, value, expires_at, description, keeps):
                with _failing():
                    self._case.keys().put(namespace, key, value, expires_at, description, keeps=keeps)
            case KvDelete(namespace, key):
                with _failing():
                    self._case.keys().delete(namespace, key)
            case NewLabels(labels):
                check_size("labels", labels)
                self._case.execution = replace(self._case.execution, labels=self._rendering.masked(dict(labels)))
            case NewVariables(variables):
                check_size("variables", variables)
                self._case.execution = replace(self._case.execution, variables=self._rendering.masked(dict(variables)))


class _Keys:
    """The KV store, for a task."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def get(self, key: str, namespace: str | None) -> Any:
        with _failing():
            return self._keys.get(key, namespace)

    def names(self, namespace: str) -> Sequence[str]:
        with _failing():
            return self._keys.names(namespace)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (Forbidden, Invalid) as wrong:
        raise TaskFailed(wrong.message) from wrong


def check_size(what: str, values: Mapping[str, Any]) -> None:
    """Raises TaskFailed for more than a row should hold."""
    size = len(to_json(values))
    if size > OUTPUT_LIMIT:
        raise TaskFailed(f"{what} are {size:,} bytes of JSON; the limit is {OUTPUT_LIMIT:,}")


def misfit(metric: Metric, number: int) -> str | None:
    """Why an attempt can't publish its so manieth metric; None when it can."""
    return f"more than {metrics.MOST:,} metrics" if number > metrics.MOST else metrics.fits(metric)


def masked(metric: Metric, mask: Callable[[Any], Any]) -> Metric:
    """A metric whose texts hold no secret."""
    return replace(metric, name=mask(metric.name), tags=mask(dict(metric.tags)), description=mask(metric.description))
