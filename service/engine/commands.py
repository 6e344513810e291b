"""What the engine wants done. The executor stores the effect of each in the transaction of the step. The list is closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.engine.events import Deleted, Replayed
from service.engine.program import Call, Route


@dataclass(frozen=True, slots=True)
class RunInline:
    """Run the task of this task run now, in the executor."""

    task_run: str


@dataclass(frozen=True, slots=True)
class StartJob:
    """Put the attempt into the queue for runners, or into that of the service's own `pool`. `folder` is the task run in whose folder it is done, on the runner
    that holds that; its own id: it is a group, for whose tasks a runner is to open a folder and hold it. `route` is which runners
    may; None: any."""

    task_run: str
    attempt: int
    folder: str | None = None
    pool: bool = False
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class StopJob:
    """Tell the runner that holds the attempt to stop it; one that holds a folder stores what is wanted of it, and gives it up."""

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
class StartChild:
    """Start an execution below this one, for the current attempt of a task run."""

    task_run: str
    call: Call


@dataclass(frozen=True, slots=True)
class StopChildren:
    """Kill the executions that this task run waits for."""

    task_run: str
    by: str


@dataclass(frozen=True, slots=True)
class Unwake:
    """Forget the timers of this task run, which is done again; where `task_run` is None, those of this kind of the execution."""

    task_run: str | None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """Start a new execution as a replay of this one."""

    replay: Replayed


@dataclass(frozen=True, slots=True)
class Erase:
    """Delete the execution with its task runs, and what else is asked for."""

    deletion: Deleted


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


Command = RunInline | StartJob | StopJob | DropJob | StartChild | StopChildren | WakeAt | Unwake | StartOver | Copy | Erase | Say | Report
