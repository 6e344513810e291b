"""A step in the making: what it knows of the execution, what it has changed, and what it wants done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from service.engine.commands import Command, DropJob, Report, Say
from service.engine.execution import Attempt, Execution, Path, TaskRun
from service.engine.program import Ask, Node, Program
from service.engine.state import State

#: Ends that may follow CREATED directly; any other end shows a RUNNING before it.
_WITHOUT_START = frozenset({State.SKIPPED, State.KILLED})

#: States in which a task run has not begun, or not again.
UNSTARTED = frozenset({State.CREATED, State.RESTARTED, State.BREAKPOINT})

#: States in which a task run waits, and nothing is done for it.
WAITING = frozenset({State.PAUSED, State.RETRYING, State.BREAKPOINT})


#: What follows a wait without the execution being seen to run in between.
_FROM_WAITS = frozenset({State.KILLING, State.KILLED, State.RESTARTED})


class World(Protocol):
    """Everything the engine may ask for. `step` always holds the task runs as this step has them so far; they count before stored ones."""

    @property
    def now(self) -> datetime:
        """The time of this step, UTC."""

    def new_id(self) -> str:
        """A fresh id for a task run."""

    def chance(self) -> float:
        """A random number of [0, 1)."""

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Ask:
        """Rendering in the scope of a task run."""

    def active(self, execution: str) -> Sequence[TaskRun]:
        """All task runs of the execution that have not ended. Asked only while it is being stopped."""

    def below(self, execution: str, run: str | None) -> Sequence[TaskRun]:
        """All task runs below one, or all of the execution, in the order in which they were made. Asked only when work is done again, or goes on."""

    def standing(self, execution: str, but: Collection[str]) -> frozenset[State]:
        """A state of a task that is under way, if there is one (others may be with it); else those of all that waits. `but` are task runs that do not
        count. Asked only where something waits."""

    def truthy(self, text: str) -> bool:
        """Whether a rendered condition holds."""

    def admission(self, execution: Execution) -> State:
        """What becomes of an execution that would run now, under the limit of its flow: RUNNING, QUEUED, CANCELLED or FAILED."""

    def outputs(self, execution: Execution, step: Mapping[str, TaskRun]) -> Gave:
        """What an execution that ends now gives back. Asked only where its flow has outputs."""


@dataclass(frozen=True, slots=True)
class Gave:
    """The outputs of an execution. `lacks` says why some that must be there have no value, `notices` what else is to be known."""

    values: Mapping[str, Any]
    lacks: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What came of an event. `execution` is None when it did not change; `runs` are the new and the changed ones, `gone` those that are no more. `refusal` says
    why nothing came of what somebody asked for."""

    execution: Execution | None
    runs: tuple[TaskRun, ...] = ()
    commands: tuple[Command, ...] = ()
    gone: tuple[str, ...] = ()
    refusal: str | None = None


