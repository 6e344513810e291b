"""A batch of events: heard, advanced and rendered outside any transaction, then stored in one.

Inline tasks run here, between two steps of the engine, so that their effect and the state that follows from it are one fact. Nothing in a
batch is visible until `store` has committed; a batch that can't be stored is thrown away and heard again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.actions import reports
from service.actions.files import Whose
from service.actions.kit import Kit
from service.actions.places import of_task
from service.actions.reach import Reach
from service.actions.results import Fresh, Results, Stored
from service.actions.scope import Rendering, of_execution
from service.engine import events as heard
from service.engine.advance import Step, advance
from service.engine.commands import Command, DropJob, Report, RunInline, Say, StartJob, StopJob, WakeAt
from service.engine.execution import Execution, Path, TaskRun
from service.engine.program import Node, Program, RenderFailed
from service.engine.state import State
from service.errors import Bug
from service.expressions import truthy
from service.store import events, executions, jobs, logs
from service.store.codec import new_id, to_json
from service.store.database import Session
from service.store.events import Waiting
from service.store.executions import OUTPUT_LIMIT, Row
from service.store.logs import Line
from service.tasks import Done, Wait

#: Inline tasks that one event may run before the rest waits for the next batch: nobody waits behind a long flow.
INLINE_BUDGET = 500

_SLEEP = "sleep"
_EMPTY = Program.of(Node("", "", "flowable", None))


@dataclass(slots=True)
class _Case:
    """An execution as this batch has it so far."""

    row: Row
    program: Program
    execution: Execution
    position: int
    runs: dict[str, TaskRun] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    fresh_runs: Fresh = field(default_factory=Fresh)
    stored: Stored | None = None
    reported: bool = False


class Batch:
    """Events of one tick, and what came of them. Used by one thread, once. `over` says when the rest of the inline tasks must wait for another batch: the
    templates of one may take as long as a thousand others."""

    def __init__(self, kit: Kit, session: Session, now: datetime, over: Callable[[], bool] = lambda: False) -> None:
        self._kit, self._session, self.now, self._over = kit, session, now, over
        self._cases: dict[str, _Case] = {}
        self._heard: list[Waiting] = []
        self._lines: list[tuple[str, str, str, int, Line]] = []
        self._jobs: list[tuple[str, StartJob | StopJob | DropJob]] = []
        self._timers: list[tuple[str, str, str, float]] = []
        self._later: list[tuple[str, str]] = []

    # hearing

    def hear(self, waiting: Waiting) -> None:
        """One event and all that follows from it at once."""
        if waiting.event is None:
            raise Bug(f"event {waiting.id} of execution {waiting.execution} can't be read by this version")
        self._heard.append(waiting)
        case = self._case(waiting.execution)
        if case is None or case.execution.state.terminal:
            return
        if isinstance(waiting.event, heard.Due) and waiting.event.kind == "inline" and waiting.task_run:
            self._run_all(case, deque([RunInline(waiting.task_run)]))
        else:
            self._run_all(case, self._advance(case, waiting.task_run, waiting.event))

    def _run_all(self, case: _Case, todo: deque[RunInline]) -> None:
        for _ in range(INLINE_BUDGET):
            if not todo:
                return
            command = todo.popleft()
            event = self._inline(case, command.task_run)
            if event is not None:
                todo.extend(self._advance(case, command.task_run, event))
            if self._over():
                break
        self._later.extend((case.execution.id, command.task_run) for command in todo)

    def _advance(self, case: _Case, task_run: str | None, event: heard.Event) -> deque[RunInline]:
        step = advance(case.program, self._path(case, task_run), event, _World(self, case))
        self._merge(case, step)
        inline: deque[RunInline] = deque()
        for command in step.commands:
            if isinstance(command, RunInline):
                inline.append(command)
            else:
                self._note(case, command)
        return inline

    def _merge(self, case: _Case, step: Step) -> None:
        if step.execution is not None:
            case.execution = step.execution
        for run in step.runs:
            if run.id in case.fresh and run.id not in case.new:
                case.position += 1
                case.new[run.id] = case.position
            case.runs[run.id] = run
            case.changed[run.id] = None
            case.fresh_runs.put(run)

    def _note(self, case: _Case, command: Command) -> None:
        match command:
            case StartJob() | StopJob() | DropJob():
                self._jobs.append((case.execution.id, command))
            case WakeAt(run, kind, when):
                self._timers.append((case.execution.id, run, kind, when.timestamp()))
            case Say(level, message, run):
                self._say(case, run, level, message)
            case Report():
                case.reported = True
            case RunInline():
                raise Bug("inline tasks are run, not noted")

    def _say(self, case: _Case, run: str | None, level: str, message: str) -> None:
        task = case.runs[run].node if run else ""
        attempt = len(case.runs[run].attempts) if run else 0
        self._lines.append((case.execution.id, run or "", task, attempt, Line(self.now, level, self._kit.masker.text(message))))

    # inline tasks

    def _inline(self, case: _Case, task_run: str) -> heard.Event | None:
        """Runs one; None when it waits for a timer or is over already."""
        run = self._path(case, task_run).runs[-1]
        if run.state.terminal:
            return None
        node, attempt = case.program.nodes[run.node], run.attempt.number
        ask = _InlineAsk(self, case, run)
        try:
            came = node.model.run(ask)
        except RenderFailed as failure:
            return heard.Ended(attempt, State.FAILED, message=self._kit.masker.text(str(failure)))
        if isinstance(came, Wait):
            self._timers.append((case.execution.id, run.id, _SLEEP, (self.now + came.duration).timestamp()))
            return None
        return self._ended(attempt, came, ask)

    def _ended(self, attempt: int, done: Done, ask: _InlineAsk) -> heard.Event:
        size = len(to_json(done.outputs))
        if size > OUTPUT_LIMIT:
            return heard.Ended(attempt, State.FAILED, message=f"outputs are {size:,} bytes of JSON; the limit is {OUTPUT_LIMIT:,}")
        # As with a runner's outcome: no secret is stored with a task run.
        return heard.Ended(attempt, done.state, ask.masked(dict(done.outputs)), ask.masked(done.message))

    # what the batch knows

    def _case(self, id: str) -> _Case | None:
        if id not in self._cases:
            row = executions.get(self._session, id)
            if row is None:
                return None
            program = self._program(row)
            case = _Case(row, program or _EMPTY, row.execution, executions.last_position(self._session, id))
            self._cases[id] = case
            if program is None and not row.execution.state.terminal:
                self._unreadable(case)
        return self._cases[id]

    def _program(self, row: Row) -> Program | None:
        flow = self._kit.reader.revision(self._session, row.flow, row.execution.revision).flow
        return None if flow is None else flow.program

    def _unreadable(self, case: _Case) -> None:
        """A revision that an older Headgate accepted and this one does not: the execution ends, and says why."""
        self._end(case, "this version of Headgate can't read the flow's revision any more; push a corrected file and start it again")

    def end(self, waiting: Waiting, reason: str) -> None:
        """Ends an execution whose event can't be dealt with."""
        self._heard.append(waiting)
        case = self._case(waiting.execution)
        if case is not None and not case.execution.state.terminal:
            self._end(case, reason)

    def _end(self, case: _Case, reason: str) -> None:
        """Ends an execution from outside the engine, and whatever of it is open."""
        state = State.FAILED if case.execution.state is not State.KILLING else State.KILLED
        case.execution, case.reported = case.execution.to(state, self.now), True
        for run in self._active(case):
            self._jobs.append((case.execution.id, DropJob(run.id, run.attempt.number)))
            case.runs[run.id] = run.to(state, self.now).with_attempt(run.attempt.to(state, self.now))
            case.changed[run.id] = None
        self._say(case, None, "ERROR", reason)

    def _path(self, case: _Case, task_run: str | None) -> Path:
        """The task run with its ancestors, as this batch left them."""
        chain: list[TaskRun] = []
        while task_run is not None:
            if task_run not in case.runs:
                stored = executions.path(self._session, case.row, task_run).runs
                for run in stored:
                    case.runs.setdefault(run.id, run)
                if task_run not in case.runs:
                    break
            chain.append(case.runs[task_run])
            task_run = case.runs[task_run].parent
        return Path(case.execution, tuple(reversed(chain)))

    def _active(self, case: _Case) -> Sequence[TaskRun]:
        found = {run.id: run for run in executions.active(self._session, case.execution.id)}
        return [run for run in (found | case.runs).values() if not run.state.terminal]

    def _rendering(self, case: _Case, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Rendering:
        node = case.program.nodes[run.node] if run else None
        case.stored = case.stored or Stored(self._session, case.execution.id)
        results = Results(case.stored, case.fresh_runs, step)
        scope = of_execution(self._kit, execution, node, self._lineage(case, run, step), results)
        whose = Whose(execution.environment, execution.namespace, execution.flow, execution.id, execution.pin)
        reach = Reach(self._kit, whose, lambda: nullcontext(self._session), lambda: self.now, unstored=lambda: self._unstored(case))
        return Rendering(self._kit, scope, reach, of_task(execution, node, lambda: self._source(case.row)))

    def _lineage(self, case: _Case, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Sequence[TaskRun]:
        """A task run with those around it, as the step that is being made has them."""
        lineage = [run] if run else []
        while lineage and lineage[-1].parent is not None:
            id = lineage[-1].parent
            above = step.get(id) or next(iter(self._path(case, id).runs[-1:]), None)
            if above is None:
                break
            lineage.append(above)
        return lineage[::-1]

    def _unstored(self, case: _Case) -> Iterator[tuple[str, str, int, Line]]:
        """What this batch has logged of an execution."""
        return ((run, task, attempt, line) for id, run, task, attempt, line in self._lines if id == case.execution.id)

    def _source(self, row: Row) -> str:
        flow = self._kit.reader.revision(self._session, row.flow, row.execution.revision).flow
        return flow.source if flow else ""

    # storing

    def store(self, session: Session) -> None:
        """Everything at once; to be run as one action of the writer."""
        for case in self._cases.values():
            self._store_case(session, case)
        for execution, command in self._jobs:
            _apply_job(session, execution, command)
        events.wake(session, self._timers)
        for execution, run in self._later:
            events.add(session, execution, run, heard.Due("inline"))
        self._store_lines(session)
        events.remove(session, self._heard)
        for case in self._cases.values():
            if case.reported:
                row = Row(case.execution, case.row.flow, case.row.version, case.row.caused, case.row.created_at)
                reports.execution_moved(session, self._kit, row, self.now.timestamp())

    def _store_case(self, session: Session, case: _Case) -> None:
        if case.execution is not case.row.execution:
            executions.save(session, case.row, case.execution)
        elif case.changed:
            executions.touch(session, case.row)
        new = [(position, case.runs[id]) for id, position in case.new.items()]
        executions.save_runs(session, new, [case.runs[id] for id in case.changed if id not in case.new])

    def _store_lines(self, session: Session) -> None:
        grouped: dict[tuple[str, str, str, int], list[Line]] = {}
        for execution, run, task, attempt, line in self._lines:
            grouped.setdefault((execution, run, task, attempt), []).append(line)
        for (execution, run, task, attempt), lines in grouped.items():
            logs.append(session, execution, run, task, attempt, lines)


def _apply_job(session: Session, execution: str, command: StartJob | StopJob | DropJob) -> None:
    match command:
        case StartJob(run, attempt):
            jobs.queue(session, execution, run, attempt)
        case StopJob(run, attempt):
            jobs.stop(session, run, attempt)
        case DropJob(run, attempt):
            jobs.drop(session, run, attempt)


class _World:
    """The engine's world, for one execution of the batch."""

    def __init__(self, batch: Batch, case: _Case) -> None:
        self._batch, self._case = batch, case

    @property
    def now(self) -> datetime:
        return self._batch.now

    def new_id(self) -> str:
        id = new_id()
        self._case.fresh.add(id)
        return id

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Rendering:
        return self._batch._rendering(self._case, execution, run, step)  # noqa: SLF001 - one thing in two classes

    def active(self, execution: str) -> Sequence[TaskRun]:
        return self._batch._active(self._case)  # noqa: SLF001 - as above

    def truthy(self, text: str) -> bool:
        return truthy(text)


class _InlineAsk:
    """What an inline task may use."""

    def __init__(self, batch: Batch, case: _Case, run: TaskRun) -> None:
        self._batch, self._case, self._run = batch, case, run
        self._rendering = batch._rendering(case, case.execution, run, {})  # noqa: SLF001 - one thing in two classes
        self._least = logs.LEVELS.get(case.program.nodes[run.node].log_level or "TRACE", 0)

    @property
    def now(self) -> datetime:
        return self._batch.now

    def text(self, template: Any) -> str:
        return self._rendering.text(template)

    def typed(self, value: Any) -> Any:
        return self._rendering.typed(value)

    def log(self, level: str, message: str) -> None:
        if logs.LEVELS.get(level, 2) >= self._least:
            self._batch._say(self._case, self._run.id, level, self.masked(message))  # noqa: SLF001 - as above

    def masked(self, value: Any) -> Any:
        """Without secrets, and without the parts of them that this task rendered."""
        return self._rendering.masked(value)
