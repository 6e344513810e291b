"""Decisions that an Approval waits for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from service.actions import pausing, reviewing
from service.actions.pausing import Resumption
from service.actions.reviewing import Decision
from service.api import body, given
from service.api.access import Writer
from service.api.actions import TaskRunId
from service.api.ambiguity import ExecutionRoute
from service.api.answers import TAKEN, decided
from service.api.found import find
from service.api.parts import Tenant, Use
from service.errors import Malformed

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)


@first.post("/{id}/review")
@router.post("/{id}/actions/review")
async def review(id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant, response: Response, task_run: TaskRunId = None) -> dict[str, Any]:
    """Approves or denies what an execution waits for. A JSON body has `decision` (APPROVED or DENIED), `comment` and `inputs`; of a form, the parts beside
    `decision` and `comment` are the inputs. 409 where it waits for nobody's decision."""
    decision = await _decision(request)

    def prepare() -> Resumption:
        with parts.kit.database.read() as session:
            return reviewing.prepare(session, parts.kit, find(session, tenant, id), decision, task_run)

    prepared = await run_in_threadpool(prepare)
    done = await decided(parts, lambda session, asked: pausing.resume(session, prepared, caller.name, asked))
    shown = {"id": prepared.row.execution.id, "taskRunId": prepared.run and prepared.run.id, "decision": decision.decision}
    if not done:
        response.status_code = 202
        return {**shown, "message": TAKEN}
    return shown


async def _decision(request: Request) -> Decision:
    if body.content_type(request) in given.FORM:
        form = dict(await given.form(request))
        return Decision.of(form.pop("decision", None), form.pop("comment", None), form)
    content = await body.read_json(request)
    inputs = content.get("inputs", {}) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(inputs, dict) or content.keys() - {"decision", "comment", "inputs"}:
        raise Malformed('the body must be a JSON object such as {"decision": "APPROVED", "comment": "looks good", "inputs": {"name": "value"}}')
    return Decision.of(content.get("decision"), content.get("comment"), inputs)
