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
    """Somebody wants the execution stopped."""

    by: str


@dataclass(frozen=True, slots=True)
class Behind:
    """Inline tasks that the last batch has left for this one, so that nobody waits behind a long flow. The executor's own: the engine hears of their ends."""

    task_runs: Sequence[str]


Event = Behind | Began | Claimed | Ended | Exited | Handed | Lost | Due | Resumed | Killed
