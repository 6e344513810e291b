"""What the service and a runner say to each other: frozen messages and two small Protocols.

A *Job* is one attempt of one task run, rendered and complete: a runner needs nothing else to do the work, and knows
nothing of flows, templates or databases. Every message about a job carries its *lease*: (task run, attempt, epoch).
The epoch grows with every claim, so a runner that was thought dead and comes back is told `Gone` and stops
(fencing; the first accepted `finish` wins, later ones are refused).

Both Protocols are implemented directly by the service and over HTTP by `runners.client`; one contract suite runs over both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, BinaryIO, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from runners.allowance import Egress as Egress

M = TypeVar("M")

#: The largest outputs of an attempt, in bytes of JSON; the service refuses larger ones, for rows are not a file store.
OUTPUT_LIMIT = 1_000_000

#: In place of a URI or a name: what a task's `cache` has kept. Only whoever holds that task's folder may ask for it.
CACHE = "cache:///"

_KEY = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]{0,100})-(\d{1,9})-(\d{1,18})")


class Gone(Exception):
    """The lease is no longer ours: somebody else has the job, or it has ended. Stop the work and forget it."""


class Unreachable(Exception):
    """The service does not answer. Keep working, keep the reports, try again."""


class Refused(Exception):
    """The service does not know this runner's token. Trying again changes nothing."""


class Rejected(Exception):
    """The service answers, and does not take this message (too large, unreadable, no such file). Trying again changes nothing."""


class Unusable(Exception):
    """What the job asks for can't be done as it stands: a path that leads outside, a file that isn't there. The message is for the user."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Which claim of which attempt a message speaks about."""

    task_run: str
    attempt: int
    epoch: int

    @property
    def key(self) -> str:
        """A name for folders and containers, unique over all claims ever made."""
        return f"{self.task_run}-{self.attempt}-{self.epoch}"

    @classmethod
    def of(cls, key: str) -> Lease | None:
        """The lease behind a key; None when the text is no key, or would not be safe as a folder's name."""
        found = _KEY.fullmatch(key)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    @property
    def directory(self) -> str:
        """The job's working directory, relative to the runner's base: what `workingDir` is, on the host and in a container."""
        return f"jobs/{self.key}/work"


@dataclass(frozen=True, slots=True)
class Tree:
    """The commit whose files are the job's working directory."""

    repository: str
    commit: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message about an execution says of it. `failed` is the task that failed last, and `reason` what it said; `seconds`, how long all of it took, or
    has taken yet."""

    execution: str
    namespace: str
    flow: str
    revision: int
    state: str
    link: str
    started: datetime
    seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt, ready to run.

    `type` is the canonical type name, `spec` its rendered properties (the runner task's class validates them).
    `masks` are the values that must never leave the runner in clear; they stand in `spec` and `env` too, so none of the three is
    ever printed. `timeout` is in seconds of wall time. Its working directory is `RunnerInfo.base` and `directory`, so that
    templates can be told before it exists. What a runner keeps for one `environment` is not shown to another.

    A job that `holds` runs nothing: its working directory is for other jobs, whose `folder` is its lease. They come to the runner that holds it
    and to no other, one after another; the folder is kept until the service has the holding job stop, or its lease is gone.

    It is not `trusted` where it is done for a fork's head: its programs then run in containers that can do no harm, or not at all.

    `facts` are there for tasks that tell of an execution (`RunnerTask.TELLS`). `package` is where the type comes from, as an installer takes it; None for ours.
    """

    lease: Lease
    execution: str
    namespace: str
    flow: str
    task: str
    type: str
    spec: Mapping[str, Any] = field(repr=False)
    tree: Tree | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    masks: tuple[str, ...] = field(default=(), repr=False)
    timeout: float | None = None
    log_level: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    folder: Lease | None = None
    holds: bool = False
    egress: Egress = Egress()
    environment: str = ""
    facts: Facts | None = None
    package: str | None = None
    trusted: bool = True

    @property
    def directory(self) -> str:
        """Its working directory, relative to the runner's base."""
        return (self.folder or self.lease).directory

    @property
    def output(self) -> str:
        """What `outputDir` is, relative to the working directory."""
        return output_of(self.lease, self.folder)


