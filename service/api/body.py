"""Request bodies, read with a cap and of the right type only."""

from __future__ import annotations

import json
from math import isinf
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message

from service.errors import Invalid, Malformed, TooLarge

JSON = ("application/json",)
YAML = ("application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml")
FLOW_CAP = 1_000_000
FLOWS_CAP = 5_000_000  #: of many flows in one text
JSON_CAP = 5_000_000


def content_type(request: Request) -> str:
    """The media type without parameters, lower-case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_type(request: Request, allowed: tuple[str, ...]) -> None:
    """Strict: what is not asked for by name is refused with 415."""
    if content_type(request) not in allowed:
        raise HTTPException(415, f"Content-Type must be {' or '.join(allowed)}")


def capped(request: Request, cap: int) -> Request:
    """The same request, whose body raises TooLarge past the cap, however it is read; from its declared length where there is one."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "compressed bodies are not taken here")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        raise TooLarge(f"the body has {int(declared):,} bytes; the limit is {cap:,}")
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > cap:
            raise TooLarge(f"the body has more than {cap:,} bytes")
        return message

    return Request(request.scope, receive)


async def read(request: Request, cap: int) -> bytes:
    """The body. Raises TooLarge."""
    return b"".join([chunk async for chunk in capped(request, cap).stream()])


async def read_json(request: Request, cap: int = JSON_CAP) -> Any:
    """A JSON body; an empty one is an empty object. Raises Malformed, or Invalid for a text that is none."""
    body = await read(request, cap)
    if not body.strip():
        return {}
    require_type(request, JSON)
    try:
        content = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
        # Half of a pair of surrogates, which `\\ud800` can write, is a character that nothing behind us can store.
        if b"\\ud" in body.lower():
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid("the body has half of a surrogate pair (\\ud800 to \\udfff), which is no character") from None
    except (ValueError, RecursionError) as failure:
        raise Malformed(f"the body is not JSON: {failure}") from failure
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError(f"{digits[:40]} is too large for a number")
    return number
