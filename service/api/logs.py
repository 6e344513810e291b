"""Logs: read, and follow from the first line to the last. A log may be of any length, so both go page by page."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from service.actions import executions
from service.api import shapes
from service.api.access import Reader, Writer
from service.api.found import Found, find
from service.api.parts import Parts, Tenant, Use, listening, pause
from service.errors import Invalid
from service.store import executions as rows
from service.store import logs
from service.store.executions import Row
from service.store.logs import Entry

router = APIRouter(prefix="/logs", tags=["logs"])

Attempt: Any = Query(None, ge=0, le=100_000)


def _level(level: str = Query("TRACE", alias="minLevel")) -> str:
    if level.upper() not in logs.LEVELS:
        raise Invalid(f"there is no level `{level[:20]}`; there are {', '.join(logs.LEVELS)}")
    return level


Level = Annotated[str, Depends(_level)]


@router.get("/{id}")
def read(
    row: Found,
    level: Level,
    parts: Use,
    _: Reader,
    task: str | None = Query(None, alias="taskId"),
    task_run: str | None = Query(None, alias="taskRunId"),
    attempt: int | None = Attempt,
) -> Response:
    """All entries of an execution that are stored by now, in order."""
    page = partial(logs.page, level=level, task_run=task_run, task=task, attempt=_stored(attempt))
    return StreamingResponse(_array(parts, row, page), media_type="application/json")


@router.get("/{id}/download")
def download(
    row: Found,
    level: Level,
    parts: Use,
    _: Reader,
    task: str | None = Query(None, alias="taskId"),
    task_run: str | None = Query(None, alias="taskRunId"),
    attempt: int | None = Attempt,
) -> Response:
    """The same as a text, to be saved: a line, or more where its message has more, for each entry."""
    page = partial(logs.page, level=level, task_run=task_run, task=task, attempt=_stored(attempt))
    headers = {"Content-Disposition": f'attachment; filename="{row.execution.id}.log"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_text(parts, row, page), headers=headers, media_type="text/plain; charset=utf-8")


@router.delete("/{id}")
async def delete(
    id: str,
    level: Level,
    parts: Use,
    _: Writer,
    tenant: Tenant,
    task: str | None = Query(None, alias="taskId"),
    task_run: str | None = Query(None, alias="taskRunId"),
    attempt: int | None = Attempt,
) -> Response:
    """Deletes the entries of an execution, or those of at least a level."""
    key = await run_in_threadpool(_key, parts, tenant, id)
    chosen = {"execution_id": key, "task_id": task, "task_run_id": task_run, "attempt": _stored(attempt)}
    return await _forget(parts, chosen, level)


def _key(parts: Parts, tenant: str, id: str) -> str:
    with parts.kit.database.read() as session:
        return find(session, tenant, id).execution.id


@router.delete("/{namespace}/{flow_id}")
async def delete_of_flow(namespace: str, flow_id: str, parts: Use, _: Writer, tenant: Tenant) -> Response:
    """Deletes the entries of all executions of a flow."""
    return await _forget(parts, {"environment": tenant, "namespace": namespace, "flow_id": flow_id}, "TRACE")


async def _forget(parts: Parts, chosen: Mapping[str, Any], level: str) -> Response:
    """A slice at a time, so that nobody waits long to store something."""
    after: int | None = 0
    given = {name: value for name, value in chosen.items() if value is not None}
    while after is not None:
        after = await parts.kit.database.awrite(partial(logs.forget, chosen=given, level=level, after=after))
    return Response()


def _stored(attempt: int | None) -> int | None:
    """Kestra counts attempts from 0."""
    return None if attempt is None else attempt + 1


async def _array(parts: Parts, row: Row, page: Callable[..., Sequence[Entry]]) -> AsyncIterator[bytes]:
    """The entries as a JSON array, in as many pieces as there are pages."""
    last, after, begin = await run_in_threadpool(_newest, parts, row), 0, b"["
    while shown := await run_in_threadpool(_shown, parts, row, partial(page, after=after, until=last)):
        entries, after = shown
        text = ",".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
        yield begin + text.encode()
        begin = b","
    yield b"[]" if begin == b"[" else b"]"


async def _text(parts: Parts, row: Row, page: Callable[..., Sequence[Entry]]) -> AsyncIterator[bytes]:
    """The entries as lines of text, in as many pieces as there are pages."""
    last, after = await run_in_threadpool(_newest, parts, row), 0
    while shown := await run_in_threadpool(_shown, parts, row, partial(page, after=after, until=last)):
        entries, after = shown
        yield "".join(f"{entry['timestamp']} {entry['level']} {entry['message']}\n" for entry in entries).encode("utf-8", "backslashreplace")


def _newest(parts: Parts, row: Row) -> int:
    with parts.kit.database.read() as session:
        return logs.newest(session, row.execution.id)


@router.get("/{id}/follow", response_class=EventSourceResponse)
async def follow(found: Found, level: Level, parts: Use, _: Reader) -> AsyncIterator[ServerSentEvent]:
    """Every entry from the first, then as they come; ends when the execution has ended and all is sent. Where another execution takes over from it, its
    entries follow, and the end is that one's."""
    row = found
    yield ServerSentEvent(data={"id": row.execution.id}, event="start", id="start")
    while not parts.stopping.is_set():
        async with aclosing(_entries(parts, row.execution.id, level)) as entries:
            async for entry in entries:
                yield ServerSentEvent(data=entry, event="progress", id="progress")
        ended, row = row, await run_in_threadpool(_heir, parts, row.execution.id)
        if row.execution.id == ended.execution.id and not parts.stopping.is_set():
            yield ServerSentEvent(data={"id": row.execution.id, "state": row.execution.state.value}, event="end", id="end")
            return


async def _entries(parts: Parts, key: str, level: str) -> AsyncGenerator[dict[str, Any], None]:
    """Those of one execution, to its end or that of the service."""
    after = 0
    with listening(parts, ("log", key), ("execution", key)) as woken:
        while not parts.stopping.is_set():
            # Asked before reading: what was logged before the end is in what is read after it.
            row = await run_in_threadpool(_look, parts, key)
            while shown := await run_in_threadpool(_shown, parts, row, partial(logs.page, after=after, level=level)):
                entries, after = shown
                for entry in entries:
                    yield entry
            if row.execution.state.terminal:
                return
            await pause(parts, woken, 15.0)


def _look(parts: Parts, id: str) -> Row:
    with parts.kit.database.read() as session:
        return executions.get(session, id)


def _heir(parts: Parts, id: str) -> Row:
    """The execution that took over from one; itself where none did."""
    with parts.kit.database.read() as session:
        return rows.successor(session, executions.get(session, id))


def _shown(parts: Parts, row: Row, page: Callable[..., Sequence[Entry]]) -> tuple[list[dict[str, Any]], int] | None:
    """A page and where the next one begins; None at the end."""
    with parts.kit.database.read() as session:
        found = page(session, row.execution.id)
    return ([shapes.log_entry(entry, row.execution.namespace, row.execution.flow) for entry in found], found[-1].chunk) if found else None
