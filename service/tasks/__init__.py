"""Task types that the service runs itself.

*Inline* tasks touch rows only and run inside the executor's transaction: their effect happens exactly once. Each is one file here:
a class with its properties as fields and `run`, which returns what came of it. No I/O, no clock: what a task may use is in `Ask`.
What it changes it doesn't change itself: it says so in `Done`, as a value, and the batch that hears of it stores it with the state that follows.

*Server* tasks take long: they look at many rows, or at stored files. They are done in a pool of the service's own, at least once, a slice at a time and never
in the executor, so whatever they do may have been done before. What must not be done twice they say in `Done`, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, ClassVar, Protocol

from runners.fields import Typed
from runners.protocol import Metric
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


class Ask(Protocol):
    """What every task may use."""

    @property
    def now(self) -> datetime:
        """The time of this step."""

    @property
    def namespace(self) -> str:
        """The flow's."""

    @property
    def flow(self) -> str:
        """The flow's id."""

    @property
    def value(self) -> str | None:
        """The value of the loop that the task is in."""

    def text(self, template: Any) -> str:
        """Renders to text; raises RenderFailed, which fails the task."""

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        """Renders any nesting, keeping types, with `more` variables; raises RenderFailed."""

    def log(self, level: str, message: str) -> None:
        """One entry in the task run's log."""

    def metric(self, metric: Metric) -> None:
        """A number that the task run publishes. Raises TaskFailed for one too many."""


class InlineAsk(Ask, Protocol):
    """What an inline task may use."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of the execution, as they are now."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Those of the execution, as they are now."""

    @property
    def keys(self) -> Keys:
        """The KV store."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which executions are meant; times are of their creation. `below`: also those of the namespaces under `namespace`."""

    namespace: str | None = None
    flow: str | None = None
    below: bool = False
    states: tuple[State, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class Records(Protocol):
    """What has been recorded of executions. All raise TaskFailed for what is another repository's."""

    def count(self, wanted: Wanted) -> Mapping[tuple[str, str], int]:
        """How many executions there are of each flow, by namespace and id."""

    def purge(self, wanted: Wanted, what: Sequence[str], batch: int) -> Mapping[str, int]:
        """Takes away `execution`, `log`, `metric` or `storage` of those that have ended, so many at a time; how many of each."""

    def purge_logs(self, wanted: Wanted, levels: Sequence[str]) -> int:
        """Takes away log entries that were made in the time that is wanted, of some levels or of all; how many."""

    def purge_keys(self, namespaces: Sequence[str] | None, pattern: str | None, *, below: bool, expired_only: bool) -> int:
        """Takes away keys; how many."""

    def log_of(self, execution: str | None, tasks: Sequence[str], level: str) -> Iterable[Mapping[str, Any]]:
        """Log entries, of this execution where none is named."""


class OwnFiles(Protocol):
    """The stored files of this execution."""

    def write(self, name: str, rows: Iterable[Any]) -> tuple[str, int]:
        """Stores rows, as Ion; URI and number of rows."""

    def open(self, uri: str) -> BinaryIO:
        """A file that the execution may read. Raises TaskFailed."""

    def rows(self, uri: str) -> Iterator[Any]:
        """The rows of a file of Ion that the execution may read, one at a time. Raises TaskFailed with the place."""

    def size(self, uri: str) -> int:
        """The bytes of a file that the execution may read. Raises TaskFailed."""

    def put(self, name: str, content: BinaryIO) -> str:
        """Stores a file; its URI."""

    def delete(self, uri: str) -> bool:
        """Takes a stored file away; False: there was none. Raises TaskFailed for one of somebody else."""

    def remove(self) -> Sequence[str]:
        """Takes all of them away; their URIs."""


class ServerAsk(Ask, Protocol):
    """What a server task may use. Whatever takes long raises Stopped inside when the task is to end."""

    @property
    def execution(self) -> str:
        """The execution's id."""

    @property
    def records(self) -> Records:
        """What has been recorded."""

    @property
    def files(self) -> OwnFiles:
        """Stored files."""

    def each(self, template: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str | RenderFailed]:
        """A template rendered to text for each row, whose fields are variables then. What can't be rendered is told in its place."""


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
