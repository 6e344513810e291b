"""The same for many executions: those of a list, or all that a query finds.

First every one of them is looked at, and where one can't be asked, none is. Then they are asked, so many in a transaction. The answer says how many have done
so; where the executor was faster with something else, it names those that could not be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from service.actions import pausing, replaying
from service.api import body
from service.api.access import Caller, Writer
from service.api.actions import given_labels, given_state
from service.api.answers import TAKEN, Answered, ask
from service.api.execution_search import Wanted
from service.api.parts import Parts, Tenant, Use
from service.engine.asked import refusal
from service.engine.events import Asked, Halted, Killed, Labelled, Replayed, Restarted, Resumed, StatusSet
from service.engine.state import State
from service.errors import Malformed, ServiceError
from service.store import events
from service.store import executions as rows
from service.store.codec import new_id
from service.store.database import Session
from service.store.executions import Filter, Row

router = APIRouter(prefix="/executions", tags=["executions"])

_CHUNK = 500  #: executions in one transaction
_MOST = 10_000  #: ids in one body
_NAMED = 1000  #: executions that an answer names
_PATIENCE = 30.0  #: seconds

#: One execution and what it is asked: the task run, and the event. Raises ServiceError where that can't be.
Make = Callable[[Session, Row], tuple[str | None, Asked]]
Rows = Callable[[Session], Iterator[Sequence[Row]]]
Invalid = tuple[str, str]  #: an id, and why


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done. `name` as in the address, `kind` what the executor hears, `only`: narrower than what that allows."""

    name: str
    kind: type[Asked]
    make: Make
    only: frozenset[State] = frozenset(State)

    def refuses(self, row: Row) -> str | None:
        """Why one can't be asked."""
        if (why := refusal(self.kind, row.execution)) is not None:
            return why
        state = row.execution.state
        return None if state in self.only else f"execution {row.execution.id} is {state.value}, not {' or '.join(sorted(self.only))}"


async def by_ids(parts: Parts, tenant: str, ids: Sequence[str], deed: Deed) -> Response:
    """Those with these ids."""

    def found(session: Session) -> Iterator[Sequence[Row]]:
        for at in range(0, len(ids), _CHUNK):
            yield [row for row in rows.several(session, ids[at : at + _CHUNK]) if row.execution.environment == tenant]

    def missing(session: Session) -> list[Invalid]:
        there = {row.execution.id for chunk in found(session) for row in chunk}
        return [(id, "execution not found") for id in ids if id not in there]

    return await _deal(parts, found, deed, missing)


async def by_query(parts: Parts, wanted: Filter, deed: Deed) -> Response:
    """Those that a query finds, as far as they are there already."""
    until = new_id()

    def found(session: Session) -> Iterator[Sequence[Row]]:
        after = ""
        while chunk := rows.chunk(session, wanted, after, until, _CHUNK):
            yield chunk
            after = chunk[-1].execution.id

    return await _deal(parts, found, deed, lambda _: [])


async def _deal(parts: Parts, found: Rows, deed: Deed, missing: Callable[[Session], list[Invalid]]) -> Response:
    invalid = await run_in_threadpool(_look, parts, found, deed, missing)
    if invalid:
        return _refused(deed, invalid, 0)
    count, pending = 0, 0
    for chunk in await run_in_threadpool(_chunks, parts, found):
        answered, failed = await _ask(parts, chunk, deed)
        invalid += [*failed, *((each.execution, each.refusal or "") for each in answered.refused)]
        count += answered.done - len(answered.refused)
        pending += answered.asked - answered.done
    if invalid:
        return _refused(deed, invalid, count)
    return JSONResponse({"count": count + pending, **({"pending": pending, "message": TAKEN} if pending else {})}, 202 if pending else 200)


def _look(parts: Parts, found: Rows, deed: Deed, missing: Callable[[Session], list[Invalid]]) -> list[Invalid]:
    with parts.kit.database.read() as session:
        invalid = missing(session)
        for chunk in found(session):
            invalid += [(row.execution.id, why) for row in chunk if (why := deed.refuses(row)) is not None]
            if len(invalid) > _NAMED:
                break
    return invalid


def _chunks(parts: Parts, found: Rows) -> list[list[str]]:
    with parts.kit.database.read() as session:
        return [[row.execution.id for row in chunk] for chunk in found(session)]


async def _ask(parts: Parts, ids: Sequence[str], deed: Deed) -> tuple[Answered, list[Invalid]]:
    """One transaction's worth."""
    failed: list[Invalid] = []

    def prepare() -> list[tuple[str, str | None, Asked]]:
        made = []
        with parts.kit.database.read() as session:
            for row in rows.several(session, ids):
                try:
                    made.append((row.execution.id, *deed.make(session, row)))
                except ServiceError as wrong:
                    failed.append((row.execution.id, wrong.message))
        return made

    made = await run_in_threadpool(prepare)

    def send(session: Session, asked: str) -> int:
        for id, task_run, event in made:
            events.add(session, id, task_run, event, asked)
        return len(made)

    return await ask(parts, send, _PATIENCE), failed


def _refused(deed: Deed, invalid: Sequence[Invalid], done: int) -> Response:
    """Kestra's BulkErrorResponse, as a problem."""
    message = f"invalid bulk {deed.name}" + (f"; {done} are done" if done else "")
    named = [{"message": why, "invalidValue": id} for id, why in invalid[:_NAMED]]
    errors = [{"execution": each["invalidValue"], "message": each["message"]} for each in named]
    content = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": message, "message": message, "errors": errors, "invalids": named}
    return JSONResponse({**content, "count": done}, 400, media_type="application/problem+json")


