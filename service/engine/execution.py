"""Executions and task runs as values. Nothing here is ever changed in place: a step makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.engine.program import Memory
from service.engine.state import History, Stamp, State, moved


@dataclass(frozen=True, slots=True)
class Pin:
    """Where an execution's definition and files come from, for ever: commit of the tree, and file and blob of the flow."""

    repository: str
    commit: str
    ref: str
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task run. `number` counts from 1. `lost`: its runner went silent; `returned`: its runner was shut down and gave it back. `log_file` is where
    its log went, where that is a file."""

    number: int
    history: History
    runner: str | None = None
    message: str | None = None
    lost: bool = False
    returned: bool = False
    log_file: str | None = None

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.history[-1].state

    def to(self, state: State, now: datetime, **changes: Any) -> Attempt:
        """This attempt, moved on."""
        return replace(self, history=moved(self.history, state, now), **changes)


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task within an execution. `outputs` and `keep` are what this step sets; None means that the stored ones stand. `values` are those of the loops that it
    is in, outermost first, its own last: together with the task's id they say which of its runs this is."""

    id: str
    execution: str
    node: str
    parent: str | None
    history: History
    attempts: tuple[Attempt, ...] = ()
    value: str | None = None
    iteration: int | None = None
    memory: Memory = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    values: tuple[str, ...] = ()
    keep: Any = None

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.history[-1].state

    @property
    def attempt(self) -> Attempt:
        """The current try."""
        return self.attempts[-1]

    def to(self, state: State, now: datetime, **changes: Any) -> TaskRun:
        """This task run, moved on."""
        return replace(self, history=moved(self.history, state, now), **changes)

    def with_attempt(self, attempt: Attempt) -> TaskRun:
        """This task run with its current try replaced."""
        return replace(self, attempts=(*self.attempts[:-1], attempt))

    def opened(self, now: datetime) -> TaskRun:
        """This task run with a new try."""
        attempt = Attempt(len(self.attempts) + 1, (Stamp(State.CREATED, now),))
        return replace(self, attempts=(*self.attempts, attempt))


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a flow's revision. One that was started over in place of a failed one says which `attempt` it is (from 1), and
    what the first one was. `waited`: a task of it has waited for a time or a person."""

    id: str
    environment: str
    namespace: str
    flow: str
    revision: int
    history: History
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    trigger: Mapping[str, Any] | None = None
    pin: Pin | None = None
    memory: Memory = field(default_factory=dict)
    generation: int = 1
    attempt: int = 1
    original: str | None = None
    first_created: datetime | None = None
    waited: bool = False

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.history[-1].state

    @property
    def created(self) -> datetime:
        """When it came to be."""
        return self.history[0].date

    @property
    def ended(self) -> datetime | None:
        """When it became terminal; None before."""
        return self.history[-1].date if self.state.terminal else None

    def to(self, state: State, now: datetime) -> Execution:
        """This execution, moved on."""
        return replace(self, history=moved(self.history, state, now))


@dataclass(frozen=True, slots=True)
class Path:
    """The slice of an execution that an event touches: the task run it speaks of, last, and its ancestors, outermost first."""

    execution: Execution
    runs: tuple[TaskRun, ...] = ()
