"""What the engine wants done. The executor stores the effect of each in the transaction of the step. The list is closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunInline:
    """Run the task of this task run now, in the executor."""

    task_run: str


@dataclass(frozen=True, slots=True)
class StartJob:
    """Put the attempt into the queue for runners, or into that of the service's own pool."""

    task_run: str
    attempt: int
    pool: bool = False


@dataclass(frozen=True, slots=True)
class StopJob:
    """Tell the runner that holds the attempt to stop it."""

    task_run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class DropJob:
    """Take the attempt out of the queue; whoever claimed it in the meantime finds its lease gone."""

    task_run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send Due(kind) to this task run at that time; to the execution where `task_run` is None."""

    task_run: str | None
    kind: str
    when: datetime


@dataclass(frozen=True, slots=True)
class StartOver:
    """Start a new execution in place of this one, which ended RETRIED, at that time."""

    when: datetime


@dataclass(frozen=True, slots=True)
class Say:
    """A line in the log of a task run, or of the execution where `task_run` is None, that is not the task's own."""

    level: str
    message: str
    task_run: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The execution's state is news for the commit it came from."""


Command = RunInline | StartJob | StopJob | DropJob | WakeAt | StartOver | Say | Report
