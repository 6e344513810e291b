"""The engine: an execution, an event, and what follows.

`advance` is a pure function. It is given the slice of the execution that the event touches and a `World` to ask for the time, new ids and
rendered text; it answers with changed values and with commands. It loads nothing, stores nothing and starts nothing: the executor does,
in one transaction per batch.

How it goes: an agenda of task runs that have just ended is worked off. The parent of each is asked what follows; what it starts is put in
place (flowables begin at once, inline tasks and jobs become commands); what it ends is put on the agenda. There is no recursion, so that a
thousand skipped tasks in a row cost a loop and not a stack. An event for an attempt that is over changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from service.engine import order
from service.engine.commands import Command, DropJob, Report, RunInline, Say, StartJob, StopJob
from service.engine.events import Began, Claimed, Due, Ended, Event, Killed, Lost
from service.engine.execution import Attempt, Execution, Path, TaskRun
from service.engine.program import Ask, Node, Program, RenderFailed, Start, Turn
from service.engine.program import Ended as ChildEnded
from service.engine.state import Stamp, State, worst

#: How often an attempt may be lost with its runner before the task fails: work that takes its runner down is not repeated for ever.
LOST_LIMIT = 3


#: Ends that may follow CREATED directly; any other end shows a RUNNING before it.
_WITHOUT_START = frozenset({State.SKIPPED, State.KILLED})


class World(Protocol):
    """Everything the engine may ask for."""

    @property
    def now(self) -> datetime:
        """The time of this step, UTC."""

    def new_id(self) -> str:
        """A fresh id for a task run."""

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Ask:
        """Rendering in the scope of a task run. `step` holds the task runs as this step has them so far, with the outputs that it brings."""

    def active(self, execution: str) -> Sequence[TaskRun]:
        """All task runs of the execution that have not ended. Asked only while it is being killed."""

    def truthy(self, text: str) -> bool:
        """Whether a rendered condition holds."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of an event. `execution` is None when it did not change; `runs` are the new and the changed ones."""

    execution: Execution | None
    runs: tuple[TaskRun, ...] = ()
    commands: tuple[Command, ...] = ()


def advance(program: Program, path: Path, event: Event, world: World) -> Step:
    """What follows from `event`."""
    step = _Step(program, path, world)
    match event:
        case Began():
            step.begin()
        case Killed(by):
            step.kill(by)
        case _ if not path.runs or path.runs[-1].state.terminal:
            pass
        case Claimed(attempt, runner):
            step.claimed(path.runs[-1], attempt, runner)
        case Ended():
            step.attempt_ended(path.runs[-1], event)
        case Lost():
            step.lost(path.runs[-1], event)
        case Due():
            step.attempt_ended(path.runs[-1], Ended(path.runs[-1].attempt.number, State.SUCCESS))
    return step.result()


