"""An execution in memory: `advance` and nothing else. A flow is a list of nodes; `play` gives each task the outcome that a test names."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.engine.advance import advance
from service.engine.commands import Command, Copy, DropJob, Report, RunInline, Say, StartChild, StartJob, StartOver, StopChildren, StopJob, Unwake, WakeAt
from service.engine.events import (
    Asked,
    Began,
    ChildMoved,
    Claimed,
    Copied,
    Due,
    Ended,
    Event,
    Exited,
    Forced,
    Freed,
    Halted,
    Handed,
    Killed,
    Lost,
    Opened,
    Passed,
    Replayed,
    Restarted,
    Resumed,
    StateSet,
    Unqueued,
)
from service.engine.execution import Execution, Path, TaskRun
from service.engine.program import AFTER, Call, Node, Program, RenderFailed, Watch
from service.engine.record import WAITING, Gave, Step
from service.engine.state import MOVES, REOPENED, Stamp, State
from service.expressions import truthy
from service.flowables import FlowableTask
from service.flowables.allow_failure import AllowFailure
from service.flowables.approval import Approval
from service.flowables.dag import Dag
from service.flowables.each_parallel import EachParallel
from service.flowables.for_each import ForEach
from service.flowables.if_ import If
from service.flowables.loop import Loop
from service.flowables.loop_until import LoopUntil
from service.flowables.parallel import Parallel
from service.flowables.pause import Pause
from service.flowables.sequential import Sequential
from service.flowables.subflow import Subflow
from service.flowables.switch import Switch
from service.flowables.working_directory import WorkingDirectory
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


def approval(
    id: str,
    on_wait: Sequence[Node] = (),
    on_approve: Sequence[Node] = (),
    on_deny: Sequence[Node] = (),
    errors: Sequence[Node] = (),
    finally_: Sequence[Node] = (),
    timeout: str | None = None,
    **properties: Any,
) -> Node:
    """An Approval."""
    named = {"onWait": on_wait, "onApprove": on_approve, "onDeny": on_deny, "errors": errors, "finally": finally_}
    lists = {name: tuple(nodes) for name, nodes in named.items() if nodes}
    return Node(id, Approval.TYPE, "flowable", Approval.model_validate(properties), branches=lists, timeout=timeout)


def together(id: str, *tasks: Node, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), output: Sequence[str] = (), **rest: Any) -> Node:
    """A WorkingDirectory."""
    return flowable(id, WorkingDirectory(output_files=list(output) or None), *tasks, errors=errors, finally_=finally_, **rest)


def choice(id: str, condition: str, then: Sequence[Node], otherwise: Sequence[Node] = (), **rest: Any) -> Node:
    """An If."""
    lists = {"then": tuple(then), **({"else": tuple(otherwise)} if otherwise else {}), **branches((), **rest)}
    return Node(id, If.TYPE, "flowable", If(condition=condition), branches={name: nodes for name, nodes in lists.items() if nodes})


def switch(id: str, value: str, cases: Mapping[str, Sequence[Node]], defaults: Sequence[Node] = (), **rest: Any) -> Node:
    """A Switch."""
    lists = {**{f"cases.{name}": tuple(nodes) for name, nodes in cases.items()}, "defaults": tuple(defaults), **branches((), **rest)}
    return Node(id, Switch.TYPE, "flowable", Switch(value=value), branches={name: nodes for name, nodes in lists.items() if nodes})


def subflow(id: str, transmits: bool = True, waits: bool = True, gives: Any = None, **rest: Any) -> Node:
    """A Subflow."""
    model = Subflow.model_construct(namespace="t", flow_id="sub", transmit_failed=transmits, wait=waits, outputs=gives)
    return Node(id, Subflow.TYPE, "flowable", model, **rest)


def loop(id: str, values: Any, *tasks: Node, limit: int = 0, transmits: bool = True, breaks: str | None = None, **rest: Any) -> Node:
    """A Loop; its tasks are done in executions of their own."""
    return flowable(id, Loop.model_construct(values=values, concurrency_limit=limit, transmit_failed=transmits, break_when=breaks), *tasks, **rest)


def branches(tasks: Sequence[Node], errors: Sequence[Node] = (), finally_: Sequence[Node] = ()) -> dict[str, tuple[Node, ...]]:
    named = {"tasks": tuple(tasks), "errors": tuple(errors), "finally": tuple(finally_)}
    return {name: nodes for name, nodes in named.items() if nodes or name == "tasks"}


def retry(attempts: int | None = 2, seconds: float = 60, **rest: Any) -> Retry:
    """A constant retry."""
    return Retry(type="constant", interval=timedelta(seconds=seconds), max_attempts=attempts, **rest)


def flow(  # noqa: PLR0913 - a flow has as many parts
    *tasks: Node,
    errors: Sequence[Node] = (),
    finally_: Sequence[Node] = (),
    after: Sequence[Node] = (),
    retry: Retry | None = None,
    outputs: Sequence[str] = (),
    watches: Sequence[Watch] = (),
) -> Program:
    """A whole flow. `after` is done once it has ended; `outputs` are names."""
    lists = branches(tasks, errors, finally_) | ({AFTER: tuple(after)} if after else {})
    return Program.of(Node("", "flow", "flowable", None, branches=lists, retry=retry), tuple(outputs), tuple(watches))


class _Ask:
    """Renders the names of tasks to their output `value`, and `broken` not at all."""

    def __init__(self, outputs: Mapping[str, Mapping[str, Any]], kept: Any, now: datetime, given: Mapping[int, Mapping[str, Any]] | None = None) -> None:
        self._outputs, self._kept, self.now, self._given = outputs, kept, now, given or {}

    def text(self, template: str) -> str:
        if template == "broken":
            raise RenderFailed("f.yml:1:1: no such variable")
        return str(self._outputs.get(template, {}).get("value", template))

    def typed(self, value: Any) -> Any:
        if value == "broken":
            raise RenderFailed("f.yml:1:1: no such variable")
        return value

    def masked(self, text: str) -> str:
        return text

    def kept(self) -> Any:
        return self._kept

    def with_values(self, **values: Any) -> _Ask:
        """`iteration.state` names the state of the child that has just ended."""
        shown = {f"iteration.{name}": {"value": value} for name, value in values.get("iteration", {}).items()}
        return _Ask({**self._outputs, **shown}, self._kept, self.now, self._given)

    def elsewhere(self, execution: str, value: Any) -> Any:
        return self.typed(value)

    def records(self, uri: str) -> list[Any]:
        return [uri]

    def outputs_beside(self, task: str) -> Mapping[str, Any]:
        return self._outputs.get(task, {})

    def outputs_of_children(self, *, of: str | None = None, fetch: bool = True) -> Mapping[int, Mapping[str, Any]]:
        return {number: given if fetch else {} for number, given in self._given.items() if given}

    def store(self, name: str, rows: Sequence[Any]) -> None:
        pass

    def uri(self, name: str) -> str:
        return f"kestra:///{name}"


@dataclass
class Play:
    """One execution. `events` holds what it has been told; commands that are not carried out yet wait in `todo`. `folders` are those that runners hold or
    are to open: `opening`, `open` or `closing`. `spoiled` is for tests: groups whose folder could not be made, or not be stored."""

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
    called: dict[str, Call] = field(default_factory=dict)
    given: dict[str, dict[int, Mapping[str, Any]]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    waited_for: set[str] = field(default_factory=set)
    folders: dict[str, str] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)
    copies: list[Replayed] = field(default_factory=list)
    refusal: str | None = None
    now: datetime = START
    place: State = State.RUNNING  #: what becomes of it under the limit of its flow
    gives: Gave = field(default_factory=lambda: Gave({}))

    # the engine's world

    def new_id(self) -> str:
        self.made += 1
        return f"run{self.made}"

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> _Ask:
        known = step.get(run.id) if run else None
        kept = known.keep if known and known.keep is not None else self.kept.get(run.id) if run else None
        return _Ask({task.node: task.outputs or {} for task in (self.runs | dict(step)).values()}, kept, self.now, self.given.get(run.id) if run else None)

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

    def admission(self, execution: Execution) -> State:
        return State.QUEUED if self.place in (State.CANCELLED, State.FAILED) and execution.state is State.QUEUED else self.place

    def outputs(self, execution: Execution, step: Mapping[str, TaskRun]) -> Gave:
        assert not execution.state.terminal
        return self.gives

    # what a test does

    def hear(self, event: Event, task: str | None = None) -> list[Command]:
        """One event; gives what the engine wants done, and keeps it. Checks what holds for every step."""
        self.now += timedelta(seconds=1)
        before = self.execution, dict(self.runs)
        step = advance(self.program, self._path(task), event, self)
        self.refusal = step.refusal
        assert step.refusal is None or step == Step(None, refusal=step.refusal)
        self.execution = step.execution or self.execution
        self.runs = {id: run for id, run in (self.runs | {run.id: run for run in step.runs}).items() if id not in step.gone}
        self.names |= {run.id: name(run) for run in step.runs}
        # What is over, or has been forgotten, is not run any more.
        open = {name(run) for run in self.runs.values() if not run.state.terminal}
        self.todo = deque(task for task in self.todo if task in open)
        self.called = {call: each for call, each in self.called.items() if call.partition("#")[0] in open}
        self.waited_for &= self.called.keys()
        self.kept |= {run.id: run.keep for run in step.runs if run.keep is not None}
        for command in step.commands:
            self._carry_out(command)
        self._check(*before, event)
        return list(step.commands)

    def begin(self) -> Play:
        """Starts."""
        self.hear(Began())
        return self

    def claim(self, task: str) -> Play:
        """A runner takes the task's attempt."""
        self.hear(Claimed(self.run(task).attempt.number, "runner-1"), task)
        return self

    def open(self, task: str) -> Play:
        """A runner takes the group's folder, and makes it."""
        self.claim(task)
        self.folders[task] = "open"
        self.hear(Opened(self.run(task).attempt.number), task)
        return self

    def shut(self, task: str, state: State = OK, message: str | None = None, **outputs: Any) -> Play:
        """The group's folder is closed, or could not be made."""
        del self.folders[task]
        self.hear(Ended(self.run(task).attempt.number, state, outputs, message), task)
        return self

    def end(self, task: str, state: State = OK, message: str | None = None, **outputs: Any) -> Play:
        """The task's attempt ends."""
        self.jobs.pop(task, None)
        self.hear(Ended(self.run(task).attempt.number, state, outputs, message), task)
        return self

    def stored(self, call: str) -> Play:
        """The execution that a task calls has been stored."""
        task, _, number = call.partition("#")
        waits = self.called[call].waits
        if waits:
            self.waited_for.add(call)
        else:
            self.called.pop(call)
        self.hear(ChildMoved(self.run(task).attempt.number, int(number), call, State.CREATED, open=waits), task)
        return self

    def refused(self, call: str, why: str = "no such flow") -> Play:
        """The execution that a task calls can't be started."""
        task, _, number = call.partition("#")
        self.called.pop(call)
        self.hear(ChildMoved(self.run(task).attempt.number, int(number), None, FAILED, message=why, open=False), task)
        return self

    def moved(self, call: str, state: State, message: str | None = None, **outputs: Any) -> Play:
        """The execution that a task has called stands so now. `call` is the task run and the number, as `each#2`; its execution is called so, too."""
        task, _, number = call.partition("#")
        if state.terminal:
            self.called.pop(call)
            self.waited_for.discard(call)
            self.given.setdefault(self.run(task).id, {})[int(number or 0)] = outputs
        self.hear(ChildMoved(self.run(task).attempt.number, int(number or 0), call, state, outputs, message, open=not state.terminal), task)
        return self

    def exit(self, task: str, state: State = OK) -> Play:
        """The task ends the execution."""
        self.jobs.pop(task, None)
        self.hear(Exited(self.run(task).attempt.number, state), task)
        return self

    def hand(self, task: str) -> Play:
        """An inline task turns out to be work for a runner."""
        self.begun.discard((self.run(task).id, self.run(task).attempt.number))
        self.hear(Handed(self.run(task).attempt.number), task)
        return self

    def lose(self, task: str) -> Play:
        """The runner of the task's attempt goes silent, or the one that holds the group's folder."""
        self.jobs.pop(task, None)
        self.folders.pop(task, None)
        self.hear(Lost(self.run(task).attempt.number, "silent"), task)
        return self

    def hand_back(self, task: str) -> Play:
        """The runner of the task's attempt is shut down."""
        self.jobs.pop(task, None)
        self.folders.pop(task, None)
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

    def review(self, task: str, decision: str, by: str = "ann", **given: Any) -> Play:
        """Somebody decides."""
        return self.resume(task, by, decision=decision, **given)

    def kill(self, *, cascade: bool = True) -> Play:
        """Somebody wants it stopped."""
        self.hear(Killed("ann", cascade))
        return self

    def force(self) -> Play:
        """Somebody wants it to go on now."""
        self.hear(Forced("ann"))
        return self

    def unqueue(self, state: State = State.RUNNING) -> Play:
        """Somebody takes it out of the queue."""
        self.hear(Unqueued(state, "ann"))
        return self

    def free(self) -> Play:
        """There is a place for it."""
        self.place = State.RUNNING
        self.hear(Freed())
        return self

    def restart(self) -> Play:
        """Somebody wants what failed done again."""
        self.hear(Restarted("ann"))
        return self

    def say_state(self, task: str, state: State) -> Play:
        """Somebody says how a task ended."""
        self.hear(StateSet(state, "ann"), task)
        return self

    def halt(self) -> Play:
        """Somebody pauses the execution."""
        self.hear(Halted("ann"))
        return self

    def unhalt(self) -> Play:
        """Somebody resumes the execution as a whole."""
        self.hear(Resumed({}, "ann"))
        return self

    def pass_on(self, *breakpoints: str) -> Play:
        """Somebody lets it go on from a breakpoint."""
        self.hear(Passed("ann", breakpoints or None))
        return self

    def replayed(self, task: str | None, *breakpoints: str) -> Play:
        """A replay from a task, or of what failed: the executor's copy, begun."""
        run = self.run(task) if task else None
        self.hear(Replayed("ann", "e2", 1, run.id if run else None, failed=task is None), task)
        assert self.refusal is None, self.refusal
        of = self.execution
        opened = of.reopened(State.RESTARTED, self.now) if of.state.terminal else of.to(State.RESTARTED, self.now)
        copy = Play(self.program, replace(opened, id="e2", breakpoints=breakpoints, held=None), now=self.now, made=1000)
        for each in self.runs.values():
            copy.runs[f"c{each.id}"] = replace(each, id=f"c{each.id}", execution="e2", parent=f"c{each.parent}" if each.parent else None)
        copy.kept = {f"c{id}": kept for id, kept in self.kept.items()}
        copy.hear(Copied(), f"c{run.id}" if run else None)
        return copy

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

    @property
    def moves(self) -> list[str]:
        """The execution's states."""
        return [stamp.state.value for stamp in self.execution.history]

    def history(self, task: str) -> list[str]:
        return [stamp.state.value for stamp in self.run(task).history]

    def trailing_runs(self) -> set[str]:
        """The task runs of what is done after the end."""
        after = {node.id for node in self.program.after.walk()} if self.program.after else set()
        return {run.id for run in self.runs.values() if run.node in after}

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
                self._begin_once(self.runs[run])
                self.started.append(name(self.runs[run]))
                self.todo.append(name(self.runs[run]))
            case StartJob() | StopJob() | DropJob():
                self._tell_runners(command)
            case StartChild(run, call):
                self.started.append(f"{name(self.runs[run])}#{call.number}")
                self.called[self.started[-1]] = call
            case StopChildren(run):
                self.stopped.append(name(self.runs[run]))
            case WakeAt() | Unwake():
                self._set_timer(command)
            case Say(level, message):
                self.said.append((level, message))
            case _:
                self._report(command)

    def _begin_once(self, run: TaskRun) -> None:
        """No attempt begins twice."""
        assert (run.id, run.attempt.number) not in self.begun
        self.begun.add((run.id, run.attempt.number))

    def _set_timer(self, command: WakeAt | Unwake) -> None:
        if isinstance(command, WakeAt):
            self.timers.append(command)
        else:
            self.timers = [each for each in self.timers if each.task_run != command.task_run or (each.task_run is None and each.kind != command.kind)]

    def _report(self, command: Command) -> None:
        match command:
            case StartOver(when):
                self.started_over.append(when)
            case Copy(replay):
                self.copies.append(replay)
            case Report():
                self.reports += 1
            case _:
                raise AssertionError(f"a play can't do this: {command}")

    def _tell_runners(self, command: StartJob | StopJob | DropJob) -> None:
        task = self.names[command.task_run]
        match command:
            case StartJob(run, attempt, folder):
                assert self.runs[run].attempt.number == attempt
                if folder == run:
                    assert task not in self.folders
                    self.folders[task] = "opening"
                    return
                assert folder is None or self.folders.get(self.names[folder]) == "open", "there is no folder for it"
                self._begin_once(self.runs[run])
                self.started.append(task)
                self.jobs[task] = attempt
            case StopJob() if task in self.folders:
                self.folders[task] = "closing"
            case StopJob():
                self.stops.append(task)
            case DropJob():
                self.jobs.pop(task, None)
                self.folders.pop(task, None)

    def _check(self, execution: Execution, runs: Mapping[str, TaskRun], event: Event) -> None:
        """Terminal is terminal, histories only grow by listed moves, and what has ended has an ended attempt."""
        _check_history(execution.history, self.execution.history)
        for run in self.runs.values():
            old = runs.get(run.id)
            if old is run:
                continue
            _check_history(old.history if old else (), run.history)
            assert run.state.terminal == run.attempt.state.terminal or run.state is State.RETRYING, run
            assert all(attempt.state.terminal for attempt in run.attempts[:-1])
            assert old is None or not old.state.terminal or old == run or len(run.attempts) > len(old.attempts)
        if self.state.terminal:
            trailing = self.trailing_runs()
            assert trailing or not self.folders, "a folder is held that nobody wants"
            assert all(run.state.terminal for run in self.runs.values() if run.id not in trailing)
            assert self.execution.trailing == any(not self.runs[id].state.terminal for id in trailing)
            assert not execution.state.terminal or self.execution.history == execution.history or isinstance(event, Asked)


def name(run: TaskRun) -> str:
    """A task run as tests call it."""
    return run.node + "".join(f"[{value}]" for value in run.values)


def _check_history(old: tuple[Stamp, ...], new: tuple[Stamp, ...]) -> None:
    assert new[: len(old)] == old
    for first, second in zip(new, new[1:], strict=False):
        assert second.state in (REOPENED if first.state.terminal else MOVES[first.state])
        assert second.date >= first.date


def play(program: Program, results: Mapping[str, State | Sequence[State]] | None = None) -> Play:
    """Runs a flow to its end; tasks that `results` does not name end well. Of a list each attempt gets its own, and the last stands for all further ones."""
    return go(Play(program).begin(), results)


def go(played: Play, results: Mapping[str, State | Sequence[State]] | None = None) -> Play:
    """Runs one that has begun to its end, or until it waits for somebody."""
    left = {task: [ends] if isinstance(ends, State) else list(ends) for task, ends in (results or {}).items()}
    while played.todo or played.jobs or played.folders or (played.timers and not played.state.terminal):
        waiting = next((task for task, state in played.folders.items() if state != "open"), None)
        if waiting is not None:
            (played.open if played.folders[waiting] == "opening" else played.shut)(waiting)
            continue
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
