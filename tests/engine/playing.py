"""An execution in memory: `advance` and nothing else. A flow is a list of nodes; `play` gives each task the outcome that a test names."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.engine.advance import advance
from service.engine.commands import Command, DropJob, Report, RunInline, Say, StartJob, StartOver, StopJob, WakeAt
from service.engine.events import Began, Claimed, Due, Ended, Event, Exited, Handed, Killed, Lost, Resumed
from service.engine.execution import Execution, Path, TaskRun
from service.engine.program import Node, Program, RenderFailed
from service.engine.record import WAITING
from service.engine.state import MOVES, Stamp, State
from service.expressions import truthy
from service.flowables import FlowableTask
from service.flowables.allow_failure import AllowFailure
from service.flowables.dag import Dag
from service.flowables.each_parallel import EachParallel
from service.flowables.for_each import ForEach
from service.flowables.if_ import If
from service.flowables.loop_until import LoopUntil
from service.flowables.parallel import Parallel
from service.flowables.pause import Pause
from service.flowables.sequential import Sequential
from service.flowables.switch import Switch
from service.flows.policies import Retry

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OK, FAILED, WARNING, KILLED = State.SUCCESS, State.FAILED, State.WARNING, State.KILLED


def task(id: str, **rest: Any) -> Node:
    """An inline task."""
    return Node(id, "inline", "inline", None, **rest)


def job(id: str, **rest: Any) -> Node:
    """A task for a runner."""
    return Node(id, "runner", "runner", None, **rest)


def served(id: str, **rest: Any) -> Node:
    """A task that the service does itself."""
    return Node(id, "pool", "pool", None, **rest)


def group(id: str, *tasks: Node, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), **rest: Any) -> Node:
    """A Sequential."""
    return flowable(id, Sequential(), *tasks, errors=errors, finally_=finally_, **rest)


def flowable(id: str, model: FlowableTask, *tasks: Node, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), **rest: Any) -> Node:
    """A group of any kind whose children are `tasks`."""
    return Node(id, model.TYPE, "flowable", model, branches=branches(tasks, errors, finally_), **rest)


def allowing(id: str, *tasks: Node, **rest: Any) -> Node:
    """An AllowFailure."""
    return flowable(id, AllowFailure(), *tasks, **rest)


def parallel(id: str, *tasks: Node, concurrent: int = 0, **rest: Any) -> Node:
    """A Parallel."""
    return flowable(id, Parallel(concurrent=concurrent), *tasks, **rest)


def dag(id: str, *tasks: Node, concurrent: int = 0, **rest: Any) -> Node:
    """A Dag; its tasks say themselves on what they depend."""
    return flowable(id, Dag(concurrent=concurrent), *tasks, **rest)


def for_each(id: str, values: Any, *tasks: Node, limit: int = 1, **rest: Any) -> Node:
    """A ForEach."""
    return flowable(id, ForEach.model_construct(values=values, concurrency_limit=limit), *tasks, **rest)


def each_parallel(id: str, values: Any, *tasks: Node, concurrent: int = 0, **rest: Any) -> Node:
    """An EachParallel."""
    return flowable(id, EachParallel.model_construct(value=values, concurrent=concurrent), *tasks, **rest)


def loop_until(id: str, condition: str, *tasks: Node, fails: bool = False, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), **limits: Any) -> Node:
    """A LoopUntil."""
    model = LoopUntil.model_validate({"condition": condition, "failOnMaxReached": fails, "checkFrequency": limits})
    return flowable(id, model, *tasks, errors=errors, finally_=finally_)


def pause(
    id: str,
    *tasks: Node,
    on_pause: Node | None = None,
    errors: Sequence[Node] = (),
    finally_: Sequence[Node] = (),
    timeout: str | None = None,
    allow_failure: bool = False,
    **properties: Any,
) -> Node:
    """A Pause."""
    lists = branches(tasks, errors, finally_) | ({"onPause": (on_pause,)} if on_pause else {})
    return Node(id, Pause.TYPE, "flowable", Pause.model_validate(properties), branches=lists, timeout=timeout, allow_failure=allow_failure)


def choice(id: str, condition: str, then: Sequence[Node], otherwise: Sequence[Node] = (), **rest: Any) -> Node:
    """An If."""
    lists = {"then": tuple(then), **({"else": tuple(otherwise)} if otherwise else {}), **branches((), **rest)}
    return Node(id, If.TYPE, "flowable", If(condition=condition), branches={name: nodes for name, nodes in lists.items() if nodes})


def switch(id: str, value: str, cases: Mapping[str, Sequence[Node]], defaults: Sequence[Node] = (), **rest: Any) -> Node:
    """A Switch."""
    lists = {**{f"cases.{name}": tuple(nodes) for name, nodes in cases.items()}, "defaults": tuple(defaults), **branches((), **rest)}
    return Node(id, Switch.TYPE, "flowable", Switch(value=value), branches={name: nodes for name, nodes in lists.items() if nodes})


def branches(tasks: Sequence[Node], errors: Sequence[Node] = (), finally_: Sequence[Node] = ()) -> dict[str, tuple[Node, ...]]:
    named = {"tasks": tuple(tasks), "errors": tuple(errors), "finally": tuple(finally_)}
    return {name: nodes for name, nodes in named.items() if nodes or name == "tasks"}


def retry(attempts: int | None = 2, seconds: float = 60, **rest: Any) -> Retry:
    """A constant retry."""
    return Retry(type="constant", interval=timedelta(seconds=seconds), max_attempts=attempts, **rest)


def flow(*tasks: Node, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), retry: Retry | None = None) -> Program:
    """A whole flow."""
    return Program.of(Node("", "flow", "flowable", None, branches=branches(tasks, errors, finally_), retry=retry))


class _Ask:
    """Renders the names of tasks to their output `value`, and `broken` not at all."""

    def __init__(self, outputs: Mapping[str, Mapping[str, Any]], kept: Any, now: datetime) -> None:
        self._outputs, self._kept, self.now = outputs, kept, now

    def text(self, template: str) -> str:
        if template == "broken":
            raise RenderFailed("f.yml:1:1: no such variable")
        return str(self._outputs.get(template, {}).get("value", template))

    def typed(self, value: Any) -> Any:
        if value == "broken":
            raise RenderFailed("f.yml:1:1: no such variable")
        return value

    def kept(self) -> Any:
        return self._kept


@dataclass
class Play:
    """One execution. `events` holds what it has been told; commands that are not carried out yet wait in `todo`."""

    program: Program
    execution: Execution = field(default_factory=lambda: Execution("e", "main", "t", "f", 1, (Stamp(State.CREATED, START),)))
    runs: dict[str, TaskRun] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    stops: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    reports: int = 0
    made: int = 0
    todo: deque[str] = field(default_factory=deque)
    kept: dict[str, Any] = field(default_factory=dict)
    timers: list[WakeAt] = field(default_factory=list)
    started_over: list[datetime] = field(default_factory=list)
    now: datetime = START

    # the engine's world

    def new_id(self) -> str:
        self.made += 1
        return f"run{self.made}"

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> _Ask:
        known = step.get(run.id) if run else None
        kept = known.keep if known and known.keep is not None else self.kept.get(run.id) if run else None
        return _Ask({task.node: task.outputs or {} for task in (self.runs | dict(step)).values()}, kept, self.now)

    def active(self, execution: str) -> Sequence[TaskRun]:
        return [run for run in self.runs.values() if not run.state.terminal]

    def below(self, execution: str, run: str | None) -> Sequence[TaskRun]:
        return [each for each in self.runs.values() if run is None or run in self._above(each)]

    def standing(self, execution: str, but: Collection[str]) -> frozenset[State]:
        runs = [run for run in self.active("") if run.id not in but]
        return frozenset(run.state for run in runs if run.state in WAITING or self.program.nodes[run.node].runs != "flowable")

    def chance(self) -> float:
        return 0.5

    def truthy(self, text: str) -> bool:
        return truthy(text)

    # what a test does

    def hear(self, event: Event, task: str | None = None) -> list[Command]:
        """One event; gives what the engine wants done, and keeps it. Checks what holds for every step."""
        self.now += timedelta(seconds=1)
        before = self.execution, dict(self.runs)
        step = advance(self.program, self._path(task), event, self)
        self.execution = step.execution or self.execution
        self.runs = {id: run for id, run in (self.runs | {run.id: run for run in step.runs}).items() if id not in step.gone}
        self.kept |= {run.id: run.keep for run in step.runs if run.keep is not None}
        for command in step.commands:
            self._carry_out(command)
        self._check(*before)
        return list(step.commands)

    def begin(self) -> Play:
        """Starts."""
        self.hear(Began())
        return self

    def claim(self, task: str) -> Play:
        """A runner takes the task's attempt."""
        self.hear(Claimed(self.run(task).attempt.number, "runner-1"), task)
        return self

    def end(self, task: str, state: State = OK, message: str | None = None, **outputs: Any) -> Play:
        """The task's attempt ends."""
        self.jobs.pop(task, None)
        self.hear(Ended(self.run(task).attempt.number, state, outputs, message), task)
        return self

    def exit(self, task: str, state: State = OK) -> Play:
        """The task ends the execution."""
        self.jobs.pop(task, None)
        self.hear(Exited(self.run(task).attempt.number, state), task)
        return self

    def hand(self, task: str) -> Play:
        """An inline task turns out to be work for a runner."""
        self.hear(Handed(self.run(task).attempt.number), task)
        return self

    def lose(self, task: str) -> Play:
        """The runner of the task's attempt goes silent."""
        self.jobs.pop(task, None)
        self.hear(Lost(self.run(task).attempt.number, "silent"), task)
        return self

    def hand_back(self, task: str) -> Play:
        """The runner of the task's attempt is shut down."""
        self.jobs.pop(task, None)
        self.hear(Lost(self.run(task).attempt.number, "shut down", counts=False), task)
        return self

    def due(self) -> Play:
        """The next timer comes."""
        timer = min(self.timers, key=lambda each: each.when)
        self.timers.remove(timer)
        self.now = max(self.now, timer.when)
        if timer.task_run is None or timer.task_run in self.runs:
            self.hear(Due(timer.kind), timer.task_run)
        return self

    def resume(self, task: str, by: str = "ann", **given: Any) -> Play:
        """Somebody lets a paused task go on."""
        self.hear(Resumed(given, by), task)
        return self

    def kill(self) -> Play:
        """Somebody wants it stopped."""
        self.hear(Killed("ann"))
        return self

    # what a test sees

    def run(self, task: str) -> TaskRun:
        """The last task run of a task; in loops with its values, as `a[x]`."""
        return [run for run in self.runs.values() if task in (run.node, name(run), run.id)][-1]

    @property
    def state(self) -> State:
        return self.execution.state

    @property
    def states(self) -> dict[str, str]:
        """The tasks in the order in which they were started."""
        return {name(run): run.state.value for run in self.runs.values()}

    def history(self, task: str) -> list[str]:
        return [stamp.state.value for stamp in self.run(task).history]

    def _above(self, run: TaskRun) -> list[str]:
        """The task runs around one, nearest first."""
        found: list[str] = []
        while run.parent is not None:
            found.append(run.parent)
            run = self.runs[run.parent]
        return found

    def _path(self, task: str | None) -> Path:
        chain: list[TaskRun] = []
        at: str | None = self.run(task).id if task else None
        while at is not None:
            chain.insert(0, self.runs[at])
            at = self.runs[at].parent
        return Path(self.execution, tuple(chain))

    def _carry_out(self, command: Command) -> None:
        match command:
            case RunInline(run):
                self.started.append(name(self.runs[run]))
                self.todo.append(name(self.runs[run]))
            case StartJob(run, attempt):
                assert self.runs[run].attempt.number == attempt
                self.started.append(name(self.runs[run]))
                self.jobs[name(self.runs[run])] = attempt
            case StopJob(run, _):
                self.stops.append(name(self.runs[run]))
            case DropJob(run, _):
                self.jobs.pop(name(self.runs[run]), None)
            case WakeAt():
                self.timers.append(command)
            case StartOver(when):
                self.started_over.append(when)
            case Say(level, message, _):
                self.said.append((level, message))
            case Report():
                self.reports += 1

    def _check(self, execution: Execution, runs: Mapping[str, TaskRun]) -> None:
        """Terminal is terminal, histories only grow by listed moves, and what has ended has an ended attempt."""
        _check_history(execution.history, self.execution.history)
        for run in self.runs.values():
            old = runs.get(run.id)
            if old is run:
                continue
            _check_history(old.history if old else (), run.history)
            assert run.state.terminal == run.attempt.state.terminal or run.state is State.RETRYING, run
            assert all(attempt.state.terminal for attempt in run.attempts[:-1])
            assert old is None or not old.state.terminal or old == run
        if self.state.terminal:
            assert all(run.state.terminal for run in self.runs.values())


def name(run: TaskRun) -> str:
    """A task run as tests call it."""
    return run.node + "".join(f"[{value}]" for value in run.values)


def _check_history(old: tuple[Stamp, ...], new: tuple[Stamp, ...]) -> None:
    assert new[: len(old)] == old
    for first, second in zip(new, new[1:], strict=False):
        assert second.state in MOVES[first.state]
        assert second.date >= first.date


def play(program: Program, results: Mapping[str, State | Sequence[State]] | None = None) -> Play:
    """Runs a flow to its end; tasks that `results` does not name end well. Of a list each attempt gets its own, and the last stands for all further ones."""
    played = Play(program).begin()
    left = {task: [ends] if isinstance(ends, State) else list(ends) for task, ends in (results or {}).items()}
    while played.todo or played.jobs or (played.timers and not played.state.terminal):
        if not played.todo and not played.jobs:
            played.due()
            continue
        if played.todo:
            node = played.todo.popleft()
        else:
            node = next(iter(played.jobs))
            played.claim(node)
        ends = left.get(node, [OK])
        played.end(node, ends.pop(0) if len(ends) > 1 else ends[0])
    return played
