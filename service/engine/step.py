"""What follows from what: the agenda of a step.

Task runs that have just ended are worked off one after another. The parent of each is asked what follows; what it starts is put in place (flowables begin at
once, inline tasks and jobs become commands); what it ends is put on the agenda. There is no recursion, so that a thousand skipped tasks in a row cost a loop
and not a stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from service.engine import again, order
from service.engine.commands import RunInline, StartJob, WakeAt
from service.engine.execution import TaskRun
from service.engine.kill import end_when_quiet
from service.engine.program import QUEUED, Ask, Ended, Node, RenderFailed, Start, Turn
from service.engine.record import Record, Step, show
from service.engine.retry import tries
from service.engine.state import Stamp, State, worst

#: Ends, and none, before which a group that paused shows that it goes on.
_RESUMED = frozenset({None, State.SUCCESS, State.WARNING})


@dataclass(slots=True)
class Making(Record):
    """A step in the making."""

    agenda: deque[TaskRun] = field(default_factory=deque)

    def result(self) -> Step:
        """Everything that follows."""
        while self.agenda:
            run = self.agenda.popleft()
            if self.execution.state is State.KILLING:
                self.agenda.clear()
                end_when_quiet(self)
            elif not self.execution.state.terminal:
                self._follow(run)
        show(self)
        return Record.result(self)

    def _follow(self, run: TaskRun) -> None:
        child = as_child(self, run)
        if run.parent is None:
            self.take(None, order.follow(self.program.root, self.execution.memory, child))
            return
        parent = self.runs[run.parent]
        node = self.node(parent)
        self.decide(parent, lambda ask: node.model.follow(node, parent.memory, child, ask))

    def decide(self, run: TaskRun, question: Callable[[Ask], Turn]) -> None:
        """Asks a flowable and does as it says."""
        try:
            turn = question(self.ask(run))
        except RenderFailed as failure:
            self.close(run, State.FAILED, str(failure), {})
        else:
            self.take(run, turn)

    def take(self, parent: TaskRun | None, turn: Turn) -> None:
        """Puts a flowable's answer in place; `parent` None is the flow itself."""
        if parent is None:
            self.execution = replace(self.execution, memory=turn.memory)
        else:
            known = self.runs[parent.id]
            if turn.clear:
                self._clear(known)
            state = State.PAUSED if turn.pause is not None else State.RUNNING if known.state is State.PAUSED and turn.end in _RESUMED else known.state
            changed = replace(known, memory=turn.memory, outputs=turn.outputs or known.outputs, keep=known.keep if turn.keep is None else turn.keep)
            parent = changed.to(state, self.now)
            self.put(parent)
            self.commands += [WakeAt(parent.id, name, self.now + length) for name, length in (turn.pause or {}).items()]
        if turn.message and turn.end is None:
            self.say("WARN" if turn.memory.get("state") == State.WARNING else "ERROR", turn.message, parent)
        for start in turn.start:
            self._start(parent, start)
        if turn.end is State.RETRYING:
            self._fail_for_now(parent)
        elif turn.end is not None and parent is not None:
            self.close(parent, turn.end, turn.message, turn.outputs)
        elif turn.end is not None:
            self._end_execution(turn.end)

    def _clear(self, group: TaskRun) -> None:
        for run in self.below(group):
            self.forget(run)

    # starting

    def _start(self, parent: TaskRun | None, start: Start) -> None:
        now, node = self.now, start.node
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
        self.put(run)
        if self._wanted(run, node):
            self.launch(run)

    def _wanted(self, run: TaskRun, node: Node) -> bool:
        if node.run_if is None:
            return True
        try:
            wanted = self.world.truthy(self.ask(run).text(node.run_if))
        except RenderFailed as failure:
            self.close(run, State.FAILED, str(failure), {})
            return False
        if not wanted:
            self.close(run, State.SKIPPED, None, {})
        return wanted

    def launch(self, run: TaskRun) -> None:
        """Has the current attempt of a task run done."""
        node = self.node(run)
        if node.runs in QUEUED:
            self.commands.append(StartJob(run.id, run.attempt.number, node.runs == "pool"))
            return
        run = run.to(State.RUNNING, self.now).with_attempt(run.attempt.to(State.RUNNING, self.now))
        self.put(run)
        if node.runs == "flowable":
            self.decide(run, lambda ask: cast(Any, node.model).begin(node, ask))
        else:
            self.commands.append(RunInline(run.id))

    # ends

    def attempt_over(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """The current attempt of a task has ended; another one may follow."""
        if state is State.FAILED and self.execution.state is not State.KILLING:
            failed = run.with_attempt(self.through(run.attempt, state, message))
            self.runs[run.id] = failed
            state = again.after_failure(self, failed)
            if state is State.RETRYING:
                self._fails_for_now(failed, message)
                return
        retry = self.node(run).retry
        if state is State.SUCCESS and retry is not None and retry.warning_on_retry and tries(run.attempts) > 1:
            state = State.WARNING
        self.close(run, state, message, outputs)

    def _fails_for_now(self, run: TaskRun, message: str | None) -> None:
        began = run if run.state is not State.CREATED else run.to(State.RUNNING, self.now)
        self.put(began.to(State.RETRYING, self.now))
        self.say("WARN", f"Attempt {run.attempt.number} failed and will be tried again" + (f": {message}" if message else ""), run)
        if again.owner(self, run)[1] is not run:
            self.agenda.append(self.runs[run.id])

    def _fail_for_now(self, group: TaskRun | None) -> None:
        """A group whose tasks will be tried again: it waits where the retry is its own, else the group around it hears of it."""
        waits = again.group_failed(self, group)
        if group is None:
            self.move_execution(State.RETRYING)
            return
        self.put(self.runs[group.id].to(State.RETRYING, self.now))
        if not waits:
            self.agenda.append(self.runs[group.id])

    def close(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """Ends a task run with its attempt; the parent hears of it from the agenda."""
        run, node = self.runs.get(run.id, run), self.node(run)
        if message and state in (State.FAILED, State.RETRIED, State.WARNING):
            self.say("WARN" if state is State.WARNING else "ERROR", message, run)
        if state in order.STOPS and not self.is_leaf(run) and again.owner(self, run)[0] is not None:
            again.give_up(self, run)
        run = self.ended(run, _mapped(state, node), self.through(run.attempt, state, message))
        self.put(replace(run, outputs=dict(outputs) if outputs else run.outputs))
        self.agenda.append(self.runs[run.id])

    def _end_execution(self, state: State) -> None:
        if state in order.STOPS and self.program.root.retry is not None:
            again.give_up(self, None)
        if state is State.RETRIED:
            again.start_over(self)
        self.move_execution(state)


def as_child(record: Record, run: TaskRun) -> Ended:
    """A task run as its parent sees it."""
    return Ended(record.node(run), run.state, run.value, run.iteration)


def _mapped(state: State, node: Node) -> State:
    """`allowFailure` and `allowWarning` (KESTRA.md 2.2, rules 3 and 4)."""
    if state is State.FAILED and node.allow_failure:
        state = State.WARNING
    if state is State.WARNING and node.allow_warning:
        state = State.SUCCESS
    return worst(state) if state is not State.SKIPPED else state