@dataclass(slots=True)
class _Step:
    """The step in the making: the only thing here that changes."""

    program: Program
    path: Path
    world: World
    execution: Execution = field(init=False)
    runs: dict[str, TaskRun] = field(init=False)
    changed: dict[str, None] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    agenda: deque[TaskRun] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.execution = self.path.execution
        self.runs = {run.id: run for run in self.path.runs}

    def result(self) -> Step:
        self._work_off()
        execution = None if self.execution is self.path.execution else self.execution
        return Step(execution, tuple(self.runs[id] for id in self.changed), tuple(self.commands))

    # events

    def begin(self) -> None:
        if self.execution.state is State.CREATED:
            self._move_execution(State.RUNNING)
            self._take(None, order.begin(self.program.root))

    def claimed(self, run: TaskRun, attempt: int, runner: str) -> None:
        if run.attempt.number == attempt and run.attempt.state is State.CREATED:
            tried = run.attempt.to(State.RUNNING, self.world.now, runner=runner)
            self._put(run.to(State.RUNNING, self.world.now).with_attempt(tried))

    def attempt_ended(self, run: TaskRun, event: Ended) -> None:
        if run.attempt.number != event.attempt or run.attempt.state.terminal:
            return
        if self.execution.state is State.KILLING:
            event = Ended(event.attempt, State.KILLED, event.outputs, event.message)
        self._close(run, event.state, event.message, event.outputs)

    def lost(self, run: TaskRun, event: Lost) -> None:
        if run.attempt.number != event.attempt or run.attempt.state.terminal:
            return
        if self.execution.state is State.KILLING:
            self._close(run, State.KILLED, event.message, {})
            return
        self.commands.append(Say("WARN", f"Attempt {event.attempt} {'is lost' if event.counts else 'was handed back'}: {event.message}", run.id))
        if event.counts and sum(tried.lost for tried in run.attempts) + 1 >= LOST_LIMIT:
            self._close(run, State.FAILED, f"lost {LOST_LIMIT} times with its runner; not tried again", {})
            return
        tried = self._through(run.attempt, State.FAILED, event.message)
        again = run.with_attempt(replace(tried, lost=event.counts)).opened(self.world.now)
        self._put(again)
        self.commands.append(StartJob(again.id, again.attempt.number))

    def kill(self, by: str) -> None:
        if self.execution.state.terminal or self.execution.state is State.KILLING:
            return
        never_began = self.execution.state in (State.CREATED, State.QUEUED)
        self._move_execution(State.KILLED if never_began else State.KILLING)
        self.commands.append(Say("WARN", f"Killed by {by}"))
        for run in self._active_leaves():
            if run.attempt.state is State.RUNNING and self.program.nodes[run.node].runs == "runner":
                self.commands.append(StopJob(run.id, run.attempt.number))
            else:
                self.commands.append(DropJob(run.id, run.attempt.number))
                self._close(run, State.KILLED, None, {})
        self._end_kill_when_quiet()

    # what follows

    def _work_off(self) -> None:
        while self.agenda:
            run = self.agenda.popleft()
            if self.execution.state is State.KILLING:
                self.agenda.clear()
                self._end_kill_when_quiet()
            elif not self.execution.state.terminal:
                self._follow(run)

    def _follow(self, run: TaskRun) -> None:
        child = ChildEnded(self.program.nodes[run.node], run.state, run.value, run.iteration)
        parent = self.runs.get(run.parent) if run.parent else None
        if parent is None:
            self._take(None, order.follow(self.program.root, self.execution.memory, child))
            return
        node = self.program.nodes[parent.node]
        self._decide(parent, lambda ask: node.model.follow(node, parent.memory, child, ask))

    def _decide(self, run: TaskRun, question: Any) -> None:
        try:
            turn = question(self.world.ask(self.execution, run, self.runs))
        except RenderFailed as failure:
            self._close(run, State.FAILED, str(failure), {})
        else:
            self._take(run, turn)

    def _take(self, parent: TaskRun | None, turn: Turn) -> None:
        """Puts a flowable's answer in place; `parent` None is the flow itself."""
        if parent is None:
            self.execution = replace(self.execution, memory=turn.memory)
        else:
            known = self.runs[parent.id]
            parent = replace(known, memory=turn.memory, outputs=turn.outputs or known.outputs, keep=known.keep if turn.keep is None else turn.keep)
            self._put(parent)
        for start in turn.start:
            self._start(parent, start)
        if turn.end is None:
            return
        if parent is None:
            self._move_execution(turn.end)
        else:
            self._close(parent, turn.end, turn.message, turn.outputs)

    def _start(self, parent: TaskRun | None, start: Start) -> None:
        now, node = self.world.now, start.node
        run = TaskRun(
            self.world.new_id(),
            self.execution.id,
            node.id,
            parent.id if parent else None,
            (Stamp(State.CREATED, now),),
            value=start.value,
            iteration=start.iteration,
            values=(*(parent.values if parent else ()), *(() if start.value is None else (start.value,))),
        ).opened(now)
        self._put(run)
        if self._wanted(run, node):
            self._launch(run, node)

    def _wanted(self, run: TaskRun, node: Node) -> bool:
        if node.run_if is None:
            return True
        try:
            wanted = self.world.truthy(self.world.ask(self.execution, run, self.runs).text(node.run_if))
        except RenderFailed as failure:
            self._close(run, State.FAILED, str(failure), {})
            return False
        if not wanted:
            self._close(run, State.SKIPPED, None, {})
        return wanted

    def _launch(self, run: TaskRun, node: Node) -> None:
        if node.runs == "runner":
            self.commands.append(StartJob(run.id, run.attempt.number))
            return
        now = self.world.now
        run = run.to(State.RUNNING, now).with_attempt(run.attempt.to(State.RUNNING, now))
        self._put(run)
        if node.runs == "flowable":
            self._decide(run, lambda ask: node.model.begin(node, ask))
        else:
            self.commands.append(RunInline(run.id))

    # ends

    def _close(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """Ends the attempt and the task run with it; the parent hears of it from the agenda."""
        node, now = self.program.nodes[run.node], self.world.now
        run = self.runs.get(run.id, run)
        if message and state in (State.FAILED, State.WARNING):
            self.commands.append(Say("ERROR" if state is State.FAILED else "WARN", message, run.id))
        attempt = self._through(run.attempt, state, message)
        final = _mapped(state, node)
        began = run if run.state is not State.CREATED or final in _WITHOUT_START else run.to(State.RUNNING, now)
        run = began.to(final, now).with_attempt(attempt)
        self._put(replace(run, outputs=dict(outputs) if outputs else run.outputs))
        self.agenda.append(self.runs[run.id])

    def _through(self, attempt: Attempt, state: State, message: str | None) -> Attempt:
        """The attempt, ended; one that ends without a start shows RUNNING all the same, as every attempt does."""
        if attempt.state is State.CREATED and state not in _WITHOUT_START:
            attempt = attempt.to(State.RUNNING, self.world.now)
        return attempt.to(state, self.world.now, message=message)

    def _active(self) -> list[TaskRun]:
        """Task runs still open, those of this step as this step left them."""
        stored = {run.id: run for run in self.world.active(self.execution.id)}
        return [run for run in (stored | self.runs).values() if not run.state.terminal]

    def _active_leaves(self) -> list[TaskRun]:
        return [run for run in self._active() if self.program.nodes[run.node].runs != "flowable"]

    def _end_kill_when_quiet(self) -> None:
        if self.execution.state is not State.KILLING or self._active_leaves():
            return
        now = self.world.now
        for run in self._active():
            self._put(run.to(State.KILLED, now).with_attempt(run.attempt.to(State.KILLED, now)))
        self._move_execution(State.KILLED)

    # bookkeeping

    def _put(self, run: TaskRun) -> None:
        self.runs[run.id] = run
        self.changed[run.id] = None

    def _move_execution(self, state: State) -> None:
        self.execution = self.execution.to(state, self.world.now)
        self.commands.append(Report())


def _mapped(state: State, node: Node) -> State:
    """`allowFailure` and `allowWarning` (KESTRA.md 2.2, rules 3 and 4)."""
    if state is State.FAILED and node.allow_failure:
        state = State.WARNING
    if state is State.WARNING and node.allow_warning:
        state = State.SUCCESS
    return worst(state) if state is not State.SKIPPED else state
