"""Tasks of the service that need files of a folder which a runner holds: it stores them first, and the service goes on in the same attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.actions.attempts import Attempted
from service.actions.kit import Kit
from service.engine.events import Ended, Event
from service.engine.program import RenderFailed
from service.engine.state import State
from service.store import executions, task_runs
from service.store.codec import to_json
from service.store.jobs import Job

TYPE = "io.kestra.plugin.core.storage.LocalFiles"  #: what the runner does
_REGEX, _GLOB = "regex:", "glob:"


def part_of(work: Attempted) -> Mapping[str, Any] | None:
    """What the runner's part is made of, rendered; None where the task is a runner's own. Raises RenderFailed."""
    if work.task.runs != "pool":
        return None
    globs = work.rendering.typed(getattr(work.task.model, "gathers", None))
    globs = [globs] if isinstance(globs, str) else globs or []
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise RenderFailed("`files` must be a list of texts")
    if any(glob.startswith(_REGEX) for glob in globs):
        # Which files they mean is decided by the service: all that there are.
        globs = ["**"]
    return {"outputs": [glob.removeprefix(_GLOB).lstrip("/") for glob in globs]}


def found(kit: Kit, held: Job, event: Event) -> str | None:
    """The files that a runner has stored for the service to go on with; None where the attempt has come to its end."""
    if not isinstance(event, Ended) or event.state is not State.SUCCESS:
        return None
    with kit.database.read() as session:
        row, run = executions.get(session, held.execution_id), task_runs.run(session, held.task_run_id)
        flow = kit.reader.revision(session, row.flow, row.execution.revision).flow if row else None
    node = flow.program.nodes.get(run.node) if flow and run else None
    return None if node is None or node.runs != "pool" else to_json(event.outputs.get("uris") or {})
