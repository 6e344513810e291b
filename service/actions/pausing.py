"""Executions that wait for somebody: who lets them go on gives what the pause asks for."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

from service.actions.around import Surroundings
from service.actions.files import Whose
from service.actions.filling import Filled
from service.actions.kit import Kit
from service.actions.layers import Stored
from service.actions.places import of_task
from service.actions.reach import Reach
from service.actions.results import Results
from service.actions.scope import Rendering, of_execution
from service.actions.sealing import seal_inputs
from service.engine.events import Resumed
from service.engine.execution import TaskRun
from service.engine.program import Node
from service.engine.state import State
from service.errors import Conflict, Invalid, NotFound
from service.flows.inputs import Input
from service.flows.resolve import Render, resolve_inputs, settle_inputs
from service.store import children, events, executions, logs, task_runs
from service.store.codec import now
from service.store.database import Session
from service.store.executions import Row
from service.store.logs import Line

_TOLD = 20  #: unknown inputs that the log names
PAUSE, APPROVAL = "io.kestra.plugin.core.flow.Pause", "io.kestra.plugin.core.flow.Approval"


@dataclass(frozen=True, slots=True)
class Resumption:
    """A pause that can end, and what it is given. `run` is None where somebody has paused the execution as a whole. Nobody has asked for what is `unknown`."""

    row: Row
    run: TaskRun | None
    given: Mapping[str, Any]
    unknown: Sequence[str] = ()


def waiting(session: Session, kit: Kit, row: Row, type: str = PAUSE) -> list[tuple[TaskRun, Node]]:
    """The pauses, or what else of a type, that an execution waits in, the oldest first."""
    flow = kit.reader.revision(session, row.flow, row.execution.revision).flow
    nodes = flow.program.nodes if flow else {}
    paused = ((run, nodes.get(run.node)) for run in task_runs.paused(session, row.execution.id))
    return [(run, node) for run, node in paused if node is not None and node.type == type]


def asked(node: Node) -> tuple[Input, ...]:
    """What a pause asks whoever resumes it."""
    return tuple(cast("list[Input]", node.model.on_resume or ()))


def prepare(session: Session, kit: Kit, row: Row, given: Mapping[str, Any], task_run: str | None = None) -> Resumption:
    """Settles the inputs of the pause that an execution waits in: of several the oldest one, or that of a task run. Raises Conflict where it waits for nobody,
    NotFound, Invalid with each input that is wrong. What somebody has paused as a whole goes on first, and asks for nothing."""
    if row.execution.held is not None and task_run is None:
        return Resumption(row, None, {})
    row = waits(session, kit, row, task_run)
    run, node = _pause(session, kit, row, task_run)
    values, unknown = settled(kit, row, asked(node), given, Renderer(session, kit, row, node, task_runs.path(session, row, run.id).runs))
    return Resumption(row, run, values, unknown)


def chosen(found: Sequence[tuple[TaskRun, Node]], task_run: str | None) -> tuple[TaskRun, Node]:
    """The oldest of what waits, or that of a task run. Raises NotFound."""
    for run, node in found:
        if task_run in (None, run.id):
            return run, node
    first, node = found[0]
    raise NotFound(f"the execution has no paused task run `{(task_run or '')[:40]}`; `{node.id}` waits, as {first.id}")


def settled(kit: Kit, row: Row, asked: Sequence[Input], given: Mapping[str, Any], render: Render) -> tuple[dict[str, Any], Sequence[str]]:
    """The values of what is asked for, as they are stored, and the names that nobody asks for. Raises Invalid with each input that is wrong."""
    values, problems, unknown = resolve_inputs(asked, given, render)
    if problems:
        raise Invalid("; ".join(each.message for each in problems), [{"input": each.id, "message": each.message} for each in problems])
    return seal_inputs(kit.cipher, row.execution.environment, asked, values), unknown


def fill(session: Session, kit: Kit, row: Row, given: Mapping[str, Any], task_run: str | None = None) -> Filled:
    """The same while somebody fills the inputs in: what is wrong is told beside each. Raises Conflict and NotFound as `prepare` does."""
    if row.execution.held is not None and task_run is None:
        return Filled(row.execution.namespace, row.execution.flow, [], lambda value: value)
    row = waits(session, kit, row, task_run)
    run, node = _pause(session, kit, row, task_run)
    render = Renderer(session, kit, row, node, task_runs.path(session, row, run.id).runs)
    return Filled(row.execution.namespace, row.execution.flow, settle_inputs(asked(node), given, render), render.masked)


def waits(session: Session, kit: Kit, row: Row, task_run: str | None = None, type: str = PAUSE) -> Row:
    """The execution that waits for somebody where another one waits for it: the oldest of those that its tasks have called, or that of a task run."""
    if task_run is not None:
        run = task_runs.run(session, task_run)
        found = executions.get(session, run.execution) if run else None
        return found if found is not None and _is_below(session, found, row) else row
    while not waiting(session, kit, row, type):
        below = (executions.get(session, id) for run in task_runs.paused(session, row.execution.id) for id in children.open_below(session, run.id))
        following = next((each for each in below if each is not None and each.execution.state is State.PAUSED), None)
        if following is None:
            return row
        row = following
    return row


def _is_below(session: Session, row: Row, above: Row) -> bool:
    while row.execution.id != above.execution.id:
        caller = row.execution.caller
        found = executions.get(session, caller.execution) if caller else None
        if found is None:
            return False
        row = found
    return True


def _pause(session: Session, kit: Kit, row: Row, task_run: str | None) -> tuple[TaskRun, Node]:
    found = waiting(session, kit, row)
    if not found:
        review = waiting(session, kit, row, APPROVAL)
        why = f"`{review[0][1].id}` waits for a decision: review it" if review else "it waits for nobody to resume it"
        raise Conflict(f"execution {row.execution.id} is {row.execution.state.value}; {why}")
    return chosen(found, task_run)


def resume(session: Session, prepared: Resumption, by: str, asked: str | None = None) -> None:
    """Tells the executor. Raises Conflict where it was faster."""
    if prepared.run is None:
        events.add(session, prepared.row.execution.id, None, Resumed({}, by), asked)
        return
    run = task_runs.run(session, prepared.run.id)
    if run is None or run.state is not State.PAUSED:
        raise Conflict(f"`{prepared.run.node}` of execution {prepared.row.execution.id} does not wait any more")
    for name in prepared.unknown[:_TOLD]:
        line = Line(now(), "WARN", f"input `{name[:100]}` is not one that `{run.node}` asks for and is ignored")
        logs.append(session, run.execution, run.id, run.node, run.attempt.number, [line])
    events.add(session, prepared.row.execution.id, run.id, Resumed(prepared.given, by), asked)


class Renderer:
    """Defaults of the inputs, in the scope of the pause."""

    def __init__(self, session: Session, kit: Kit, row: Row, node: Node, lineage: tuple[TaskRun, ...]) -> None:
        execution = row.execution
        self._kit, self._inputs = kit, execution.inputs
        self._scope = of_execution(kit, execution, node, lineage, Results(Stored(session, execution.id)), Surroundings(session).of(execution))
        whose = Whose(execution.environment, execution.namespace, execution.flow, execution.id, execution.pin)
        self._reach = Reach(kit, whose, lambda: nullcontext(session), now)
        flow = kit.reader.revision(session, row.flow, execution.revision).flow
        self._place = of_task(execution, node, lambda: flow.source if flow else "")

    def __call__(self, value: Any, more: Mapping[str, Any]) -> Any:
        # Those that the pause asks for lie over those of the execution.
        laid = {"inputs": {**self._inputs, **more.get("inputs", {})}}
        return Rendering(self._kit, ChainMap(laid, cast("dict[str, Any]", self._scope)), self._reach, self._place).typed(value)

    def masked(self, value: Any) -> Any:
        """Without secrets, those that were rendered here among them."""
        return Rendering(self._kit, {}, self._reach).masked(value)
