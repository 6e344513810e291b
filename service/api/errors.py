"""Every fault as an RFC 9457 problem, with Kestra's `message` beside. The only place where errors meet HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from runners.protocol import Gone, Rejected
from service.errors import ServiceError
from webhooks.change import NotAuthentic, OtherType, Unreadable

_log = logging.getLogger("headgate.api")


def problem(status: int, message: str, errors: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None) -> Response:
    """The answer."""
    title = HTTPStatus(status).phrase
    # Half of a surrogate pair in what is quoted must not turn the answer into another fault.
    message = message.encode(errors="backslashreplace").decode()
    body = {"type": "about:blank", "title": title, "status": status, "detail": message, "message": message, "errors": list(errors)}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


#: What these mean to a caller: a status, and words of ours where the error's own are not for everybody.
_PLAIN: Mapping[type[Exception], tuple[int, str | None]] = {
    Gone: (409, None),
    NotAuthentic: (401, "the signature is missing or wrong"),
    Unreadable: (Unreadable.status, None),
    OtherType: (OtherType.status, None),
    OverflowError: (422, "a number in this request is larger than any that is kept here"),
}


async def _plain(_: Request, failure: Exception) -> Response:
    status, words = _PLAIN[type(failure)]
    return problem(status, words or str(failure))


def install(app: FastAPI) -> None:
    """Maps the errors of all layers."""
    for kind in _PLAIN:
        app.add_exception_handler(kind, _plain)

    @app.exception_handler(ServiceError)
    async def _service(_: Request, failure: ServiceError) -> Response:
        if failure.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s", failure, exc_info=failure)
        headers = {401: {"WWW-Authenticate": 'Basic realm="headgate"'}, 503: {"Retry-After": "5"}}.get(failure.status)
        return problem(failure.status, failure.message, failure.errors, headers)

    @app.exception_handler(Rejected)
    async def _rejected(_: Request, failure: Rejected) -> Response:
        return problem(getattr(failure.__cause__, "status", 404), str(failure))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, failure: HTTPException) -> Response:
        return problem(failure.status_code, str(failure.detail), headers=failure.headers)

    @app.exception_handler(RequestValidationError)
    async def _request(_: Request, failure: RequestValidationError) -> Response:
        errors = [{"path": ".".join(str(part) for part in error["loc"]), "message": error["msg"]} for error in failure.errors()]
        status = 400 if any(error["type"] == "json_invalid" for error in failure.errors()) else 422
        return problem(status, "; ".join(f"{error['path']}: {error['message']}" for error in errors), errors)

    @app.exception_handler(Exception)
    async def _fault(request: Request, failure: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=failure)
        return problem(500, "an internal error; the service's log has it")
