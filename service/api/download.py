"""Files as answers: piece by piece, never whole in memory; one part of a file where that is asked for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import BinaryIO
from urllib.parse import quote

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def download(request: Request, name: str, stream: BinaryIO, size: int) -> Response:
    """The file as something to be saved under a name. Closes the stream."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    begin, end = _asked(request, size) or (0, size)
    if begin >= end > 0 or begin > size:
        stream.close()
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    status = 200
    if end - begin < size:
        status, headers["Content-Range"] = 206, f"bytes {begin}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - begin)
    return StreamingResponse(_pieces(stream, begin, end), status, headers, "application/octet-stream")


def _asked(request: Request, size: int) -> tuple[int, int] | None:
    """From where to where, of one range. Whatever else stands there is not heeded, as HTTP allows."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or "if-range" in request.headers or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    return int(found[1]), min(int(found[2]) + 1, size) if found[2] else size


async def _pieces(stream: BinaryIO, begin: int, end: int) -> AsyncIterator[bytes]:
    try:
        if begin:
            await run_in_threadpool(_pass_over, stream, begin)
        left = end - begin
        while left and (piece := await run_in_threadpool(stream.read, min(left, _PIECE))):
            left -= len(piece)
            yield piece
    finally:
        stream.close()


def _pass_over(stream: BinaryIO, count: int) -> None:
    if stream.seekable():
        stream.seek(count)
        return
    while count and (piece := stream.read(min(count, _PIECE))):
        count -= len(piece)
