"""Task types that the service runs itself.

*Inline* tasks touch rows only and run inside the executor's transaction: their effect happens exactly once. Each is one file here:
a class with its properties as fields and `run`, which returns what came of it. No I/O, no clock: what a task may use is in `Ask`.
What it changes it doesn't change itself: it says so in `Done`, as a value, and the batch that hears of it stores it with the state that follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from runners.fields import Typed
from service.engine.program import RenderFailed
from service.engine.state import State
from service.expressions.errors import Refused
from service.expressions.limits import Budget, Limits
from service.expressions.values import json_text


class TaskFailed(Exception):
    """The task can't do what it was asked to; the message is for the flow's author."""


class Keys(Protocol):
    """The KV store as this task may read it, with what has been written in this batch."""

    def get(self, key: str, namespace: str | None) -> Any:
        """A value of exactly this namespace; None: of the flow's own, or the nearest above it. Raises KeyError where there is none, and TaskFailed."""

    def names(self, namespace: str) -> Sequence[str]:
        """The keys of exactly this namespace, by name. Raises TaskFailed."""


class InlineAsk(Protocol):
    """What an inline task may use."""

    @property
    def now(self) -> datetime:
        """The time of this step."""

    @property
    def namespace(self) -> str:
        """The flow's."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of the execution, as they are now."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Those of the execution, as they are now."""

    @property
    def keys(self) -> Keys:
        """The KV store."""

    def text(self, template: Any) -> str:
        """Renders to text; raises RenderFailed, which fails the task."""

    def typed(self, value: Any) -> Any:
        """Renders any nesting, keeping types; raises RenderFailed."""

    def log(self, level: str, message: str) -> None:
        """One entry in the task run's log."""


# what a task changes


@dataclass(frozen=True, slots=True)
class KvPut:
    """A key has this value from now on, until it ends. `keeps`: where it was there already, its end and its description stay."""

    namespace: str
    key: str
    value: Any
    expires_at: datetime | None = None
    description: str | None = None
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class KvDelete:
    """A key is no more."""

    namespace: str
    key: str


@dataclass(frozen=True, slots=True)
class NewLabels:
    """All labels that the execution has from now on."""

    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewVariables:
    """All variables that the execution has from now on."""

    variables: Mapping[str, Any]


Effect = KvPut | KvDelete | NewLabels | NewVariables


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended. What it changes is done only when it has not failed; where that can't be done, it fails."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.SUCCESS
    message: str | None = None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The task ends well after this time; a timer row keeps it, and nothing else."""

    duration: timedelta


class InlineTask(Typed):
    """Base of inline tasks."""

    RUNS: ClassVar[str] = "inline"

    def run(self, ask: InlineAsk) -> Done | Wait:
        """Decides the outcome. Raises TaskFailed, and RenderFailed, which mean FAILED."""
        raise NotImplementedError


# what several tasks read alike


def flag(ask: InlineAsk, name: str, written: object) -> bool:
    """A property that is true or false, rendered. Raises TaskFailed for anything else."""
    value = ask.typed(written)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, bool):
        return value
    raise TaskFailed(f"`{name}` must be true or false")


def as_json(value: Any) -> Any:
    """A rendered value as JSON has it, dates as text: what a later task sees is the same whether or not it has been stored meanwhile."""
    try:
        return json.loads(json_text(value, Budget(Limits()), nulls=True))
    except Refused as refused:
        raise RenderFailed(str(refused)) from None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two maps in one, and the maps in them; of anything else the second one's stands."""
    result = dict(below)
    for key, value in above.items():
        held = result.get(key)
        result[key] = merged(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return result
