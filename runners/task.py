"""The documented face for people who add a task type that runs on a runner.

A runner task is one class in one file under `runners/tasks/`: fields for its properties, and `run`, which does the work and
returns an `Outcome`. A script that exits with 1 is an outcome; an exception is a fault of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from runners.fields import Typed
from runners.protocol import Job, Metric, Outcome


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run: where and how is the backend's business.

    `image` is for container backends alone; None asks for the backend's default. `runner` is the task's own
    choice of task runner (its `type` and properties), None for the agent's default.
    """

    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    image: str | None = None
    default_image: str = "ubuntu"
    runner: Mapping[str, object] | None = field(default=None, repr=False)
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended. `reason` is set when it wasn't by itself: `timeout`, `killed`, `oom`, `lost`, `handed`, or `error` with a message.

    `runner` is the type of the task runner that ran it.
    """

    code: int | None
    reason: str | None = None
    message: str | None = None
    runner: str | None = None


class Work(Protocol):
    """What a task's `run` is given."""

    job: Job
    directory: Path

    def log(self, level: str, message: str) -> None:
        """One entry in the task's log (masked)."""

    def metric(self, metric: Metric) -> None:
        """A number to publish with the outcome."""

    def log_all(self, level: str, messages: Sequence[str]) -> None:
        """One entry for each, as by `log`, and quicker."""

    def execute(self, command: Command, on_lines: Callable[[str, Sequence[str]], None]) -> Exit:
        """Runs a program in the working directory; `on_lines(stream, texts)` gets its lines in order, as many at once as there are."""

    def write(self, name: str, content: str) -> None:
        """Writes a file of the working directory; raises Unusable for a path that leads outside."""

    def folder(self, name: str) -> Path:
        """A folder of the working directory, made where it is not there; raises Unusable where a file has its name."""

    def upload(self, pattern: str) -> Mapping[str, str]:
        """Stores the working directory's files that match a glob; path → URI."""

    def store(self, name: str, file: Path) -> str:
        """Stores one file under a name; its URI. Raises Unusable."""

    def fetch(self, uri: str, to: Path) -> None:
        """Downloads a `kestra:///…` URI."""

    def check(self) -> None:
        """Raises what ends `run`, where the job is being stopped. Who waits for something else than this object asks it now and then."""


class RunnerTask(Typed):
    """Base of tasks that touch the world."""

    RUNS: ClassVar[str] = "runner"
    #: True: `run` is called in a process of its own, with limits, that is killed with all it has started when the task is. For whatever calls a library
    #: that may hang, crash or take much memory. Its working directory is the job's; what it prints is logged.
    APART: ClassVar[bool] = False
    #: It tells of an execution, that of `executionId` or its own: `work.job.facts` says what is known of it.
    TELLS: ClassVar[bool] = False

    def run(self, work: Work) -> Outcome:
        """Does the work. Called in the agent, in a thread of its own, or (APART) in a child of the agent."""
        raise NotImplementedError
