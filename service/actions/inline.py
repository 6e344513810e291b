"""One inline task: what it may use, and what comes of it. What it changes is changed in the batch, and stored with it or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from service.actions.case import Case
from service.actions.keys import Keys
from service.engine import events as heard
from service.engine.execution import TaskRun
from service.engine.state import State
from service.errors import Forbidden, Invalid
from service.store import logs
from service.store.codec import to_json
from service.store.executions import OUTPUT_LIMIT
from service.tasks import Done, Effect, KvDelete, KvPut, NewLabels, NewVariables, TaskFailed


class Ask:
    """What an inline task may use."""

    def __init__(self, case: Case, run: TaskRun, source: Callable[[], str]) -> None:
        self._case = case
        self.now, self.namespace = case.now, case.execution.namespace
        self.labels, self.variables = case.execution.labels, case.execution.variables
        self._rendering = case.rendering(case.execution, run, {}, source)
        self._least = logs.LEVELS.get(case.program.nodes[run.node].log_level or "TRACE", 0)
        self._say = partial(case.say, run.id)

    @property
    def keys(self) -> _Keys:
        return _Keys(self._case.keys())

    def text(self, template: Any) -> str:
        return self._rendering.text(template)

    def typed(self, value: Any) -> Any:
        return self._rendering.typed(value)

    def log(self, level: str, message: str) -> None:
        if logs.LEVELS.get(level, 2) >= self._least:
            self._say(level, self.masked(message))

    def masked(self, value: Any) -> Any:
        """Without secrets, and without the parts of them that this task rendered."""
        return self._rendering.masked(value)

    def ended(self, attempt: int, done: Done) -> heard.Event:
        """The task's end, after its effect. Raises TaskFailed where that can't be."""
        _check_size("outputs", done.outputs)
        if done.effect is not None and done.state is not State.FAILED:
            self._apply(done.effect)
        # As with a runner's outcome: no secret is stored with a task run.
        return heard.Ended(attempt, done.state, self.masked(dict(done.outputs)), self.masked(done.message))

    def _apply(self, effect: Effect) -> None:
        match effect:
            case KvPut(namespace, key, value, expires_at, description, keeps):
                with _failing():
                    self._case.keys().put(namespace, key, value, expires_at, description, keeps=keeps)
            case KvDelete(namespace, key):
                with _failing():
                    self._case.keys().delete(namespace, key)
            case NewLabels(labels):
                _check_size("labels", labels)
                self._case.execution = replace(self._case.execution, labels=self.masked(dict(labels)))
            case NewVariables(variables):
                _check_size("variables", variables)
                self._case.execution = replace(self._case.execution, variables=self.masked(dict(variables)))


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


def _check_size(what: str, values: Mapping[str, Any]) -> None:
    size = len(to_json(values))
    if size > OUTPUT_LIMIT:
        raise TaskFailed(f"{what} are {size:,} bytes of JSON; the limit is {OUTPUT_LIMIT:,}")
