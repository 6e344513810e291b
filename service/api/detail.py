"""One execution: as it is, and again whenever it has changed.

Every event of a stream has the whole execution, as Kestra's have it, but only what has changed since the last one is read: the texts of the other task runs
are kept. What an event costs decides how soon the next one comes, so that twenty thousand task runs that change all the time hold up nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.actions import executions
from service.actions.kit import Kit
from service.api import serial
from service.api.access import Reader
from service.api.found import Found
from service.api.parts import Parts, Use, listening, pause
from service.store import detail
from service.store.codec import now
from service.store.detail import Stored
from service.store.executions import Row

router = APIRouter(prefix="/executions", tags=["executions"])

_SHARE = 4  #: a stream rests so many times longer than its last event took
_LONGEST_REST = 5.0


@router.get("/{id}")
def get(
    row: Found,
    request: Request,
    parts: Use,
    _: Reader,
    size: int | None = Query(None, alias="taskRunSize", ge=0, le=100_000),
    page: int = Query(1, alias="taskRunPage", ge=1, le=1_000_000),
) -> Response:
    """One execution with its task runs; with `taskRunSize` a page of these, and `taskRunTotal`. `ETag` is that of its last change."""
    headers = {"ETag": f'W/"{row.execution.id}-{row.version}"', "Cache-Control": "no-cache"}
    if headers["ETag"] in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    with parts.kit.database.read() as session:
        row = executions.get(session, row.execution.id)
        headers["ETag"] = f'W/"{row.execution.id}-{row.version}"'
        if size is None:
            text = serial.execution(parts.kit, session, row)
        else:
            shown = serial.head(parts.kit, session, row) | {"taskRunTotal": detail.count(session, row.execution.id)}
            text = serial.whole(shown, serial.task_runs(parts.kit, session, row, limit=size, offset=(page - 1) * size))
    return Response(text, headers=headers, media_type="application/json")


@router.get("/{id}/follow", response_class=EventSourceResponse)
async def follow(found: Found, parts: Use, _: Reader) -> AsyncIterator[ServerSentEvent]:
    """The execution as it is, then again whenever it has changed, until it ends."""
    seen = Seen(parts.kit, found.execution.id)
    with listening(parts, ("execution", found.execution.id)) as woken:
        kind = "start"
        while not parts.stopping.is_set():
            begun = time.monotonic()
            shown = await run_in_threadpool(seen.look)
            if shown is not None:
                name = "end" if seen.ended else kind
                yield ServerSentEvent(raw_data=shown, event=name, id=name)
                kind = "progress"
            if seen.ended:
                return
            await _rest(parts, min(_SHARE * (time.monotonic() - begun), _LONGEST_REST))
            await pause(parts, woken, 15.0)


async def _rest(parts: Parts, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(parts.stopping.wait(), seconds)


@dataclass(slots=True)
class Seen:
    """What somebody who follows an execution has been shown of it. Used by one thread at a time."""

    kit: Kit
    id: str
    ended: bool = False
    _version: int = 0
    _texts: dict[str, str] = field(default_factory=dict)
    _open: dict[str, Stored] = field(default_factory=dict)  #: their duration grows

    def look(self) -> str | None:
        """The execution as it is now; None where that has been shown."""
        with self.kit.database.read() as session:
            row = executions.get(session, self.id)
            if row.version == self._version:
                return None
            if row.rewound > self._version:
                self._version = 0
                self._texts.clear()
                self._open.clear()
            since = self._version if self._texts else -1
            found = detail.changed(session, self.id, since)
            self._take(row, {run.id: run for run in found})
            self._version, self.ended = row.version, row.execution.state.terminal
            return serial.whole(serial.head(self.kit, session, row), self._texts.values())

    def _take(self, row: Row, changed: dict[str, Stored]) -> None:
        """Task runs that are new or changed, in the order of their creation; new ones come behind all others."""
        anew = changed | {id: run for id, run in self._open.items() if id not in changed}
        for run, text in serial.run_texts(self.kit.masker, row, anew.values(), now()):
            self._texts[run.id] = text
            if run.ended:
                self._open.pop(run.id, None)
            else:
                self._open[run.id] = run
