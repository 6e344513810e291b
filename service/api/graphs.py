"""Flows and executions as graphs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from service.actions import edits
from service.api import body, shapes
from service.api.access import Reader
from service.api.found import find, find_flow
from service.api.parts import Parts, Revision, Tenant, Use
from service.engine.execution import TaskRun
from service.errors import NotFound
from service.flows.flow import Flow
from service.flows.graph import graph_of
from service.flows.graph_json import as_json
from service.store import flows, task_runs
from service.store.codec import now
from service.store.database import Session

router = APIRouter(tags=["graphs"])


@router.post("/flows/graph")
async def of_text(request: Request, parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """The graph of a text, without storing it; 422 with every problem's place when it is wrong."""
    body.require_type(request, body.YAML)
    text = await body.read(request, body.FLOW_CAP)
    return await run_in_threadpool(lambda: as_json(graph_of(edits.right(edits.check(parts.kit, text, allow_unknown_types=True)))))


@router.get("/flows/{namespace}/{id}/graph")
def of_flow(namespace: str, id: str, parts: Use, _: Reader, tenant: Tenant, revision: int | None = Revision) -> dict[str, Any]:
    """The graph of a flow, as it is live or at a revision."""
    with parts.kit.database.read() as session:
        row = find_flow(session, tenant, namespace, id)
        if row.live is None and revision is None:
            raise NotFound(f"flow `{namespace}.{id}` was deleted in revision {row.revision}")
        found = _at(parts, session, row.id, revision or row.live or row.revision)
    return as_json(graph_of(found))


@router.get("/executions/{id}/graph")
def of_execution(id: str, parts: Use, _: Reader, tenant: Tenant) -> dict[str, Any]:
    """The graph of the revision that an execution runs. A task that was begun has `taskRun`, its newest, and `states`: how many of its runs are in which."""
    with parts.kit.database.read() as session:
        row = find(session, tenant, id)
        found = _at(parts, session, row.flow, row.execution.revision)
        begun = _begun(task_runs.runs(session, row.execution.id), now())
    return as_json(graph_of(found), begun)


def _at(parts: Parts, session: Session, flow: str, number: int) -> Flow:
    """A stored flow at a revision. Raises NotFound, or Invalid when this version can't read its text any more."""
    revision = flows.revision(session, flow, number)
    if revision is None or revision.deleted:
        raise NotFound(f"the flow {'was deleted in' if revision else 'has no'} revision {number}")
    return edits.right(parts.kit.reader.read(revision.blob, revision.path, revision.source.encode("utf-8")))


def _begun(runs: Sequence[TaskRun], moment: datetime) -> dict[str, dict[str, Any]]:
    """What is known of tasks, by their ids, from their runs in the order of their creation: in loops a task has many."""
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        states[run.node][run.state.value] += 1
    newest = {run.node: run for run in runs}
    return {
        task: {"taskRun": {"id": run.id, "taskId": task, "state": shapes.state(run.history, moment)}, "states": dict(states[task])}
        for task, run in newest.items()
    }
