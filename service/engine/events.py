"""What can happen to an execution. The list is closed: anything new is said in these words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.engine.state import State


@dataclass(frozen=True, slots=True)
class Began:
    """The execution has been created: start it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A runner took the attempt."""

    attempt: int
    runner: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The folder that the group's tasks share stands, and a runner holds it."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt has ended: SUCCESS, WARNING, FAILED or KILLED. `log_file` is where its log went, where that is a file."""

    attempt: int
    state: State
    outputs: Mapping[str, Any] = field(default_factory=dict)
    message: str | None = None
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class Exited:
    """The attempt has ended, and with it the whole execution, in this state."""

    attempt: int
    state: State
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """The attempt turned out to be work that is not done in the executor: it goes into the queue for runners, or into that of the service's own pool."""

    attempt: int
    pool: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The attempt's runner went silent, says that the work is gone without a trace, or (`counts` is False) handed it back because it was shut down."""

    attempt: int
    message: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """A timer of the task run has come."""

    kind: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Somebody lets a paused task run go on, and gave this; the API has checked that it is what the task asks for."""

    given: Mapping[str, Any]
    by: str


@dataclass(frozen=True, slots=True)
class Killed:
    """Somebody wants the execution stopped; with `cascade` also those that it has called and waits for."""

    by: str
    cascade: bool = True


@dataclass(frozen=True, slots=True)
class ChildMoved:
    """A child execution stands so now: CREATED, PAUSED, RUNNING again, or at its end. `execution` is None for one that could not be started, and `message` says
    why. `number` is that of the call, `attempt` that of the task run; when it is not `open`, nothing more is heard of it."""

    attempt: int
    number: int
    execution: str | None
    state: State
    outputs: Mapping[str, Any] = field(default_factory=dict)
    message: str | None = None
    open: bool = True


@dataclass(frozen=True, slots=True)
class Freed:
    """There may be a place under the flow's limit for the execution, which waits for one."""


@dataclass(frozen=True, slots=True)
class Unqueued:
    """Somebody takes the execution out of the queue: to be run, or to end so."""

    state: State
    by: str


@dataclass(frozen=True, slots=True)
class Forced:
    """Somebody wants the execution to go on now, whatever it waits for."""

    by: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """Somebody wants what failed done again: a person, or the task that has called the execution. That says who it is now, `execution`, `run`, `attempt` and
    `number` of the call, and hears how the execution stands, whatever it is."""

    by: str
    caller: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """Somebody wants the execution done again as a new one, whose id is `execution`. From a task run, or from what failed (`failed`), or from the beginning.
    `pin` is that of another revision. `inputs` and `breakpoints` are those of the new one; None: the same inputs."""

    by: str
    execution: str
    revision: int
    task_run: str | None = None
    failed: bool = False
    pin: Mapping[str, str] | None = None
    inputs: Mapping[str, Any] | None = None
    breakpoints: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """The execution is a copy of another one: it goes on from this task run, or from what failed where there is none."""


@dataclass(frozen=True, slots=True)
class StateSet:
    """Somebody says how a task run ended, whatever it came to; the execution goes on from there."""

    state: State
    by: str


@dataclass(frozen=True, slots=True)
class StatusSet:
    """Somebody says how the execution ended; nothing follows."""

    state: State
    by: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """Somebody gives an execution that has ended other labels; those of the service stay."""

    labels: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True)
class Halted:
    """Somebody pauses the execution: what runs goes on to its end, nothing new begins."""

    by: str


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody lets an execution go on that stands at breakpoints; from now on these are set, or the same (None)."""

    by: str
    breakpoints: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """Somebody wants the execution deleted, and with it what is named."""

    by: str
    logs: bool = True
    metrics: bool = True
    storage: bool = True


@dataclass(frozen=True, slots=True)
class Behind:
    """Inline tasks that the last batch has left for this one, so that nobody waits behind a long flow. The executor's own: the engine hears of their ends."""

    task_runs: Sequence[str]


#: What people ask for: heard whatever the execution's state, and answered.
Asked = Resumed | Killed | Restarted | Replayed | StateSet | StatusSet | Labelled | Halted | Passed | Unqueued | Forced | Deleted
Event = Behind | Began | ChildMoved | Claimed | Opened | Ended | Exited | Handed | Lost | Due | Freed | Copied | Asked
