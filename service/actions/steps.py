"""A batch of events: heard, advanced and rendered outside any transaction, then stored in one.

Inline tasks run here, between two steps of the engine, so that their effect and the state that follows from it are one fact. Nothing in a
batch is visible until `store` has committed; a batch that can't be stored is thrown away and heard again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from service.actions import reports
from service.actions.around import Surroundings
from service.actions.calls import Calls, told_again
from service.actions.case import Case
from service.actions.copies import Copying, plan
from service.actions.inline import Ask, Later
from service.actions.kept import Kept
from service.actions.keys import Written
from service.actions.kit import Kit
from service.actions.limits import Limits
from service.actions.programs import UNREADABLE, Programs
from service.actions.storing import store_case, store_job, store_kept
from service.actions.world import CaseWorld
from service.engine import events as heard
from service.engine.advance import advance
from service.engine.commands import (
    Command,
    Copy,
    DropJob,
    Erase,
    Report,
    RunInline,
    Say,
    StartChild,
    StartJob,
    StartOver,
    StopChildren,
    StopJob,
    Unwake,
    WakeAt,
)
from service.engine.record import Step
from service.engine.state import State
from service.errors import Bug, Conflict
from service.store import copies, events, executions, replies
from service.store.database import Session
from service.store.events import Waiting
from service.store.executions import Row
from service.store.replies import Reply

#: Inline tasks that one event may run before the rest waits for the next batch: nobody waits behind a long flow.
INLINE_BUDGET = 500

#: What can be asked for without the flow's text.
_BLIND = (heard.Killed, heard.StatusSet, heard.Labelled, heard.Deleted)


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
        self._written, self._surroundings = Written(), Surroundings(session)
        self._limits = Limits(kit, session, self._state_of)
        self._calls, self._programs = Calls(kit, session, now), Programs(kit, session)
        self._told: list[tuple[str, str, heard.Event]] = []
        self._unwoken: dict[tuple[str, str | None, str], None] = {}
        self._copies: list[Copying] = []
        self._replies: list[Reply] = []

    # hearing

    def hear(self, waiting: Waiting) -> None:
        """One event and all that follows from it at once."""
        if waiting.event is None:
            raise Bug(f"event {waiting.id} of execution {waiting.execution} can't be read by this version")
        self._heard.append(waiting)
        case = self._case(waiting.execution)
        if case is None or case.erased is not None:
            self._answer(waiting, f"there is no execution `{waiting.execution}` any more")
            if (told := told_again(None, waiting.event)) is not None:
                self._told.append(told)
        elif waiting.asked is not None or isinstance(waiting.event, heard.Asked):
            self._asked(case, waiting, waiting.event)
        elif not case.execution.over or waiting.event == heard.Began():
            self._happened(case, waiting)

    def _happened(self, case: Case, waiting: Waiting) -> None:
        if waiting.task_run and not case.path(waiting.task_run).runs:
            return  # a timer of what has been forgotten since
        if waiting.timer and (waiting.execution, waiting.task_run, "") in self._unwoken:
            return  # or of what has been begun again
        assert waiting.event is not None
        if isinstance(waiting.event, heard.Behind):
            self._run_all(case, deque(map(RunInline, waiting.event.task_runs)))
        elif waiting.event == heard.Due("inline") and waiting.task_run:  # of a version before Behind
            self._run_all(case, deque([RunInline(waiting.task_run)]))
        else:
            self._run_all(case, self._advance(case, waiting.task_run, waiting.event))

    def _asked(self, case: Case, waiting: Waiting, event: heard.Event) -> None:
        """What somebody wants to know the outcome of."""
        if case.program is UNREADABLE and not isinstance(event, _BLIND):
            self._answer(waiting, f"execution {waiting.execution} is {case.execution.state.value}; this version can't read its revision of the flow any more")
            return
        step = self._step(case, waiting.task_run, event)
        try:
            copying = [plan(case, command.replay, waiting.asked) for command in step.commands if isinstance(command, Copy)]
        except Conflict as refused:
            self._answer(waiting, refused.message)
            return
        self._copies += copying
        if not any(isinstance(each.event, heard.Copied) for each in copying):
            self._answer(waiting, step.refusal)
        before = case.execution
        todo = self._take(case, step)
        if case.execution.history is before.history and (told := told_again(case.execution, event)) is not None:
            self._told.append(told)
        self._run_all(case, todo)

    def _answer(self, waiting: Waiting, refusal: str | None) -> None:
        if waiting.asked is not None:
            self._replies.append(Reply(waiting.asked, waiting.execution, refusal))

    def _run_all(self, case: Case, todo: deque[RunInline | StartChild]) -> None:
        for _ in range(INLINE_BUDGET):
            if not todo:
                return
            command = todo.popleft()
            event = self._calls.start(case, command) if isinstance(command, StartChild) else self._inline(case, command.task_run)
            if event is not None:
                todo.extend(self._advance(case, command.task_run, event))
            if self._over():
                break
        self._leave(case, todo)

    def _leave(self, case: Case, todo: deque[RunInline | StartChild]) -> None:
        """What the next batch goes on with. What is called is called now: only what follows from it waits."""
        for command in todo:
            if isinstance(command, StartChild):
                self._told.append((case.execution.id, command.task_run, self._calls.start(case, command)))
            else:
                self._later.setdefault(case.execution.id, []).append(command.task_run)

    def _advance(self, case: Case, task_run: str | None, event: heard.Event) -> deque[RunInline | StartChild]:
        return self._take(case, self._step(case, task_run, event))

    def _step(self, case: Case, task_run: str | None, event: heard.Event) -> Step:
        return advance(case.program, case.path(task_run), event, CaseWorld(case, self._programs.source(case.row)))

    def _take(self, case: Case, step: Step) -> deque[RunInline | StartChild]:
        before = case.execution.state
        case.take(step)
        self._limits.moved(case.row, before, case.execution.state)
        inline: deque[RunInline | StartChild] = deque()
        for command in step.commands:
            if isinstance(command, RunInline | StartChild):
                inline.append(command)
            else:
                self._note(case, command)
        return inline

    def _note(self, case: Case, command: Command) -> None:
        match command:
            case StartJob() | StopJob() | DropJob():
                self._jobs.append((case.execution.id, command))
            case Unwake(run, kind):
                self._timers = [timer for timer in self._timers if timer[:2] != (case.execution.id, run) or (run is None and timer[2] != kind)]
                self._unwoken[case.execution.id, run, kind] = None
            case Erase(deletion):
                case.erased = deletion
            case WakeAt(run, kind, when):
                self._timers.append((case.execution.id, run, kind, when.timestamp()))
            case StartOver(when):
                case.over, case.variables = when, self._programs.variables(case.row)
            case Say(level, message, run):
                case.say(run, level, message)
            case Report():
                case.reported = True
            case StopChildren(run, by):
                self._calls.stop(run, by)
            case RunInline() | StartChild() | Copy():
                pass  # dealt with beside their step

    # inline tasks

    def _inline(self, case: Case, task_run: str) -> heard.Event | None:
        """Runs one; None when it waits for a timer or is over already."""
        run = next(iter(case.path(task_run).runs[-1:]), None)
        if run is None or run.state.terminal:
            return None
        came = Ask(case, run, self._programs.source(case.row)).outcome()
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
            program = self._programs.of(row)
            case = Case(self._kit, self._session, self.now, self._kept, row, program or UNREADABLE, self._written, self._surroundings, self._limits)
            self._cases[id] = case
            if program is None and not row.execution.over:
                self._unreadable(case)
        return self._cases[id]

    def _state_of(self, id: str) -> State | None:
        return self._cases[id].execution.state if id in self._cases else None

    def _unreadable(self, case: Case) -> None:
        """A revision that an older Headgate accepted and this one does not: the execution ends, and says why."""
        self._end(case, "this version of Headgate can't read the flow's revision any more; push a corrected file and start it again")

    def end(self, waiting: Waiting, reason: str) -> None:
        """Ends an execution whose event can't be dealt with."""
        self._heard.append(waiting)
        self._answer(waiting, reason)
        case = self._case(waiting.execution)
        if case is not None and not case.execution.over:
            self._end(case, reason)

    def _end(self, case: Case, reason: str) -> None:
        """Ends an execution from outside the engine, and whatever of it is open. What has ended keeps its end."""
        before = case.execution.state
        state = State.FAILED if before is not State.KILLING else State.KILLED
        if not before.terminal:
            case.execution, case.reported = case.execution.to(state, self.now), True
            self._limits.moved(case.row, before, state)
        case.execution = replace(case.execution, trailing=False)
        for run in case.active():
            self._jobs.append((case.execution.id, DropJob(run.id, run.attempt.number)))
            attempt = run.attempt if run.attempt.state.terminal else run.attempt.to(state, self.now)
            case.put(run.to(state, self.now).with_attempt(attempt))
        case.say(None, "ERROR", reason)

    # storing

    def store(self, session: Session) -> None:
        """Everything at once; to be run as one action of the writer."""
        cases = [case for case in self._cases.values() if case.erased is None]
        for case in cases:
            store_case(session, case)
        self._limits.store(session)
        self._written.store(session, self.now.timestamp())
        for execution, command in self._jobs:
            store_job(session, execution, command)
        for execution, run, kind in self._unwoken:
            events.unwake(session, execution, run, kind)
        events.wake(session, self._timers)
        self._calls.store(session)
        for execution, task_run, event in self._told:
            events.add(session, execution, task_run, event)
        for copying in self._copies:
            copying.store(session, self.now.timestamp())
        for execution, task_runs in self._later.items():
            events.add(session, execution, None, heard.Behind(task_runs))
        for case in cases:
            store_kept(session, case)
        events.remove(session, self._heard)
        self._store_answers(session)
        for case in cases:
            if case.reported:
                row = Row(case.execution, case.row.flow, case.row.version, case.row.caused, case.row.created_at)
                reports.execution_moved(session, self._kit, row, self.now.timestamp())

    def _store_answers(self, session: Session) -> None:
        """What was asked for last: what is deleted may have been copied."""
        at = self.now.timestamp()
        for case in self._cases.values():
            if case.erased is not None:
                copies.erase(session, case.row, log=case.erased.logs, storage=case.erased.storage, at=at)
        replies.add(session, self._replies, at)
