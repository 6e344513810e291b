"""Keys of the KV store: listed, read, written and deleted, in the name of whoever calls."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.actions import key_values
from service.api import body
from service.api.access import Reader, Writer
from service.api.filters import Conditions
from service.api.parts import LONGEST_WORD, Tenant, Use
from service.errors import Invalid, Malformed, NotFound
from service.store import kv
from service.store.codec import from_epoch, iso, now
from service.store.database import Session
from service.store.kv import Listed

router = APIRouter(prefix="/namespaces/{namespace}/kv", tags=["kv"])
every = APIRouter(prefix="/kv", tags=["kv"])

_TYPES = ("", "text/plain", *body.JSON)
_CAP = 2 * kv.LARGEST
_MOST = 1_000  #: keys in one call
Text = Annotated[str | None, Header()]


@every.get("")
def search(
    parts: Use,
    _: Reader,
    tenant: Tenant,
    conditions: Conditions,
    q: str | None = Query(None, max_length=LONGEST_WORD),
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(25, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of the keys of all namespaces."""
    with parts.kit.database.read() as session:
        found, total = kv.search(session, tenant, now().timestamp(), conditions, q, limit=size, offset=(page - 1) * size)
    return {"results": [_listed(one) for one in found], "total": total}


@router.get("")
def list_keys(namespace: str, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """The keys of exactly this namespace, without their values."""
    with parts.kit.database.read() as session:
        return [_listed(one) for one in kv.listed(session, tenant, [namespace], now().timestamp())]


@router.get("/inheritance")
def inherited(namespace: str, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """The keys that `kv()` finds above this namespace, the nearest of each name."""
    names = namespace.split(".")
    above = [".".join(names[:length]) for length in range(len(names) - 1, 0, -1)][:100]
    with parts.kit.database.read() as session:
        found = kv.listed(session, tenant, above, now().timestamp())
    nearest: dict[str, Listed] = {}
    for one in sorted(found, key=lambda one: -len(one.namespace)):
        nearest.setdefault(one.key, one)
    return [_listed(one) for one in nearest.values()]


@router.get("/{key}")
def get(namespace: str, key: str, parts: Use, _: Reader, tenant: Tenant) -> dict[str, Any]:
    """A value with its type; what came from secrets is masked."""
    with parts.kit.database.read() as session:
        found = kv.get(session, tenant, namespace, key, now().timestamp())
    if found is None:
        raise NotFound(f"there is no key `{key[:100]}` in the namespace `{namespace[:150]}`")
    return {
        "type": found.type,
        "value": parts.kit.masker.value(key_values.shown(found)),
        "revision": found.version,
        "updated": iso(from_epoch(found.updated_at)),
    }


@router.put("/{key}")
async def put(
    namespace: str,
    key: str,
    request: Request,
    parts: Use,
    _: Writer,
    tenant: Tenant,
    ttl: Text = None,
    description: Text = None,
    kind: str | None = Query(None, alias="type", max_length=LONGEST_WORD),
) -> Response:
    """Stores a value, which is JSON, a date, a duration, or a word; `type` says what a text is to be read as."""
    if body.content_type(request) not in _TYPES:
        raise HTTPException(415, "Content-Type must be text/plain or application/json")
    moment = now()
    wanted = key_values.read(namespace, key, _decoded(await body.read(request, _CAP)), moment, kind=kind, ttl=ttl, description=description)
    await parts.kit.database.awrite(lambda session: wanted.store(session, tenant, moment.timestamp()))
    return Response()


@router.delete("/{key}")
async def delete(namespace: str, key: str, parts: Use, _: Writer, tenant: Tenant) -> bool:
    """Takes a key away; whether there was one."""
    return bool(await parts.kit.database.awrite(lambda session: _delete(session, tenant, namespace, [key], now())))


@router.delete("")
async def delete_many(namespace: str, request: Request, parts: Use, _: Writer, tenant: Tenant) -> dict[str, list[str]]:
    """Takes keys away, which are a list, or `keys` of an object; gives those that were there."""
    content = await body.read_json(request)
    keys = content.get("keys") if isinstance(content, dict) else content
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Invalid('the body is a list of keys, or {"keys": [...]}')
    if len(keys) > _MOST:
        raise Invalid(f"at most {_MOST:,} keys are deleted in one call")
    return {"keys": await parts.kit.database.awrite(lambda session: _delete(session, tenant, namespace, keys, now()))}


def _delete(session: Session, environment: str, namespace: str, keys: list[str], at: datetime) -> list[str]:
    return [key for key in dict.fromkeys(keys) if kv.delete(session, environment, namespace, key, at.timestamp())]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the body is not text in UTF-8") from None


def _listed(one: Listed) -> dict[str, Any]:
    return {
        "namespace": one.namespace,
        "key": one.key,
        "version": one.version,
        "description": one.description,
        "creationDate": iso(from_epoch(one.created_at)),
        "updateDate": iso(from_epoch(one.updated_at)),
        "expirationDate": None if one.expires_at is None else iso(from_epoch(one.expires_at)),
    }
