"""What tasks that the service runs may use: ports, so that a task does no I/O of its own and knows no clock. `service.tasks` has the tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from runners.protocol import Metric
from service.engine.program import RenderFailed
from service.engine.state import State


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

    def purge_files(self, wanted: Wanted, *, dry: bool) -> tuple[int, int, int]:
        """Takes away the stored files of those that have ended and whose newest file is of the time that is wanted: how many executions were looked at, how
        many of them are meant, and how many files are gone, which is none where it is `dry`."""

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

    def directory(self) -> Mapping[str, str]:
        """The URIs of the files of the working directory, by path: what a runner has stored of it, or else what the execution's commit has, without the folder
        of flows. Raises TaskFailed."""

    def put(self, name: str, content: BinaryIO) -> str:
        """Stores a file; its URI."""

    def delete(self, uri: str) -> bool:
        """Takes a stored file away; False: there was none. Raises TaskFailed for one of somebody else."""

    def remove(self) -> Sequence[str]:
        """Takes all of them away; their URIs."""


class Tree(Protocol):
    """The files of a namespace, as they are now: those of the live commit, without the folder of flows. All raise TaskFailed."""

    def files(self) -> Mapping[str, int]:
        """The bytes of all of them, by path."""

    def open(self, path: str) -> BinaryIO:
        """The content of one."""

    def write(self, files: Mapping[str, Callable[[], BinaryIO]], conflict: str) -> Mapping[str, str]:
        """Commits files, by path; `conflict` says what becomes of one that is there: OVERWRITE, ERROR or SKIP. Those that were written, with their URIs."""

    def delete(self, meant: Callable[[str], bool]) -> Mapping[str, str]:
        """Commits the end of files whose path is meant; those that are gone, with the URIs of what they were."""


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

    def tree(self, namespace: str) -> Tree:
        """The files of a namespace. Raises TaskFailed for one of another repository."""

    def each(self, template: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str | RenderFailed]:
        """A template rendered to text for each row, whose fields are variables then. What can't be rendered is told in its place."""
