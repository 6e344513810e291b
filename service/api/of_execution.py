"""What stands around executions: their flow, the flows that can be started, and outputs by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from service.actions.layers import Stored
from service.actions.results import Results
from service.api import flows as flow_pages
from service.api.access import Reader
from service.api.found import Found, find_flow
from service.api.parts import Revision, Tenant, Use
from service.errors import NotFound, TooLarge
from service.expressions.errors import Refused
from service.store import detail, flows, task_runs
from service.store.codec import from_json

router = APIRouter(prefix="/executions", tags=["executions"])
outputs = APIRouter(prefix="/outputs", tags=["outputs"])


@router.get("/{id}/flow")
def flow(row: Found, parts: Use, _: Reader, tenant: Tenant) -> dict[str, Any]:
    """The flow of an execution, at its revision."""
    of = row.execution
    with parts.kit.database.read() as session:
        return flow_pages.shape(parts, session, find_flow(session, tenant, of.namespace, of.flow), of.revision)


@router.get("/flows/{namespace}/{flow_id}")
def flow_to_start(namespace: str, flow_id: str, parts: Use, _: Reader, tenant: Tenant, revision: int | None = Revision) -> dict[str, Any]:
    """A flow, for whoever starts it."""
    with parts.kit.database.read() as session:
        found = find_flow(session, tenant, namespace, flow_id)
        if found.live is None and revision is None:
            raise NotFound(f"flow `{namespace[:150]}.{flow_id[:100]}` was deleted in revision {found.revision}")
        return flow_pages.shape(parts, session, found, revision)


@router.get("/namespaces")
def namespaces(parts: Use, _: Reader, tenant: Tenant) -> list[str]:
    """The namespaces whose flows can be started."""
    with parts.kit.database.read() as session:
        return list(flows.namespaces(session, tenant))


@router.get("/namespaces/{namespace}/flows")
def flows_to_start(namespace: str, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """The flows of a namespace that can be started."""
    with parts.kit.database.read() as session:
        found = [row for row in flows.live(session, tenant, namespace=namespace) if row.namespace == namespace]
        return [flow_pages.shape(parts, session, row) for row in found]


@outputs.get("/{id}")
def of_execution(row: Found, parts: Use, _: Reader) -> dict[str, Any]:
    """The outputs of all tasks, as expressions name them: by task, in loops by value."""
    with parts.kit.database.read() as session:
        try:
            shown: dict[str, Any] = parts.kit.masker.value(Results(Stored(session, row.execution.id)).outputs())
        except Refused as failure:
            raise TooLarge(str(failure)) from failure
    return shown


@outputs.get("/{id}/{task_run}")
def of_task_run(row: Found, task_run: str, parts: Use, _: Reader) -> dict[str, Any]:
    """Those of one task run."""
    with parts.kit.database.read() as session:
        found = task_runs.run(session, task_run)
        if found is None or found.execution != row.execution.id:
            raise NotFound(f"execution {row.execution.id} has no task run `{task_run[:40]}`")
        shown: dict[str, Any] = parts.kit.masker.value(from_json(detail.outputs(session, task_run)) or {})
    return shown
