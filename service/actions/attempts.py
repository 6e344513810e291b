"""One attempt that was taken out of the queue, as whoever does it needs it: its task, and templates in its scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from runners.fields import parse_duration
from service.actions import templated
from service.actions.around import Surroundings
from service.actions.files import Whose
from service.actions.kit import Kit
from service.actions.layers import Stored
from service.actions.places import Where, of_task
from service.actions.reach import CALLS, Reach
from service.actions.results import Results
from service.actions.scope import Rendering, of_execution
from service.engine.execution import Execution, TaskRun
from service.engine.program import Node, RenderFailed
from service.store import executions, task_runs
from service.store.codec import now
from service.store.database import Session
from service.store.jobs import Job as QueuedJob


@dataclass(frozen=True, slots=True)
class Attempted:
    """What is done, for whom. `node` is the task of the flow; `task` is what is done for it, which is another one where its text was rendered first.
    `timeout` is in seconds. `trusted` is False where it is done for a fork's head."""

    execution: Execution
    run: TaskRun
    node: Node
    task: Node
    rendering: Rendering
    timeout: float | None
    trusted: bool = True


def look_up(session: Session, kit: Kit, queued: QueuedJob, more: Mapping[str, Callable[[], Any]] | None = None) -> Attempted:
    """Everything that an attempt is done with; its templates can be rendered while the session lasts. Raises RenderFailed with the place."""
    row = executions.get(session, queued.execution_id)
    path = task_runs.path(session, row, queued.task_run_id) if row else None
    if row is None or path is None or not path.runs:
        raise RenderFailed("the execution of this job is gone")
    execution, run = row.execution, path.runs[-1]
    flow = kit.reader.revision(session, row.flow, execution.revision).flow
    if flow is None or run.node not in flow.program.nodes:
        raise RenderFailed("this version of Headgate can't read the flow's revision any more")
    node, source = flow.program.nodes[run.node], flow.source
    scope = of_execution(kit, execution, node, path.runs, Results(Stored(session, execution.id)), Surroundings(session).of(execution), more)
    reach = Reach(kit, whose(execution), lambda: nullcontext(session), now, calls=CALLS)
    place = of_task(execution, node, lambda: source)
    rendering = Rendering(kit, scope, reach, place)
    task = templated.read(kit, rendering.text(node.model.spec)) if node.type == templated.TYPE else node
    return Attempted(execution, run, node, task, rendering, None if queued.holds else timeout_of(rendering, node, place), reach.trusted)


def whose(execution: Execution) -> Whose:
    """In whose name an execution's tasks read and write."""
    return Whose(execution.environment, execution.namespace, execution.flow, execution.id, execution.pin)


def timeout_of(rendering: Rendering, node: Node, place: Where | str) -> float | None:
    """How many seconds an attempt may take. Raises RenderFailed for a text that is no duration."""
    if node.timeout is None:
        return None
    text = rendering.text(node.timeout).strip()
    try:
        return parse_duration(text).total_seconds()
    except PydanticCustomError as wrong:
        raise RenderFailed(f"{place}`timeout` is `{text[:100]}`: {wrong}") from wrong
