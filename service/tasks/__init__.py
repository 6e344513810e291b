"""Task types that the service runs itself.

*Inline* tasks touch rows only and run inside the executor's transaction: their effect happens exactly once. Each is one file here:
a class with its properties as fields and `run`, which returns what came of it. No I/O, no clock: what a task may use is in `Ask`.
What it changes it doesn't change itself: it says so in `Done`, as a value, and the batch that hears of it stores it with the state that follows.

*Server* tasks take long: they look at many rows, or at stored files. They are done in a pool of the service's own, at least once, a slice at a time and never
in the executor, so whatever they do may have been done before. What must not be done twice they say in `Done`, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from runners.fields import Typed
from service.asks import Ask, InlineAsk, ServerAsk, TaskFailed
from service.engine.program import RenderFailed
from service.engine.state import State
from service.expressions.errors import Refused
from service.expressions.limits import Budget, Limits
from service.expressions.values import json_text
from service.globs import matcher

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


@dataclass(frozen=True, slots=True)
class Leave:
    """The execution ends with this task, in this state."""

    state: State


@dataclass(frozen=True, slots=True)
class Resume:
    """A paused execution goes on, with what its pause asks for; where a namespace or a flow is named, it must be of that."""

    execution: str
    inputs: Mapping[str, Any]
    namespace: str | None = None
    flow: str | None = None


Effect = KvPut | KvDelete | NewLabels | NewVariables | Leave


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended. What it changes is done only when it has not failed; where that can't be done, it fails."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.SUCCESS
    message: str | None = None
    effect: Effect | Resume | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The task ends well after this time; a timer row keeps it, and nothing else."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class Instead:
    """Another task is done in its place, which this text describes in YAML."""

    text: str


class InlineTask(Typed):
    """Base of inline tasks."""

    RUNS: ClassVar[str] = "inline"
    #: Whether it may turn out to be work for a runner.
    BECOMES: ClassVar[bool] = False

    def run(self, ask: InlineAsk) -> Done | Wait | Instead:
        """Decides the outcome. Raises TaskFailed, and RenderFailed, which mean FAILED."""
        raise NotImplementedError


class ServerTask(Typed):
    """Base of server tasks."""

    RUNS: ClassVar[str] = "pool"

    @property
    def gathers(self) -> Any:
        """Globs of files that it needs of a folder that it shares: a runner stores them before it begins. None: it needs no folder."""
        return None

    def run(self, ask: ServerAsk) -> Done:
        """Does the work. Raises TaskFailed, and RenderFailed, which mean FAILED."""
        raise NotImplementedError


# what several tasks read alike


def flag(ask: Ask, name: str, written: object) -> bool:
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


def optional_text(ask: Ask, written: str | None) -> str | None:
    """A property that may be absent, rendered; None where nothing is left of it."""
    return None if written is None else ask.text(written).strip() or None


def texts(ask: Ask, name: str, written: object) -> list[str]:
    """A property that is a list of texts, rendered; one text is a list of one. Raises TaskFailed for anything else."""
    found = ask.typed(written)
    found = [found] if isinstance(found, str) and found else found or []
    if not isinstance(found, list):
        raise TaskFailed(f"`{name}` must be a list of texts")
    return [str(entry) for entry in found]


def matching(name: str, patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is meant by a property that holds globs. Raises TaskFailed."""
    try:
        return matcher(patterns)
    except ValueError as wrong:
        raise TaskFailed(f"`{name}`: {wrong}") from None


def moment(ask: Ask, name: str, written: str | None) -> datetime | None:
    """A property that is a date, rendered. Raises TaskFailed for a text that is none; without its zone it is UTC."""
    text = optional_text(ask, written)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise TaskFailed(f"`{name}` is `{text[:100]}`, and no ISO-8601 date") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
