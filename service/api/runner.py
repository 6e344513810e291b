"""The runner protocol over HTTP: what `runners.client` calls. 409 everywhere means that the lease is gone.

All of it runs in threads of its own: a lease is lost by a report that waits too long, so people's requests must never take the last thread.
"""

from __future__ import annotations

import secrets as random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response, StreamingResponse

from runners.protocol import Gone, Lease, LogLine, Order, Outcome, RunnerInfo, Tree, decode, encode
from service.actions import registering
from service.actions.dispatch import STOPS
from service.api import body
from service.api.access import Admin, AnyRunner, Caller, Newcomer, Reader, token_of
from service.api.errors import problem
from service.api.parts import Parts, Use, listening, pause
from service.errors import Forbidden, Malformed, NotFound, TooLarge
from service.flows.problems import escaped
from service.store import executions, jobs, repositories, runners
from service.store.codec import from_epoch, iso, now

router = APIRouter(prefix="/api/v1/runner", tags=["runner"], include_in_schema=False)
people = APIRouter(prefix="/runners", tags=["runners"])

T = TypeVar("T")
P = ParamSpec("P")

_LONGEST_WAIT = 30.0
_MESSAGE_CAP = 32 << 20
_FILE_CAP = 4 << 30


@router.post("/claim")
async def claim(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """The next job; 204 when none came up in time."""
    content = await body.read_json(request, _MESSAGE_CAP)
    runner = _read(lambda: decode(RunnerInfo, content["runner"]))
    _speaks_for(caller, runner.id)
    until = time.monotonic() + min(_LONGEST_WAIT, max(0.0, _read(lambda: float(content.get("wait", 0)))))
    with listening(parts, ("jobs", "")) as woken:
        while not await request.is_disconnected():
            if parts.draining.is_set():
                # Not 204: who is told to ask again later does not ask again at once.
                return problem(503, "the service is stopping and gives out no more jobs")
            job = await _run(parts, parts.dispatch.try_claim, runner)
            if job is not None:
                return JSONResponse(encode(job))
            left = until - time.monotonic()
            if left <= 0:
                break
            await pause(parts, woken, min(left, 5.0))
    return Response(status_code=204)


@router.post("/beat")
async def beat(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """Keeps leases."""
    content = await body.read_json(request, _MESSAGE_CAP)
    leases = _read(lambda: tuple(decode(Lease, lease) for lease in content["leases"]))
    runner, wait = _read(lambda: (str(content["runner"]), min(_LONGEST_WAIT, float(content.get("wait", 0)))))
    _speaks_for(caller, runner)
    with listening(parts, STOPS) as woken:
        answers = await _run(parts, parts.dispatch.beat_now, runner, leases)
        if wait > 0 and leases and all(order is Order.GO_ON for order in answers.values()):
            await pause(parts, woken, wait)
            answers = await _run(parts, parts.dispatch.beat_now, runner, leases)
    return JSONResponse({key: None if order is None else order.value for key, order in answers.items()})


@router.post("/log", status_code=204)
async def log(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """Stores lines."""
    content = await body.read_json(request, _MESSAGE_CAP)
    lease, lines = _read(lambda: (decode(Lease, content["lease"]), tuple(decode(LogLine, line) for line in content["lines"])))
    await _holds(parts, caller, lease)
    await _run(parts, parts.dispatch.log, lease, lines)
    return Response(status_code=204)


@router.post("/ready", status_code=204)
async def ready(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """A folder for other jobs stands."""
    content = await body.read_json(request, _MESSAGE_CAP)
    lease = _read(lambda: decode(Lease, content["lease"]))
    await _holds(parts, caller, lease)
    await _run(parts, parts.dispatch.ready, lease)
    return Response(status_code=204)


@router.post("/finish", status_code=204)
async def finish(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """Ends an attempt."""
    content = await body.read_json(request, _MESSAGE_CAP)
    lease, outcome = _read(lambda: (decode(Lease, content["lease"]), decode(Outcome, content["outcome"])))
    await _holds(parts, caller, lease)
    await _run(parts, parts.dispatch.finish, lease, outcome)
    return Response(status_code=204)


@router.post("/adopt")
async def adopt(request: Request, parts: Use, caller: AnyRunner) -> Response:
    """Goes on with work that was found running."""
    content = await body.read_json(request, _MESSAGE_CAP)
    runner, lease = _read(lambda: (str(content["runner"]), decode(Lease, content["lease"])))
    _speaks_for(caller, runner)
    return JSONResponse(encode(await _run(parts, parts.dispatch.adopt, runner, lease)))


@router.get("/jobs/{task_run}/{attempt}/{epoch}/tree")
async def tree(task_run: str, attempt: int, epoch: int, parts: Use, caller: AnyRunner) -> Response:
    """The files of the job's commit, as a tar."""
    await _holds(parts, caller, Lease(task_run, attempt, epoch))
    content = await _run(parts, _tree, parts, Lease(task_run, attempt, epoch))
    return StreamingResponse(_streamed(parts, content), media_type="application/x-tar")


def _tree(parts: Parts, lease: Lease) -> Iterator[bytes]:
    with parts.kit.database.read() as session:
        job = jobs.get(session, lease.task_run, lease.attempt)
        row = executions.get(session, job.execution_id) if job else None
        pin = row.execution.pin if row else None
        repository = repositories.by_id(session, pin.repository) if pin else None
    return parts.dispatch.tree(lease, Tree(repository.name if repository else "", pin.commit if pin else ""))


@router.get("/jobs/{task_run}/{attempt}/{epoch}/file")
async def get_file(task_run: str, attempt: int, epoch: int, uri: str, parts: Use, caller: AnyRunner) -> Response:
    """A stored file."""
    await _holds(parts, caller, Lease(task_run, attempt, epoch))
    content = await _run(parts, parts.dispatch.get, Lease(task_run, attempt, epoch), uri)
    return StreamingResponse(_streamed(parts, content), media_type="application/octet-stream")


@router.put("/jobs/{task_run}/{attempt}/{epoch}/file")
async def put_file(task_run: str, attempt: int, epoch: int, name: str, request: Request, parts: Use, caller: AnyRunner) -> Response:
    """Stores a file; the body is its content."""
    await _holds(parts, caller, Lease(task_run, attempt, epoch))
    with tempfile.TemporaryFile() as spool:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > _FILE_CAP:
                raise TooLarge(f"a file may have {_FILE_CAP:,} bytes")
            await _run(parts, spool.write, chunk)
        spool.seek(0)
        uri = await _run(parts, parts.dispatch.put, Lease(task_run, attempt, epoch), name, spool)
    return JSONResponse({"uri": uri})


@router.post("/register", status_code=204)
async def register(request: Request, parts: Use, _: Newcomer) -> Response:
    """A runner makes its own key known, once for each registration token."""
    content = await body.read_json(request, _MESSAGE_CAP)
    runner, key = _read(lambda: (str(content["runner"]), str(content["key"])))
    token, moment = token_of(request.headers) or "", now().timestamp()
    await _run(parts, parts.kit.database.write, partial(registering.register, token=token, runner=runner, key=key, at=moment))
    return Response(status_code=204)


def _speaks_for(caller: Caller, runner: str) -> None:
    """Raises Forbidden where a runner's own key is used for another runner. The token that many share is for any."""
    if caller.person not in (None, runner):
        raise Forbidden("this key is another runner's")


async def _holds(parts: Parts, caller: Caller, lease: Lease) -> None:
    """Raises Gone where a runner's own key is used for what another one has leased."""
    if caller.person is None:
        return

    def look() -> str | None:
        with parts.kit.database.read() as session:
            job = jobs.get(session, lease.task_run, lease.attempt)
        return job.runner if job is not None and job.epoch == lease.epoch else None

    if await _run(parts, look) != caller.person:
        raise Gone("this runner has no such lease")


@people.post("/registrations", status_code=201)
def offer_registration(parts: Use, _: Admin) -> dict[str, str]:
    """A token with which one runner can make its own key known, within an hour. It is shown once."""
    moment, token = now(), f"hg_register_{random.token_urlsafe(32)}"
    parts.kit.database.write(partial(registering.offer, token=token, at=moment.timestamp()))
    return {"token": token, "expires": iso(moment + timedelta(seconds=registering.LASTS))}


@people.delete("/{runner}/key", status_code=204)
def dismiss(runner: str, parts: Use, _: Admin) -> Response:
    """A runner's own key is good for nothing any more; what it has leased goes elsewhere when the leases run out."""
    if not parts.kit.database.write(partial(registering.dismiss, runner=runner)):
        raise NotFound(f"there is no key of a runner `{escaped(runner, 64)}`")
    return Response(status_code=204)


@people.get("")
def list_runners(parts: Use, _: Reader) -> list[dict[str, Any]]:
    """The runners that have asked for work, the last seen first."""
    with parts.kit.database.read() as session:
        found = runners.every(session)
    return [{**one, "first_seen_at": iso(from_epoch(one["first_seen_at"])), "seen_at": iso(from_epoch(one["seen_at"]))} for one in found]


async def _run(parts: Parts, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    return await to_thread.run_sync(partial(function, *arguments, **options), limiter=parts.runner_threads)


async def _streamed(parts: Parts, content: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await _run(parts, next, content, b""):
        yield chunk


def _read(reading: Callable[[], T]) -> T:
    """A message of a runner. Raises Malformed for what is none."""
    try:
        return reading()
    except ValidationError as failure:
        first = failure.errors()[0]
        raise Malformed(f"not a message of the runner protocol: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from failure
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise Malformed("not a message of the runner protocol") from failure
