"""Inputs while somebody fills in a form: of a start, and of a pause. Asked again at every change, so that the form can follow."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from runners.masking import STARS
from service.actions import filling, pausing
from service.actions.executions import Chosen, Order, choose
from service.actions.filling import Filled
from service.api import given
from service.api.access import Permission, Reader
from service.api.ambiguity import ExecutionRoute
from service.api.calling import calling
from service.api.found import find
from service.api.parts import LONGEST_WORD, Revision, Tenant, Use
from service.flows.flow_calls import may_call
from service.flows.resolve import Settled
from service.store.codec import now

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)


@first.post("/{id}/resume/validate")
@router.post("/{id}/actions/resume/validate")
async def of_pause(
    id: str, request: Request, parts: Use, _: Reader, tenant: Tenant, task_run: str | None = Query(None, alias="taskRunId", max_length=LONGEST_WORD)
) -> dict[str, Any]:
    """What the inputs come to that a pause would be given; 409 where the execution waits for nobody."""
    values = await given.inputs(request)

    def filled() -> dict[str, Any]:
        with parts.kit.database.read() as session:
            return _shape(pausing.fill(session, parts.kit, find(session, tenant, id), values, task_run))

    return await run_in_threadpool(filled)


@router.post("/{namespace}/{id}/validate")
async def of_start(
    namespace: str,
    id: str,
    request: Request,
    parts: Use,
    caller: Reader,
    tenant: Tenant,
    labels: list[str] | None = Query(None),
    revision: int | None = Revision,
) -> dict[str, Any]:
    """What the inputs of a start come to; nothing is started but the flows that they call, where whoever asks may start flows. 409 for a flow that can't be."""
    chosen = given.labels(labels)
    inputs = await given.inputs(request)
    order = Order(tenant, namespace, id, inputs, chosen, revision=revision, correlation=chosen.get(given.CORRELATION), by=caller.person)

    def filled() -> dict[str, Any] | Chosen:
        with parts.kit.database.read() as session:
            flow = choose(session, parts.kit, order)
        calls = may_call(flow.flow.source) and caller.may(Permission.WRITE)
        return flow if calls else _shape(filling.fill(parts.kit, order, flow, now()))

    found = await run_in_threadpool(filled)
    if isinstance(found, dict):
        return found
    return await calling(parts, request, lambda calls: _shape(filling.fill(parts.kit, order, found, now(), calls)))


def _shape(filled: Filled) -> dict[str, Any]:
    inputs = [_input(one) for one in filled.inputs]
    checks = [{"message": one.message, "style": one.style, "behavior": one.behavior} for one in filled.checks]
    shown: dict[str, Any] = filled.masked({"id": filled.flow, "namespace": filled.namespace, "inputs": inputs, "checks": checks})
    return shown


def _input(one: Settled) -> dict[str, Any]:
    declared = one.input.model_dump(mode="json", by_alias=True, exclude_none=True)
    if one.choices is not None:
        declared["values"] = list(one.choices)
    return {
        "input": declared,
        "value": STARS if one.input.secret and one.value is not None else one.value,
        "enabled": one.enabled,
        "isDefault": one.default,
        "errors": [] if one.problem is None else [{"message": one.problem}],
    }
