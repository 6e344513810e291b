"""A batch of events: heard, advanced and rendered outside any transaction, then stored in one.

Inline tasks run here, between two steps of the engine, so that their effect and the state that follows from it are one fact. Nothing in a
batch is visible until `store` has committed; a batch that can't be stored is thrown away and heard again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from service.actions import reports
from service.actions.case import Case, CaseWorld, started_over
from service.actions.inline import Ask, Later
from service.actions.kept import Kept
from service.actions.keys import Written
from service.actions.kit import Kit
from service.engine import events as heard
from service.engine.advance import BEGIN, advance
from service.engine.commands import Command, DropJob, Report, RunInline, Say, StartJob, StartOver, StopJob, WakeAt
from service.engine.program import Node, Program
from service.engine.state import State
from service.errors import Bug
from service.store import caches, events, executions, jobs, logs, metrics
from service.store.database import Session
from service.store.events import Waiting
from service.store.executions import Row
from service.store.logs import Line

#: Inline tasks that one event may run before the rest waits for the next batch: nobody waits behind a long flow.
INLINE_BUDGET = 500

_EMPTY = Program.of(Node("", "", "flowable", None))


class Batch:
    """Events of one tick, and what came of them. Used by one thread, once. `over` says when the rest of the inline tasks must wait for another batch: the
    templates of one may take as long as a thousand others."""

    def __init__(self, kit: Kit, session: Session, now: datetime, kept: Kept, over: Callable[[], bool] = lambda: False) -> None:
        self._kit, self._session, self.now, self._kept, self._over = kit, session, now, kept, over
        self._cases: dict[str, Case] = {}
        self._heard: list[Waiting] = []
        self._jobs: list[tuple[str, StartJob | StopJob | DropJob]] = []
        self._timers: list[tuple[str, str | None, str, float]] = []
        self._later: dict[str, list[str]] = {}
        self._written = Written()

    # hearing

    def hear(self, waiting: Waiting) -> None:
        """One event and all that follows from it at once."""
        if waiting.event is None:
            raise Bug(f"event {waiting.id} of execution {waiting.execution} can't be read by this version")
        self._heard.append(waiting)
        case = self._case(waiting.execution)
        if case is None or case.execution.state.terminal:
            return
        if waiting.task_run and not case.path(waiting.task_run).runs:
            return  # a timer of what has been forgotten since
        if isinstance(waiting.event, heard.Behind):
            self._run_all(case, deque(map(RunInline, waiting.event.task_runs)))
        elif waiting.event == heard.Due("inline") and waiting.task_run:  # of a version before Behind
            self._run_all(case, deque([RunInline(waiting.task_run)]))
        else:
            self._run_all(case, self._advance(case, waiting.task_run, waiting.event))

    def _run_all(self, case: Case, todo: deque[RunInline]) -> None:
        for _ in range(INLINE_BUDGET):
            if not todo:
                return
            command = todo.popleft()
            event = self._inline(case, command.task_run)
            if event is not None:
                todo.extend(self._advance(case, command.task_run, event))
            if self._over():
                break
        if todo:
            self._later.setdefault(case.execution.id, []).extend(command.task_run for command in todo)

    def _advance(self, case: Case, task_run: str | None, event: heard.Event) -> deque[RunInline]:
        step = advance(case.program, case.path(task_run), event, CaseWorld(case, self._source(case)))
        case.take(step)
        inline: deque[RunInline] = deque()
        for command in step.commands:
            if isinstance(command, RunInline):
                inline.append(command)
            else:
                self._note(case, command)
        return inline

    def _note(self, case: Case, command: Command) -> None:
        match command:
            case StartJob() | StopJob() | DropJob():
                self._jobs.append((case.execution.id, command))
            case WakeAt(run, kind, when):
                self._timers.append((case.execution.id, run, kind, when.timestamp()))
            case StartOver(when):
                case.over, case.variables = when, self._variables(case)
            case Say(level, message, run):
                case.say(run, level, message)
            case Report():
                case.reported = True
            case RunInline():
                raise Bug("inline tasks are run, not noted")

    # inline tasks

    def _inline(self, case: Case, task_run: str) -> heard.Event | None:
        """Runs one; None when it waits for a timer or is over already."""
        run = next(iter(case.path(task_run).runs[-1:]), None)
        if run is None or run.state.terminal:
            return None
        came = Ask(case, run, self._source(case)).outcome()
        if isinstance(came, Later):
            self._timers.append((case.execution.id, run.id, came.kind, (self.now + came.duration).timestamp()))
            return None
        return came

    # what the batch knows

    def _case(self, id: str) -> Case | None:
        if id not in self._cases:
            row = executions.get(self._session, id)
            if row is None:
                return None
            program = self._program(row)
            case = self._cases[id] = Case(self._kit, self._session, self.now, self._kept, row, program or _EMPTY, self._written)
            if program is None and not row.execution.state.terminal:
                self._unreadable(case)
        return self._cases[id]

    def _program(self, row: Row) -> Program | None:
        flow = self._kit.reader.revision(self._session, row.flow, row.execution.revision).flow
        return None if flow is None else flow.program

    def _variables(self, case: Case) -> Mapping[str, Any]:
        """Those of the flow, as every execution of it begins with them."""
        flow = self._kit.reader.revision(self._session, case.row.flow, case.row.execution.revision).flow
        return {} if flow is None else flow.variables

    def _source(self, case: Case) -> Callable[[], str]:
        def source() -> str:
            flow = self._kit.reader.revision(self._session, case.row.flow, case.row.execution.revision).flow
            return flow.source if flow else ""

        return source

    def _unreadable(self, case: Case) -> None:
        """A revision that an older Headgate accepted and this one does not: the execution ends, and says why."""
        self._end(case, "this version of Headgate can't read the flow's revision any more; push a corrected file and start it again")

    def end(self, waiting: Waiting, reason: str) -> None:
        """Ends an execution whose event can't be dealt with."""
        self._heard.append(waiting)
        case = self._case(waiting.execution)
        if case is not None and not case.execution.state.terminal:
            self._end(case, reason)

    def _end(self, case: Case, reason: str) -> None:
        """Ends an execution from outside the engine, and whatever of it is open."""
        state = State.FAILED if case.execution.state is not State.KILLING else State.KILLED
        case.execution, case.reported = case.execution.to(state, self.now), True
        for run in case.active():
            self._jobs.append((case.execution.id, DropJob(run.id, run.attempt.number)))
            attempt = run.attempt if run.attempt.state.terminal else run.attempt.to(state, self.now)
            case.put(run.to(state, self.now).with_attempt(attempt))
        case.say(None, "ERROR", reason)

    # storing

    def store(self, session: Session) -> None:
        """Everything at once; to be run as one action of the writer."""
        for case in self._cases.values():
            _store(session, case)
        self._written.store(session, self.now.timestamp())
        for execution, command in self._jobs:
            _apply_job(session, execution, command)
        events.wake(session, self._timers)
        for execution, task_runs in self._later.items():
            events.add(session, execution, None, heard.Behind(task_runs))
        for case in self._cases.values():
            _store_lines(session, case)
            metrics.add(session, case.execution, case.metrics, self.now.timestamp())
            for key, (outputs, ttl) in case.cached.items():
                caches.put(session, key, case.execution.id, outputs, self.now.timestamp(), ttl)
        events.remove(session, self._heard)
        for case in self._cases.values():
            if case.reported:
                row = Row(case.execution, case.row.flow, case.row.version, case.row.caused, case.row.created_at)
                reports.execution_moved(session, self._kit, row, self.now.timestamp())


