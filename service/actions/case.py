"""An execution as a batch has it so far: what is stored, under what the batch has changed. The engine's world is made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from runners.protocol import Metric
from service.actions.around import Around, Surroundings
from service.actions.attempts import whose
from service.actions.kept import Kept
from service.actions.keys import Keys, Written
from service.actions.kit import Kit
from service.actions.layers import Fresh, Stored
from service.actions.limits import Limits
from service.actions.places import Where, of_task
from service.actions.reach import Reach
from service.actions.results import Results
from service.actions.scope import Rendering, of_execution
from service.actions.standing import Standing
from service.engine.events import Deleted
from service.engine.execution import Execution, Path, TaskRun
from service.engine.program import Program, RenderFailed
from service.engine.record import Step
from service.engine.state import Stamp, State
from service.store import executions, task_runs
from service.store.codec import new_id
from service.store.database import Session
from service.store.executions import Row
from service.store.logs import Line
from service.store.metrics import Source

Logged = tuple[str, str, int, Line]  #: task run, task, attempt, line


@dataclass(slots=True)
class Case:
    """Used by one thread, for one batch."""

    kit: Kit
    session: Session
    now: datetime
    keeps: Kept
    row: Row
    program: Program
    written: Written
    surroundings: Surroundings
    limits: Limits
    execution: Execution = field(init=False)
    position: int | None = None  #: of the newest task run; None while nobody has asked
    runs: dict[str, TaskRun] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    lines: list[Logged] = field(default_factory=list)
    over: datetime | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)  #: what the execution that takes over begins with
    reported: bool = False
    erased: Deleted | None = None
    metrics: list[tuple[Source, Metric]] = field(default_factory=list)
    cached: dict[str, tuple[Mapping[str, Any], float | None]] = field(default_factory=dict)  #: outputs to keep, by key, and for how many seconds
    _fresh: Fresh = field(default_factory=Fresh)
    _stored: Stored | None = None
    _standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.execution = self.row.execution
        self._standing = Standing(self.session, self.execution.id, lambda id: id in self.runs or id in self.gone)

    def take(self, step: Step) -> None:
        """What the engine has changed."""
        self.execution = step.execution or self.execution
        for run in step.runs:
            self.put(run)
        for id in step.gone:
            self.gone[id] = None
            self.new.pop(id, None)
            self.changed.pop(id, None)
            self._standing.forget(id)
            if id in self.runs:
                self._fresh.forget(self.runs.pop(id))
        if step.gone:
            self._stored = None

    def put(self, run: TaskRun) -> None:
        """A new task run, or one that has changed."""
        if run.id in self.made and run.id not in self.new:
            last = task_runs.last_position(self.session, self.execution.id) if self.position is None else self.position
            self.position = self.new[run.id] = last + 1
        self._hold(run)
        if run.keep is not None:
            self.keeps.forget(run.id)
        self.changed[run.id] = None
        self._fresh.put(run)

    def _hold(self, run: TaskRun) -> None:
        node = self.program.nodes.get(run.node)
        self.runs[run.id] = run
        self._standing.put(run, leaf=node is None or node.leaf)

    def say(self, run: str | None, level: str, message: str) -> None:
        """A line in the log of a task run, or of the execution."""
        task = self.runs[run].node if run else ""
        attempt = len(self.runs[run].attempts) if run else 0
        self.lines.append((run or "", task, attempt, Line(self.now, level, self.kit.masker.text(message))))

    # what is known

    def path(self, task_run: str | None) -> Path:
        """The task run with its ancestors, as this batch left them; the bare execution for what is no more, or is another execution's."""
        chain: list[TaskRun] = []
        while task_run is not None:
            if task_run not in self.runs:
                stored = None if task_run in self.gone else task_runs.run(self.session, task_run)
                if stored is None or stored.execution != self.execution.id:
                    break
                self._hold(stored)
            chain.append(self.runs[task_run])
            task_run = self.runs[task_run].parent
        return Path(self.execution, tuple(reversed(chain)))

    def active(self) -> Sequence[TaskRun]:
        """Task runs that have not ended."""
        found = {run.id: run for run in task_runs.active(self.session, self.execution.id) if run.id not in self.gone}
        return [run for run in (found | self.runs).values() if not run.state.terminal]

    def below(self, run: str | None) -> Sequence[TaskRun]:
        """Task runs below one, or all of them."""
        stored = task_runs.below(self.session, self.execution.id, run)
        found = {each.id: self.runs.get(each.id, each) for each in stored if each.id not in self.gone}
        for id in self.new:
            each = self.runs[id]
            if run is None or each.parent == run or each.parent in found:
                found[id] = each
        return list(found.values())

    def standing(self, but: Collection[str]) -> frozenset[State]:
        """A state of a task that is under way, if there is one; else those of all that waits."""
        return self._standing.states(but)

    def kept(self, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Any:
        """What a flowable keeps."""
        known = None if run is None else step.get(run.id) or self.runs.get(run.id)
        if known is None:
            return None
        return known.keep if known.keep is not None else self.keeps.of(self.session, known.id)

    # rendering

    def results(self, step: Mapping[str, TaskRun]) -> Results:
        """What the task runs came to; `step` lies over what the batch has."""
        self._stored = self._stored or Stored(self.session, self.execution.id)
        return Results(self._stored, self._fresh, step)

    def rendering(
        self,
        execution: Execution,
        run: TaskRun | None,
        step: Mapping[str, TaskRun],
        source: Callable[[], str],
        more: Mapping[str, Any] | None = None,
        place: Where | None = None,
    ) -> Rendering:
        """Templates in the scope of a task run, and of `more` values by name. `step` lies over what the batch has; `place` says where they stand, if not in
        the task."""
        node = self.program.nodes[run.node] if run else None
        results = self.results(step)
        around = Around(execution) if execution.caller is None else self.surroundings.of(execution)
        given = {name: partial(lambda value: value, value) for name, value in (more or {}).items()}
        scope = of_execution(self.kit, execution, node, self._lineage(run, step), results, around, given)
        reading, unstored = (lambda: nullcontext(self.session)), (lambda: iter(self.lines))
        reach = Reach(self.kit, whose(execution), reading, lambda: self.now, unstored=unstored, written=self.written)
        return Rendering(self.kit, scope, reach, place or of_task(execution, node, source))

    def elsewhere(self, id: str) -> Rendering:
        """Templates in the scope of another execution, as it is stored. Raises RenderFailed where it is gone."""
        row = executions.get(self.session, id)
        if row is None:
            raise RenderFailed(f"the execution {id} is gone")
        scope = of_execution(self.kit, row.execution, None, (), Results(Stored(self.session, id)), self.surroundings.of(row.execution))
        return Rendering(self.kit, scope, Reach(self.kit, whose(row.execution), lambda: nullcontext(self.session), lambda: self.now))

    def keys(self) -> Keys:
        """The KV store, with what the batch has written."""
        return Keys(whose(self.execution), lambda: nullcontext(self.session), self.now, self.written)

    def _lineage(self, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Sequence[TaskRun]:
        """A task run with those around it, as the step that is being made has them."""
        lineage = [run] if run else []
        while lineage and lineage[-1].parent is not None:
            id = lineage[-1].parent
            above = step.get(id) or next(iter(self.path(id).runs[-1:]), None)
            if above is None:
                break
            lineage.append(above)
        return lineage[::-1]


def started_over(execution: Execution, variables: Mapping[str, Any], now: datetime, when: datetime) -> Execution:
    """The execution that takes over from one that failed, at a time: from scratch, with the same inputs, labels and trigger, and with the variables of the
    flow."""
    return replace(
        execution,
        id=new_id(),
        history=(Stamp(State.CREATED, now),),
        variables=variables,
        memory={},
        waited=False,
        attempt=execution.attempt + 1,
        original=execution.original or execution.id,
        first_created=execution.first_created or execution.created,
        outputs=None,
        scheduled=when,
        breached=(),
        trailing=False,
    )
