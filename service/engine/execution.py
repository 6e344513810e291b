"""Executions and task runs as values. Nothing here is ever changed in place: a step makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.engine.program import Memory
from service.engine.state import History, Stamp, State, moved, reopened

#: What kind of execution one is that says nothing else.
NORMAL = "NORMAL"

Held = tuple[str, str | None]  #: a task run, and the kind of its timer or None

LOOP = "LOOP"  #: the kind of an execution that is one iteration of a loop: it is in no list, and no limit of its flow counts it


@dataclass(frozen=True, slots=True)
class Pin:
    """Where an execution's definition and files come from, for ever: commit of the tree, and file and blob of the flow."""

    repository: str
    commit: str
    ref: str
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Caller:
    """The task run below which an execution stands, and the number of its call. `depth` counts the executions above, `root` is the topmost of them.
    `serial` counts those below the root, from 0. `item` is that of a loop whose `task` has its own children done here; None where another flow was called."""

    execution: str
    run: str
    task: str
    attempt: int
    number: int
    root: str
    depth: int
    serial: int
    waits: bool = True
    item: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task run. `number` counts from 1. `lost`: its runner went silent; `returned`: its runner was shut down and gave it back. `holds`: a runner
    has, or is to have, a folder for the tasks of this group. `log_file` is where its log went, where that is a file."""

    number: int
    history: History
    runner: str | None = None
    message: str | None = None
    lost: bool = False
    returned: bool = False
    holds: bool = False
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
    is in, outermost first, its own last: together with the task's id they say which of its runs this is. `calls`: so many child executions are waited for."""

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
    calls: int = 0

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

    def reopened(self, state: State, now: datetime) -> TaskRun:
        """This task run, which has ended, with a new try and this state."""
        return replace(self.opened(now), history=reopened(self.history, state, now), calls=0)

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
    what the first one was. `waited`: a task of it has waited for a time or a person. `outputs` are there once it has ended, None where it gave none. It begins
    at `scheduled` where that is set. `breached` are the SLAs that it has broken. `trailing`: it has ended, and what is done after the end is under way.
    `caller`: a task of another execution has started it. `parent` is the execution that it is a replay of. `breakpoints` are tasks before which it stops.
    `held`: somebody has paused it, and this waits until it goes on: task runs that have ended, and timers that have come."""

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
    outputs: Mapping[str, Any] | None = None
    scheduled: datetime | None = None
    breached: tuple[str, ...] = ()
    trailing: bool = False
    caller: Caller | None = None
    kind: str = NORMAL
    parent: str | None = None
    breakpoints: tuple[str, ...] = ()
    held: tuple[Held, ...] | None = None

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

    @property
    def over(self) -> bool:
        """It has ended, and nothing of it goes on."""
        return self.state.terminal and not self.trailing

    @property
    def joined(self) -> datetime:
        """When it came into the line of those that want to run: created or restarted, and never before its date."""
        came = next(stamp.date for stamp in reversed(self.history) if stamp.state in (State.RESTARTED, State.CREATED))
        return came if self.scheduled is None else max(came, self.scheduled)

    def to(self, state: State, now: datetime) -> Execution:
        """This execution, moved on."""
        return replace(self, history=moved(self.history, state, now))

    def reopened(self, state: State, now: datetime) -> Execution:
        """This execution, which has ended, opened again or with another end. What it gave back counts only while it has ended."""
        return replace(self, history=reopened(self.history, state, now), outputs=self.outputs if state.terminal else None)

    def stops_before(self, run: TaskRun) -> bool:
        """Whether a breakpoint is set before a task run: `task`, or `task.value`."""
        return bool(self.breakpoints) and not {run.node, f"{run.node}.{run.value}"}.isdisjoint(self.breakpoints)


@dataclass(frozen=True, slots=True)
class Path:
    """The slice of an execution that an event touches: the task run it speaks of, last, and its ancestors, outermost first."""

    execution: Execution
    runs: tuple[TaskRun, ...] = ()