def output_of(lease: Lease, folder: Lease | None) -> str:
    """Where a job leaves files for its outputs; in a folder that it shares with others each has its own."""
    return ".output" if folder is None else f".output/{lease.key}"


class Result(StrEnum):
    """How an attempt ended, as the runner saw it.

    LOST is work that is gone with what it ran on, HANDED work that a runner gives back because it was told to end.
    Both are done again; only the first counts against the work.
    """

    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"
    HANDED = "HANDED"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that the work published. A timer's value is in seconds."""

    name: str
    type: str
    value: float
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. A failed script is an outcome, never an exception. `seals` names outputs, texts, that the service keeps encrypted."""

    result: Result
    message: str | None = None
    exit_code: int | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    seals: tuple[str, ...] = ()

    @classmethod
    def failed(cls, message: str, **kwargs: Any) -> Outcome:
        """The work went wrong, and says how."""
        return cls(Result.FAILED, message, **kwargs)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `number` counts from 0 within the attempt; a repeat of a number is dropped by the service."""

    number: int
    time: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """Who asks for work. `base` is the folder, on the runner's host, below which it makes working directories.

    `labels` (name → value, which may be empty) are what tasks ask for by `workerGroup` and `workerSelector`. A `reserved` runner takes nothing else.
    """

    id: str
    host: str
    version: str
    backends: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    slots: int = 1
    base: str = ""
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an agent needs to go on with a job that it finds already running."""

    job: Job = field(repr=False)
    next_line: int


class Order(StrEnum):
    """The service's answer to a heartbeat. A job that holds a folder is told to stop when its tasks are over: it ends in order."""

    GO_ON = "go_on"
    STOP = "stop"


class Dispatcher(Protocol):
    """Jobs out, reports in. Blocking calls; every one may raise Unreachable, and all but claim may raise Gone."""

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        """The next job for this runner, leased to it; None when nothing came up within `wait` seconds."""

    def beat(self, runner: str, leases: tuple[Lease, ...], wait: float = 0.0) -> Mapping[str, Order | None]:
        """Keeps the leases for another lease time. Answer by `Lease.key`; None means gone.

        While all of them go on, the answer may be held back for up to `wait` seconds, so that a stop is heard at once.
        """

    def log(self, lease: Lease, lines: tuple[LogLine, ...]) -> None:
        """Stores lines in order. Repeating a chunk is harmless."""

    def ready(self, lease: Lease) -> None:
        """The folder of a job that holds one stands: its tasks may come. Repeating it is harmless."""

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """Ends the attempt. The first answer wins; a repeat of the accepted one is harmless."""

    def adopt(self, runner: str, lease: Lease) -> Adopted:
        """Takes over a job of a dead agent that still runs here; raises Gone when it must be stopped instead."""


class Files(Protocol):
    """Bytes a job needs or makes, bound to its lease."""

    def tree(self, lease: Lease, tree: Tree) -> Iterator[bytes]:
        """The commit's files as an uncompressed tar stream: regular files and directories only."""

    def get(self, lease: Lease, uri: str) -> Iterator[bytes]:
        """The content behind a `kestra:///…` or `nsfile:///…` URI, or what the task's cache has kept (CACHE)."""

    def put(self, lease: Lease, name: str, stream: BinaryIO) -> str:
        """Stores a file of this attempt; returns its `kestra:///…` URI. As CACHE it takes the place of what the task's cache has kept."""


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def encode(message: object) -> Any:
    """A message of this file as plain JSON values, field by field."""
    cls: Any = type(message)
    return _adapter(cls).dump_python(message, mode="json")


def decode(cls: type[M], value: Any) -> M:
    """The message that `encode` was given. Fields that this version does not know are passed over; raises ValueError."""
    hashable: Any = cls
    try:
        message: M = _adapter(hashable).validate_python(value)
    except ValidationError as problem:
        # Its own text would quote the message, and that may hold secrets.
        wrong = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.errors(include_input=False, include_context=False))
        raise ValueError(wrong) from None
    return message
