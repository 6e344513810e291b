"""What people do with one execution. The executor decides: 409 with the state where that does not allow it, else the execution, or 202 while it is not done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from service.actions import executions as acts
from service.actions import pausing, replaying
from service.actions.executions import Chosen, Order
from service.actions.pausing import Resumption
from service.actions.replaying import Wanted
from service.api import body, given, serial
from service.api.access import Caller, Writer
from service.api.ambiguity import ExecutionRoute
from service.api.answers import TAKEN, decided
from service.api.calling import calling
from service.api.found import find
from service.api.parts import LONGEST_WORD, Parts, Revision, Tenant, Use
from service.engine.asked import GIVEN, OURS
from service.engine.events import Event, Halted, Labelled, Passed, Replayed, Restarted, StateSet, StatusSet
from service.engine.state import State
from service.errors import Invalid, Malformed, NotFound
from service.flows.flow_calls import may_call
from service.store import events
from service.store.codec import to_json
from service.store.database import Session
from service.store.executions import Row

router = APIRouter(prefix="/executions", tags=["executions"])
#: The addresses that have to be looked at before that of a start.
first = APIRouter(prefix="/executions", tags=["executions"], route_class=ExecutionRoute)

TaskRunId = Annotated[str | None, Query(alias="taskRunId", max_length=LONGEST_WORD)]
Points = Annotated[list[str] | None, Query(alias="breakpoints")]
_MOST_LABELS, _LONGEST = 100, 1000

Send = Callable[[Session, str], object]


async def _answer(parts: Parts, row: Row, send: Send, shown: str | None = None, status: int = 200) -> Response:
    """Asks the executor; gives the execution as it is then, or another one that came of it."""
    done = await decided(parts, send)

    def look() -> str:
        with parts.kit.database.read() as session:
            try:
                found = find(session, row.execution.environment, shown or row.execution.id)
            except NotFound:
                if done:
                    raise
                return to_json({"id": shown, "message": TAKEN})
            head = serial.head(parts.kit, session, found)
            return serial.whole(head if done else {**head, "message": TAKEN}, serial.task_runs(parts.kit, session, found))

    return Response(await run_in_threadpool(look), status_code=status if done else 202, media_type="application/json")


async def answer(parts: Parts, row: Row, event: Event, task_run: str | None = None) -> Response:
    """Asks the executor; gives the execution as it is then."""
    return await _answer(parts, row, lambda session, asked: events.add(session, row.execution.id, task_run, event, asked))


async def row_of(parts: Parts, tenant: str, id: str) -> Row:
    """An execution. Raises NotFound."""

    def look() -> Row:
        with parts.kit.database.read() as session:
            return find(session, tenant, id)

    return await run_in_threadpool(look)


@router.delete("/{id}/kill", status_code=202)
@router.post("/{id}/actions/kill", status_code=202)
async def kill(id: str, parts: Use, caller: Writer, tenant: Tenant, cascade: bool = Query(True, alias="isOnKillCascade")) -> Response:
    """Stops an execution; 409 when it has ended. Unless `isOnKillCascade` is false, those that it has started are stopped, too."""
    row = await row_of(parts, tenant, id)
    send = partial(acts.kill, id=row.execution.id, by=caller.name, cascade=cascade)
    return await _answer(parts, row, lambda session, asked: send(session, asked=asked), status=202)


@first.post("/{id}/restart")
@router.post("/{id}/actions/restart")
async def restart(id: str, parts: Use, caller: Writer, tenant: Tenant, revision: int | None = Revision) -> Response:
    """Does what failed once more. In another revision it is a new execution that does."""
    row = await row_of(parts, tenant, id)
    if revision in (None, row.execution.revision):
        return await answer(parts, row, Restarted(caller.name))
    return await _replay(parts, caller, row, Wanted(revision=revision, failed=True))


def _wanted(
    task_run: TaskRunId = None,
    revision: int | None = Revision,
    latest: bool = Query(False, alias="latestRevision"),
    breakpoints: Points = None,
) -> Wanted:
    return Wanted(task_run, revision, latest, None, given.breakpoints(breakpoints))


Options = Annotated[Wanted, Depends(_wanted)]


@first.post("/{id}/replay")
@router.post("/{id}/actions/replay")
async def replay(id: str, parts: Use, caller: Writer, tenant: Tenant, wanted: Options) -> Response:
    """Does an execution again, as a new one: from a task run, with what those before it gave, or from the beginning."""
    return await _replay(parts, caller, await row_of(parts, tenant, id), wanted)


@first.post("/{id}/replay-with-inputs")
@router.post("/{id}/actions/replay-with-inputs")
async def replay_with_inputs(id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant, wanted: Options) -> Response:
    """The same with other inputs: parts of a form, or `inputs` of a JSON body."""
    wanted = replace(wanted, inputs=await given.inputs(request))
    row = await row_of(parts, tenant, id)

    def look() -> tuple[Order, Chosen]:
        with parts.kit.database.read() as session:
            return replaying.asked_for(session, parts.kit, row, wanted)

    order, chosen = await run_in_threadpool(look)
    settled = partial(replaying.settled, parts.kit, row, wanted, caller.name, order, chosen)
    return await _replayed(parts, row, wanted, await (calling(parts, request, settled) if may_call(chosen.flow.source) else run_in_threadpool(settled)))


async def _replay(parts: Parts, caller: Caller, row: Row, wanted: Wanted) -> Response:
    def prepare() -> Replayed:
        with parts.kit.database.read() as session:
            return replaying.prepare(session, parts.kit, row, wanted, caller.name)

    return await _replayed(parts, row, wanted, await run_in_threadpool(prepare))


async def _replayed(parts: Parts, row: Row, wanted: Wanted, event: Replayed) -> Response:
    return await _answer(parts, row, lambda session, asked: events.add(session, row.execution.id, wanted.task_run, event, asked), event.execution)


@first.post("/{id}/state")
@router.post("/{id}/actions/state")
@first.post("/{id}/change-state")
@router.post("/{id}/actions/change-state")
async def change_state(id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Says how a task run ended; the execution goes on from there. The body is `{"taskRunId": …, "state": …}`."""
    content = await body.read_json(request)
    if not isinstance(content, dict) or not isinstance(content.get("taskRunId"), str) or not isinstance(content.get("state"), str):
        raise Malformed('the body must be {"taskRunId": "…", "state": "SUCCESS"}')
    state = given_state(content["state"], GIVEN | {State.RUNNING})
    row = await row_of(parts, tenant, id)
    return await answer(parts, row, StateSet(state, caller.name), content["taskRunId"])