def _store(session: Session, case: Case) -> None:
    if case.execution is not case.row.execution:
        executions.save(session, case.row, case.execution)
    elif case.changed or case.gone:
        executions.touch(session, case.row)
    new = [(position, case.runs[id]) for id, position in case.new.items()]
    flowables = {id for id, node in case.program.nodes.items() if node.runs == "flowable"} if new else ()
    executions.save_runs(session, new, [case.runs[id] for id in case.changed if id not in case.new], flowables)
    executions.forget_runs(session, [*case.gone])
    if case.over is not None:
        again = started_over(case.execution, case.variables, case.now)
        if executions.add(session, again, case.row.flow, caused=case.row.caused, once=executions.heir(case.execution)):
            events.wake(session, [(again.id, None, BEGIN, case.over.timestamp())])


def _store_lines(session: Session, case: Case) -> None:
    grouped: dict[tuple[str, str, int], list[Line]] = {}
    for run, task, attempt, line in case.lines:
        grouped.setdefault((run, task, attempt), []).append(line)
    for (run, task, attempt), lines in grouped.items():
        logs.append(session, case.execution.id, run, task, attempt, lines)


def _apply_job(session: Session, execution: str, command: StartJob | StopJob | DropJob) -> None:
    match command:
        case StartJob(run, attempt, pool):
            jobs.queue(session, execution, run, attempt, pool=pool)
        case StopJob(run, attempt):
            jobs.stop(session, run, attempt)
        case DropJob(run, attempt):
            jobs.drop(session, run, attempt)
