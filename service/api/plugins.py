"""The flow language for editors and people: schemas, types and what there is to know of each. Kestra's shapes; no tenant has a language of its own.

All of it is large and the same for as long as the service runs, so it is made once, and who has it already is told so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from enum import StrEnum
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.access import Reader
from service.api.parts import Parts, Use
from service.errors import NotFound
from service.flows import reference
from service.flows.catalogue import Catalogue
from service.flows.problems import escaped
from service.flows.schema import flow_schema, kind_schema

router = APIRouter(prefix="/api/v1/plugins", tags=["plugins"])

_KEPT = 256


class SchemaOf(StrEnum):
    """What there is a schema of."""

    FLOW = "flow"
    TASK = "task"
    TRIGGER = "trigger"
    PLUGIN_DEFAULT = "plugindefault"


@router.get("")
def groups(request: Request, parts: Use, _: Reader) -> Response:
    """All types, by package."""
    return _constant(request, parts, reference.groups)


@router.get("/schemas/{kind}")
def schema(kind: SchemaOf, request: Request, parts: Use, _: Reader) -> Response:
    """The JSON Schema of a flow, a task, a trigger or an entry of `pluginDefaults`."""
    if kind is SchemaOf.FLOW:
        return _constant(request, parts, flow_schema)
    return _constant(request, parts, kind_schema, "pluginDefault" if kind is SchemaOf.PLUGIN_DEFAULT else kind.value)


@router.get("/inputs")
def inputs(request: Request, parts: Use, _: Reader) -> Response:
    """All types of inputs."""
    return _constant(request, parts, _input_types)


@router.get("/inputs/{type}")
def input_type(type: str, request: Request, parts: Use, _: Reader) -> Response:
    """What there is to know of a type of inputs."""
    return _constant(request, parts, _input_page, type)


@router.get("/{cls}")
def plugin(cls: str, request: Request, parts: Use, _: Reader, all: bool = False) -> Response:
    """What there is to know of a type: with `all`, also the properties that it shares with the others of its kind."""
    return _constant(request, parts, _page, cls, all)


def _input_types(_: Catalogue) -> Any:
    return reference.input_types()


def _input_page(catalogue: Catalogue, name: str) -> Any:
    return _found(reference.input_page(catalogue, name), name)


def _page(catalogue: Catalogue, name: str, everything: bool) -> Any:
    return _found(reference.page(catalogue, name, everything=everything), name)


def _found(page: dict[str, Any] | None, name: str) -> dict[str, Any]:
    if page is None:
        raise NotFound(f"there is no type `{escaped(name, 120)}`")
    return page


@lru_cache(maxsize=_KEPT)
def _made(make: Callable[..., Any], catalogue: Catalogue, *arguments: Hashable) -> tuple[bytes, str]:
    """A document, and its tag."""
    text = json.dumps(make(catalogue, *arguments), ensure_ascii=False, separators=(",", ":")).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


def _constant(request: Request, parts: Parts, make: Callable[..., Any], *arguments: Hashable) -> Response:
    text, tag = _made(make, parts.kit.reader.catalogue, *arguments)
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="application/json")
