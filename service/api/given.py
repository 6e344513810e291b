"""What a request gives an execution: inputs, which are the parts of a form, or `inputs` (or `parameters`) of a JSON body; labels, a kind, breakpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from service.api import body
from service.engine.execution import NORMAL
from service.errors import Invalid, Malformed

CORRELATION = "system.correlationId"
PLAYGROUND = "PLAYGROUND"
KINDS = (NORMAL, PLAYGROUND)
_FILES = 100  #: parts of a form that may be files, which are then refused by the input's name
_LONGEST_LABEL = 1000
FORM = ("multipart/form-data", "application/x-www-form-urlencoded")


async def inputs(request: Request) -> Mapping[str, Any]:
    """By name; empty without a body. Raises Malformed, Invalid and TooLarge."""
    if body.content_type(request) in FORM:
        return await form(request)
    content = await body.read_json(request)
    if not isinstance(content, dict):
        raise Malformed('the body must be a JSON object such as {"inputs": {"name": "value"}}')
    found = content.get("inputs", content.get("parameters", {}))
    unknown = content.keys() - {"inputs", "parameters"}
    if len(content.keys() - unknown) > 1:
        raise Invalid("the body has `inputs` and `parameters`, which are the same thing: give one of them")
    if unknown or not isinstance(found, dict):
        raise Invalid('the body takes {"inputs": {…}} or {"parameters": {…}}' + (f", not `{sorted(unknown)[0][:60]}`" if unknown else ""))
    return found


async def form(request: Request) -> Mapping[str, Any]:
    """The parts of a form by name; of several with one name a list."""
    async with body.capped(request, body.JSON_CAP).form(max_files=_FILES, max_fields=1000, max_part_size=body.JSON_CAP) as parts:
        found: dict[str, Any] = {}
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                raise Invalid(f"input `{name[:60]}`: files as inputs are not taken by this version")
            found[name] = value if name not in found else [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
    return found


def labels(texts: list[str] | None) -> dict[str, str]:
    """Labels to be given. Raises Invalid."""
    found = pairs(texts)
    if any(key.startswith("system.") and key != CORRELATION for key in found):
        raise Invalid(f"labels whose key begins with `system.` are given by the service alone, but for `{CORRELATION}`")
    return found


def pairs(texts: list[str] | None) -> dict[str, str]:
    """Labels as they are looked for. Raises Invalid."""
    found = {}
    for text in texts or ():
        key, _colon, value = text.partition(":")
        if not key or not value or len(text) > _LONGEST_LABEL:
            raise Invalid(f"label `{text[:60]}` must be key:value, of at most {_LONGEST_LABEL} characters")
        found[key] = value
    return found


def check_kind(name: str) -> str:
    """A kind of executions. Raises Invalid."""
    if name.upper() not in KINDS:
        raise Invalid(f"there is no kind `{name[:40]}` of executions; there are {', '.join(KINDS)}")
    return name.upper()


def breakpoints(texts: list[str] | None) -> tuple[str, ...]:
    """Tasks before which an execution stops: `task` or `task.value`, also several in one text."""
    return tuple(dict.fromkeys(part.strip() for text in texts or () for part in text.split(",") if part.strip()))
