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

from service.engine import again, order, watching
from service.engine.commands import DropJob, RunInline, StartChild, StartJob, StopJob, WakeAt
from service.engine.ends import conclude
from service.engine.execution import TaskRun
from service.engine.kill import end_when_quiet, kill
from service.engine.program import QUEUED, Ask, Ended, Node, RenderFailed, Route, Start, Turn, Wakened
from service.engine.record import UNSTARTED, Record, Step, show
from service.engine.retry import tries
from service.engine.state import Stamp, State, worst

#: Ends, and none, before which a group that paused shows that it goes on.
_RESUMED = frozenset({None, State.SUCCESS, State.WARNING})

#: What the memory of an execution calls the end that a task has chosen for it.
_OUTCOME = "outcome"


@dataclass(slots=True)
class Making(Record):
    """A step in the making."""

    agenda: deque[TaskRun] = field(default_factory=deque)
    #: Task runs that ended in this step, however well, and after which nothing else is started.
    last: set[str] = field(default_factory=set)

    def result(self) -> Step:
        """Everything that follows."""
        self._work_off()
        if self.execution.state.terminal and self.execution.held is not None:
            self.execution = replace(self.execution, held=None)
        if self.refusal is None and (self.execution is not self.path.execution or self.changed or self.gone):
            watching.look(self)
        if self.execution.state.terminal and (self.reopened or not self.path.execution.state.terminal):
            self.trail()
        show(self)
        return Record.result(self)

    def _work_off(self) -> None:
        while self.agenda:
            run = self.agenda.popleft()
            if self.execution.state is State.KILLING:
                self.agenda.clear()
                end_when_quiet(self)
            elif self.execution.over:
                self.agenda.clear()
            elif self.execution.held is not None:
                self.hold(run, None)
            else:
                self.follow(run)

    def trail(self) -> None:
        """Begins what is done after the end. It changes nothing of the end."""
        if self.program.after is not None:
            self.execution = replace(self.execution, trailing=True, held=None)
            self.take(None, order.begin(self.program.after))
            self._work_off()

    def follow(self, run: TaskRun) -> None:
        """Asks the parent of a task run that has ended what follows."""
        child = as_child(self, run)
        if run.parent is None:
            self.take(None, order.follow(self.node(None), self.execution.memory, child))
            return
        parent = self.runs[run.parent]
        node = self.node(parent)
        self.decide(parent, lambda ask: node.model.follow(node, parent.memory, child, ask))

    def decide(self, run: TaskRun, question: Callable[[Ask], Turn]) -> None:
        """Asks a flowable and does as it says."""
        try:
            turn = question(self.ask(run))
        except RenderFailed as failure:
            self._over(run, State.FAILED, str(failure), {})
        else:
            self.take(run, turn)

    def wake(self, run: TaskRun, why: Wakened) -> None:
        """A flowable that pauses goes on."""
        node = self.node(run)
        if run.state is State.PAUSED and not self.is_leaf(run):
            self.decide(run, lambda ask: cast(Turn, node.model.wake(node, run.memory, why, ask)))

    def take(self, parent: TaskRun | None, turn: Turn) -> None:
        """Puts a flowable's answer in place; `parent` None is the flow itself."""
        if parent is None:
            meant = {name: value for name, value in self.execution.memory.items() if name == _OUTCOME}
            self.execution = replace(self.execution, memory={**turn.memory, **meant})
        else:
            known = self.runs[parent.id]
            if turn.clear:
                self._clear(known)
            state = State.PAUSED if turn.pause is not None else State.RUNNING if known.state is State.PAUSED and turn.end in _RESUMED else known.state
            changed = replace(known, memory=turn.memory, outputs=turn.outputs or known.outputs, keep=known.keep if turn.keep is None else turn.keep)
            parent = replace(changed.to(state, self.now), calls=known.calls + len(turn.call))
            self.put(parent)
            self.commands += [WakeAt(parent.id, name, self.now + length) for name, length in (turn.pause or {}).items()]
            self.commands += [StartChild(parent.id, call) for call in turn.call]
            if turn.folder is not None:
                self._tell_folder(parent, turn.folder)
        if turn.message and turn.end is None:
            self.say("WARN" if turn.memory.get("state") == State.WARNING else "ERROR", turn.message, parent)
        for start in turn.start:
            self._start(parent, start)
        if turn.end is State.RETRYING:
            self._fail_for_now(parent)
        elif turn.end is not None and parent is not None:
            self._over(parent, turn.end, turn.message, turn.outputs)
            if turn.outcome is not None:
                self._end_with(parent, turn.outcome)
        elif turn.end is not None:
            self._end_execution(turn.end)

    def _end_with(self, run: TaskRun, outcome: State) -> None:
        """The execution is to end so with this task. What is around it hears of a cancel, by which nothing else is started but what is done in any case."""
        if outcome is State.KILLED:
            kill(self, f"`{run.node}`", cascade=True)
            return
        self.last.add(run.id)
        self.execution = replace(self.execution, memory={**self.execution.memory, _OUTCOME: outcome.value})

    def _meant(self, state: State) -> State:
        """What a cancel comes to."""
        outcome = self.execution.memory.get(_OUTCOME)
        return State(outcome) if outcome is not None and state is State.CANCELLED else state

    def _clear(self, group: TaskRun) -> None:
        for run in self.below(group):
            if self.is_leaf(run) and not run.state.terminal:
                self.commands.append(DropJob(run.id, run.attempt.number))
            self.forget(run)

    def _tell_folder(self, group: TaskRun, deed: str) -> None:
        id, number = group.id, group.attempt.number
        if deed == "open":
            try:
                self.commands.append(StartJob(id, number, id, route=self._route(group)))
            except RenderFailed as failure:
                self._over(group, State.FAILED, str(failure), {})
                return
        else:
            self.commands.append(StopJob(id, number) if deed == "close" else DropJob(id, number))
        self.put(group.with_attempt(replace(group.attempt, holds=deed != "drop")))

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
        self.admit(run)

    def admit(self, run: TaskRun, *, passing: bool = False) -> None:
        """Has a task run begin, unless a breakpoint stands before it (which this one is `passing`), or it is not wanted."""
        if not passing and self.execution.stops_before(run):
            self.put(run.to(State.BREAKPOINT, self.now))
        elif self._wanted(run, self.node(run)):
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
            if run.state is State.BREAKPOINT:
                run = run.to(State.RUNNING, self.now)
                self.put(run)
            self.queue(run, pool=node.runs == "pool")
            return
        run = run.to(State.RUNNING, self.now).with_attempt(run.attempt.to(State.RUNNING, self.now))
        self.put(run)
        if node.runs == "flowable":
            self.decide(run, lambda ask: cast(Any, node.model).begin(node, ask))
        else:
            self.commands.append(RunInline(run.id))

    def queue(self, run: TaskRun, *, pool: bool = False) -> None:
        """Has a runner do the current attempt: the one that holds the folder, where the task shares one; or the service's own pool, unless it gathers files of
        that folder first."""
        parent = self.runs.get(run.parent) if run.parent else None
        shares = parent is not None and parent.attempt.holds and any(self.node(run) is each for each in self.node(parent).branches["tasks"])
        pool = pool and not (shares and getattr(self.node(run).model, "gathers", None))
        if pool or shares:
            self.commands.append(StartJob(run.id, run.attempt.number, run.parent if shares and not pool else None, pool))
            return
        try:
            route = self._route(run)
        except RenderFailed as failure:
            self.attempt_over(run, State.FAILED, str(failure), {})
        else:
            self.commands.append(StartJob(run.id, run.attempt.number, route=route))

    def _route(self, run: TaskRun) -> Route | None:
        """Which runners the task is for, as it says itself, else as the flow says. Raises RenderFailed."""
        wanted = self.node(run).worker or self.program.root.worker
        return None if wanted is None else cast(Route, wanted.route(self.ask(run).text))

    # ends

    def attempt_over(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """The current attempt of a task has ended; another one may follow. One that waited with what it has called is seen to run."""
        run = run.to(State.RUNNING, self.now) if run.state is State.PAUSED else run
        if state is State.FAILED and self.execution.state is not State.KILLING:
            failed = run.with_attempt(self.through(run.attempt, state, message))
            self.runs[run.id] = failed
            state = again.after_failure(self, failed)
            if state is State.RETRYING:
                self._fails_for_now(failed, message)
                return
        self.close(run, state, message, outputs)

    def _fails_for_now(self, run: TaskRun, message: str | None) -> None:
        began = run.to(State.RUNNING, self.now) if run.state in UNSTARTED else run
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

    def _over(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """The end of a flowable. One that is tried again by itself has attempts, as other tasks have."""
        if self.is_leaf(run):
            self.attempt_over(self.runs.get(run.id, run), state, message, outputs)
        else:
            self.close(run, state, message, outputs)

    def close(self, run: TaskRun, state: State, message: str | None, outputs: Any) -> None:
        """Ends a task run with its attempt; the parent hears of it from the agenda."""
        run, node = self.runs.get(run.id, run), self.node(run)
        if message and state in (State.FAILED, State.RETRIED, State.WARNING):
            self.say("WARN" if state is State.WARNING else "ERROR", message, run)
        if state in order.STOPS and not self.is_leaf(run) and again.owner(self, run)[0] is not None:
            again.give_up(self, run)
        if (meant := self._meant(state)) is not state:
            self.last.add(run.id)
        warned = meant is State.SUCCESS and node.retry is not None and node.retry.warning_on_retry and tries(run.attempts) > 1
        run = self.ended(run, _mapped(State.WARNING if warned else meant, node), self.through(run.attempt, meant, message))
        self.put(replace(run, outputs=dict(outputs) if outputs else run.outputs))
        self.agenda.append(self.runs[run.id])

    def _end_execution(self, state: State) -> None:
        if self.execution.trailing:
            self.execution = replace(self.execution, trailing=False)
            return
        if state in order.STOPS and self.program.root.retry is not None:
            again.give_up(self, None)
        if state is State.RETRIED:
            again.start_over(self)
        elif state not in (State.KILLED, State.CANCELLED):
            watching.look(self, last=True)
        if not self.execution.state.terminal:
            conclude(self, self._meant(state))


def as_child(step: Making, run: TaskRun) -> Ended:
    """A task run as its parent sees it."""
    return Ended(step.node(run), State.CANCELLED if run.id in step.last else run.state, run.value, run.iteration)


def _mapped(state: State, node: Node) -> State:
    """`allowFailure` and `allowWarning` (KESTRA.md 2.2, rules 3 and 4)."""
    if state is State.FAILED and node.allow_failure:
        state = State.WARNING
    if state is State.WARNING and node.allow_warning:
        state = State.SUCCESS
    return worst(state) if state is not State.SKIPPED else state