@dataclass(slots=True)
class Record:
    """The only thing in the engine that changes. `runs` are those of the path, and those that the step has touched."""

    program: Program
    path: Path
    world: World
    execution: Execution = field(init=False)
    runs: dict[str, TaskRun] = field(init=False)
    changed: dict[str, None] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    refusal: str | None = None
    reopened: bool = False  #: the execution has been opened again, and may have ended again

    def __post_init__(self) -> None:
        self.execution = self.path.execution
        self.runs = {run.id: run for run in self.path.runs}

    def result(self) -> Step:
        """What came of it."""
        if self.refusal is not None:
            return Step(None, refusal=self.refusal)
        execution = None if self.execution is self.path.execution else self.execution
        return Step(execution, tuple(self.runs[id] for id in self.changed), tuple(self.commands), tuple(self.gone))

    @property
    def now(self) -> datetime:
        """The time of this step."""
        return self.world.now

    def node(self, run: TaskRun | None) -> Node:
        """The task of a task run; for None the flow itself, or, once that has ended, what is done after it."""
        if run is None:
            return self.program.after if self.execution.trailing and self.program.after else self.program.root
        return self.program.nodes[run.node]

    def is_leaf(self, run: TaskRun) -> bool:
        """Whether it does something itself."""
        return self.node(run).leaf

    def works(self, run: TaskRun) -> bool:
        """Whether something is done for it outside the engine, and not by its children."""
        return bool(run.calls) or (self.is_leaf(run) and not run.state.terminal)

    def ask(self, run: TaskRun | None) -> Ask:
        """Rendering in its scope."""
        return self.world.ask(self.execution, run, self.runs)

    def put(self, run: TaskRun) -> None:
        """A new task run, or one that has changed."""
        self.runs[run.id] = run
        self.changed[run.id] = None

    def forget(self, run: TaskRun) -> None:
        """A task run that shall not have been."""
        self.runs.pop(run.id, None)
        self.changed.pop(run.id, None)
        self.gone[run.id] = None

    def refuse(self, why: str) -> None:
        """What somebody asked for is not done: the step changes nothing."""
        self.refusal = f"execution {self.execution.id} is {self.execution.state.value}{why}"

    def hold(self, run: TaskRun, kind: str | None) -> None:
        """What has come to a task run is looked at when the execution goes on."""
        held = self.execution.held or ()
        if (run.id, kind) not in held:
            self.execution = replace(self.execution, held=(*held, (run.id, kind)))

    def reopen_execution(self, state: State) -> None:
        """The execution, opened again after its end, or with another end."""
        self.execution = self.execution.reopened(state, self.now)
        self.reopened = self.reopened or not state.terminal
        self.commands.append(Report())

    def move_execution(self, state: State) -> None:
        """The execution, moved on. What ends a wait is seen to run, however short that was."""
        if self.execution.state is state:
            return
        if self.execution.state in WAITING and state not in _FROM_WAITS:
            self.execution = self.execution.to(State.RUNNING, self.now)
        self.execution = self.execution.to(state, self.now)
        self.commands.append(Report())

    def say(self, level: str, message: str, run: TaskRun | None = None) -> None:
        """A line in the log."""
        self.commands.append(Say(level, message, run.id if run else None))

    def through(self, attempt: Attempt, state: State, message: str | None) -> Attempt:
        """The attempt, ended; one that ends without a start shows RUNNING all the same, as every attempt does."""
        if attempt.state is State.CREATED and state not in _WITHOUT_START:
            attempt = attempt.to(State.RUNNING, self.now)
        return attempt if attempt.state.terminal else attempt.to(state, self.now, message=message)

    def ended(self, run: TaskRun, state: State, attempt: Attempt) -> TaskRun:
        """The task run, ended, with the attempt that ended it. A folder that is held for it is held no longer."""
        began = run if run.state not in UNSTARTED or state in _WITHOUT_START else run.to(State.RUNNING, self.now)
        if attempt.holds:
            self.commands.append(DropJob(run.id, attempt.number))
            attempt = replace(attempt, holds=False)
        return began.to(state, self.now).with_attempt(attempt)

    def active(self) -> list[TaskRun]:
        """Task runs still open, those of this step as this step left them."""
        stored = {run.id: run for run in self.world.active(self.execution.id) if run.id not in self.gone}
        return [run for run in (stored | self.runs).values() if not run.state.terminal]

    def below(self, run: TaskRun | None) -> list[TaskRun]:
        """Task runs below one, or all of them, as this step left them."""
        found = [self.runs.get(each.id, each) for each in self.world.below(self.execution.id, run.id if run else None) if each.id not in self.gone]
        known = {each.id for each in found} | ({run.id} if run else {None})
        for each in self.runs.values():
            if each.id not in known and each.parent in known:
                found.append(each)
                known.add(each.id)
        return found


def show(record: Record) -> None:
    """An execution shows what its tasks are doing: RUNNING while one is done, else what they wait for. (Rule: KESTRA.md 3.2, Pause.)"""
    if any(record.runs[id].state in WAITING for id in record.changed) and not record.execution.waited:
        record.execution = replace(record.execution, waited=True)
    if not record.execution.waited or record.execution.state not in (State.RUNNING, *WAITING):
        return
    states = {run.state for run in record.runs.values() if run.state in WAITING or record.works(run)}
    if states <= WAITING:
        states |= record.world.standing(record.execution.id, {*record.runs, *record.gone})
    held = record.execution.held is not None
    if not states <= WAITING or not (states or held):
        record.move_execution(State.RUNNING)
    elif held or states == {State.PAUSED}:
        record.move_execution(State.PAUSED)
    else:
        record.move_execution(State.BREAKPOINT if State.BREAKPOINT in states else State.RETRYING)
