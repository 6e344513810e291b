"""Expressions tried out on executions."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request

from service.actions.evaluation import evaluate
from service.api import body
from service.api.access import Reader
from service.api.ambiguity import TEXT, ExecutionRoute
from service.api.found import find
from service.api.parts import Parts, Tenant, Use
from service.errors import Malformed

router = APIRouter(prefix="/executions", tags=["executions"])
#: The address that has to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)


@first.post("/{id}/eval")
@router.post("/{id}/eval/{task_run}")
@router.post("/{id}/actions/eval")
@router.post("/{id}/actions/eval/{task_run}")
async def of_execution(id: str, request: Request, parts: Use, _: Reader, tenant: Tenant, task_run: str | None = None) -> dict[str, Any]:
    """What the expression in the body renders to with the variables of an execution, or of one of its task runs. An expression that is wrong is an answer."""
    body.require_type(request, TEXT)
    template = _text(await body.read(request, body.FLOW_CAP))
    return await to_thread.run_sync(_evaluated, parts, tenant, id, task_run, template, limiter=parts.template_threads)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Malformed(f"the body is not UTF-8: byte {wrong.start + 1}") from None


def _evaluated(parts: Parts, tenant: str, id: str, task_run: str | None, template: str) -> dict[str, Any]:
    with parts.kit.database.read() as session:
        found = evaluate(session, parts.kit, find(session, tenant, id), task_run, template)
    return {"result": found.result, "error": found.error, "stackTrace": found.place}