async def ids_of(request: Request) -> list[str]:
    """The ids of a body."""
    return _ids(await body.read_json(request))


def _ids(found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(id, str) for id in found):
        raise Malformed("the body must be a list of ids of executions")
    if len(found) > _MOST:
        raise Malformed(f"these are {len(found):,} ids; a body has {_MOST:,} at most")
    return list(dict.fromkeys(found))


# what is done


def _restart(_: Parts, caller: Caller) -> Deed:
    return Deed("restart", Restarted, lambda _session, _row: (None, Restarted(caller.name)))


def _pause(_: Parts, caller: Caller) -> Deed:
    return Deed("pause", Halted, lambda _session, _row: (None, Halted(caller.name)))


def _resume(parts: Parts, caller: Caller) -> Deed:
    def make(session: Session, row: Row) -> tuple[str | None, Asked]:
        prepared = pausing.prepare(session, parts.kit, row, {})
        return (prepared.run.id if prepared.run else None), Resumed(prepared.given, caller.name)

    return Deed("resume", Resumed, make, frozenset({State.PAUSED}))


def _replay(parts: Parts, caller: Caller, *, latest: bool) -> Deed:
    wanted = replaying.Wanted(latest=latest)
    return Deed("replay", Replayed, lambda session, row: (None, replaying.prepare(session, parts.kit, row, wanted, caller.name)))


def _kill(caller: Caller, *, cascade: bool) -> Deed:
    return Deed("kill", Killed, lambda _session, _row: (None, Killed(caller.name, cascade)))


def _status(caller: Caller, name: str) -> Deed:
    state = given_state(name)
    return Deed("change status", StatusSet, lambda _session, _row: (None, StatusSet(state, caller.name)))


def _labels(caller: Caller, content: Any) -> Deed:
    return Deed("labels", Labelled, lambda _session, row: (None, Labelled(given_labels(content, row), caller.name)))


def simple(router: APIRouter, name: str, make: Callable[[Parts, Caller], Deed]) -> None:
    """The addresses of what takes nothing but the executions."""

    async def of_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant) -> Response:
        return await by_ids(parts, tenant, await ids_of(request), make(parts, caller))

    async def of_query(parts: Use, caller: Writer, wanted: Wanted) -> Response:
        return await by_query(parts, wanted, make(parts, caller))

    for path in (f"/{name}", f"/actions/{name}"):
        router.post(f"{path}/by-ids", name=f"{name} by ids")(of_ids)
        router.post(f"{path}/by-query", name=f"{name} by query")(of_query)


for _name, _made in (("restart", _restart), ("pause", _pause), ("resume", _resume)):
    simple(router, _name, _made)


@router.post("/replay/by-ids")
@router.post("/actions/replay/by-ids")
async def replay_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant, latest: bool = Query(False, alias="latestRevision")) -> Response:
    """Does them again as new ones, from the beginning."""
    return await by_ids(parts, tenant, await ids_of(request), _replay(parts, caller, latest=latest))


@router.post("/replay/by-query")
@router.post("/actions/replay/by-query")
async def replay_query(parts: Use, caller: Writer, wanted: Wanted, latest: bool = Query(False, alias="latestRevision")) -> Response:
    """The same for all that a query finds."""
    return await by_query(parts, wanted, _replay(parts, caller, latest=latest))


@router.delete("/kill/by-ids")
@router.post("/actions/kill/by-ids")
async def kill_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant, cascade: bool = Query(True, alias="isOnKillCascade")) -> Response:
    """Stops them."""
    return await by_ids(parts, tenant, await ids_of(request), _kill(caller, cascade=cascade))


@router.delete("/kill/by-query")
@router.post("/actions/kill/by-query")
async def kill_query(parts: Use, caller: Writer, wanted: Wanted, cascade: bool = Query(True, alias="isOnKillCascade")) -> Response:
    """The same for all that a query finds."""
    return await by_query(parts, wanted, _kill(caller, cascade=cascade))


@router.post("/change-status/by-ids")
@router.post("/actions/change-status/by-ids")
async def change_status_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant, status: str = Query(alias="newStatus")) -> Response:
    """Says how they ended."""
    return await by_ids(parts, tenant, await ids_of(request), _status(caller, status))


@router.post("/change-status/by-query")
@router.post("/actions/change-status/by-query")
async def change_status_query(parts: Use, caller: Writer, wanted: Wanted, status: str = Query(alias="newStatus")) -> Response:
    """The same for all that a query finds."""
    return await by_query(parts, wanted, _status(caller, status))


@router.post("/labels/by-ids")
@router.post("/actions/labels/by-ids")
async def labels_ids(request: Request, parts: Use, caller: Writer, tenant: Tenant) -> Response:
    """Gives them labels: `{"executionsId": […], "executionLabels": [{"key": …, "value": …}]}`."""
    content = await body.read_json(request)
    if not isinstance(content, dict) or "executionLabels" not in content:
        raise Malformed('the body must be {"executionsId": ["…"], "executionLabels": [{"key": "…", "value": "…"}]}')
    return await by_ids(parts, tenant, _ids(content.get("executionsId")), _labels(caller, content["executionLabels"]))


@router.post("/labels/by-query")
@router.post("/actions/labels/by-query")
async def labels_query(request: Request, parts: Use, caller: Writer, wanted: Wanted) -> Response:
    """Gives labels to all that a query finds; the body is a list of them."""
    return await by_query(parts, wanted, _labels(caller, await body.read_json(request)))