@first.post("/{id}/change-status")
@router.post("/{id}/actions/change-status")
async def change_status(id: str, parts: Use, caller: Writer, tenant: Tenant, status: str) -> Response:
    """Says how an execution ended; nothing follows from it."""
    event = StatusSet(given_state(status), caller.name)
    return await answer(parts, await row_of(parts, tenant, id), event)


def given_state(name: str, among: frozenset[State] = GIVEN) -> State:
    """A state that something can be said to have come to. Raises Invalid."""
    found = next((state for state in among if state.value == name.strip().upper()), None)
    if found is None:
        raise Invalid(f"`{name[:40]}` is no state that can be given; there are {', '.join(sorted(among))}")
    return found


@first.post("/{id}/labels")
@router.post("/{id}/actions/labels")
async def set_labels(id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Gives an execution that has ended other labels: a list of `{"key": …, "value": …}`, or a map. Those of the service stay."""
    row = await row_of(parts, tenant, id)
    event = Labelled(given_labels(await body.read_json(request), row), caller.name)
    return await answer(parts, row, event)


def given_labels(content: Any, *rows: Row) -> dict[str, str]:
    """The labels of a body. Raises Invalid; labels of the service may be among them as they are."""
    if isinstance(content, dict):
        content = [{"key": key, "value": value} for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(each, dict) and each.keys() == {"key", "value"} for each in content):
        raise Malformed('labels are a list of {"key": "…", "value": "…"}')
    found: dict[str, str] = {}
    for each in content:
        key, value = each["key"], each["value"]
        if not isinstance(key, str) or not isinstance(value, str) or not key or not value or len(key) + len(value) > _LONGEST:
            raise Invalid(f"the label `{str(key)[:60]}` must have a key and a value of at most {_LONGEST} characters")
        if not key.startswith(OURS):
            found[key] = value
        elif any(row.execution.labels.get(key) != value for row in rows):
            raise Invalid(f"the label `{key[:60]}` is given by the service alone")
    if len(found) > _MOST_LABELS:
        raise Invalid(f"these are {len(found)} labels; an execution has {_MOST_LABELS} at most")
    return found


@first.post("/{id}/pause")
@router.post("/{id}/actions/pause")
async def pause(id: str, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Pauses an execution: what runs goes on to its end, nothing new begins until it is resumed."""
    return await answer(parts, await row_of(parts, tenant, id), Halted(caller.name))


@first.post("/{id}/resume-from-breakpoint")
@router.post("/{id}/actions/resume-from-breakpoint")
async def resume_from_breakpoint(id: str, parts: Use, caller: Writer, tenant: Tenant, breakpoints: Points = None) -> Response:
    """Lets an execution go on to its next breakpoint; `breakpoints` are set in the place of its own."""
    row = await row_of(parts, tenant, id)
    return await answer(parts, row, Passed(caller.name, None if breakpoints is None else given.breakpoints(breakpoints)))


@first.post("/{id}/resume")
@router.post("/{id}/actions/resume")
async def resume(id: str, request: Request, parts: Use, caller: Writer, tenant: Tenant, task_run: TaskRunId = None) -> Response:
    """Lets a paused execution go on, with the inputs that the pause asks for: parts of a form, or `inputs` of a JSON body. 409 where it waits for nobody."""
    prepared = await _resumption(request, parts, tenant, id, task_run)
    return await _answer(parts, prepared.row, lambda session, asked: pausing.resume(session, prepared, caller.name, asked), id)


async def _resumption(request: Request, parts: Parts, tenant: str, id: str, task_run: str | None) -> Resumption:
    values = await given.inputs(request)

    def prepare() -> Resumption:
        with parts.kit.database.read() as session:
            return pausing.prepare(session, parts.kit, find(session, tenant, id), values, task_run)

    return await run_in_threadpool(prepare)
