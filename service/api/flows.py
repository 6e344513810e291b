"""Flows and their revisions. Every change is a commit."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from service.actions import edits, namespaces
from service.actions.edits import Removal
from service.api import body, shapes
from service.api.access import Reader, Writer
from service.api.editing import carry_out
from service.api.found import find_flow
from service.api.parts import LONGEST_WORD, Parts, Revision, Tenant, Use
from service.errors import Invalid, NotFound
from service.flows.fragments import fragments
from service.store import flows
from service.store import repositories as rows
from service.store.database import Session
from service.store.flows import Flow

router = APIRouter(prefix="/flows", tags=["flows"])


@router.get("/search")
def search(
    parts: Use,
    _: Reader,
    tenant: Tenant,
    q: str | None = Query(None, max_length=LONGEST_WORD),
    namespace: str | None = Query(None, max_length=LONGEST_WORD),
    sort: str | None = Query(None, max_length=LONGEST_WORD),
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(25, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of live flows, by namespace and id unless `sort` says otherwise: `id:asc`, `id:desc`, `namespace:asc`, `namespace:desc`."""
    with parts.kit.database.read() as session:
        found = flows.live(session, tenant, namespace=namespace, query=q, limit=size, offset=(page - 1) * size, order=_order(sort))
        total = flows.count_live(session, tenant, namespace, q)
        return {"results": [shape(parts, session, row) for row in found], "total": total}


@router.get("/source")
def source(
    parts: Use,
    _: Reader,
    tenant: Tenant,
    q: str = Query("", max_length=LONGEST_WORD),
    namespace: str | None = Query(None, max_length=LONGEST_WORD),
    page: int = Query(1, ge=1, le=100_000),
    size: int = Query(25, ge=1, le=200),
) -> dict[str, Any]:
    """A page of live flows whose text holds the words, with the lines around them; what was found stands between `[mark]` and `[/mark]`."""
    with parts.kit.database.read() as session:
        found, total = flows.with_text(session, tenant, q, namespace=namespace, limit=size, offset=(page - 1) * size)
        results = [{"model": shape(parts, session, row), "fragments": fragments(text, q)} for row, text in found]
        return {"results": results, "total": total}


@router.post("")
async def create(request: Request, parts: Use, _: Writer, __: Tenant, message: str | None = None) -> dict[str, Any]:
    """Commits a new flow."""
    return await _save(request, parts, only="new", message=message)


@router.post("/{namespace}")
async def replace(
    namespace: str,
    request: Request,
    parts: Use,
    _: Writer,
    tenant: Tenant,
    *,
    delete: bool = True,
    override: bool = False,
    message: str | None = None,
) -> list[dict[str, Any]]:
    """Commits the flows of a whole namespace, from one text parted by `---`; those that are not in it end, unless `delete=false`."""
    body.require_type(request, body.YAML)
    text = await body.read(request, body.FLOWS_CAP)
    wanted = await run_in_threadpool(partial(namespaces.replacement, parts.kit, namespace, text, delete=delete, override=override, message=message))
    await carry_out(parts, wanted)
    return await run_in_threadpool(by_namespace, namespace, parts, _, tenant)


@router.get("/{namespace}")
def by_namespace(namespace: str, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """The live flows of one namespace."""
    with parts.kit.database.read() as session:
        found = [row for row in flows.live(session, tenant, namespace=namespace) if row.namespace == namespace]
        return [shape(parts, session, row) for row in found]


@router.get("/{namespace}/{id}")
def get(
    namespace: str,
    id: str,
    parts: Use,
    _: Reader,
    tenant: Tenant,
    revision: int | None = Revision,
    source: bool = True,
    allow_deleted: bool = Query(False, alias="allowDeleted"),
) -> dict[str, Any]:
    """One flow, as it is live or at a revision."""
    with parts.kit.database.read() as session:
        row = find_flow(session, tenant, namespace, id)
        if row.live is None and revision is None and not allow_deleted:
            raise NotFound(f"flow `{namespace}.{id}` was deleted in revision {row.revision}")
        return shape(parts, session, row, revision, source=source)


@router.get("/{namespace}/{id}/revisions")
def revisions(namespace: str, id: str, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """All revisions with the commits that they came from, oldest first."""
    with parts.kit.database.read() as session:
        row = find_flow(session, tenant, namespace, id)
        return [{"namespace": namespace, "id": id, **shapes.revision(one), "source": one.source} for one in flows.revisions(session, row.id)]


@router.put("/{namespace}/{id}")
async def update(namespace: str, id: str, request: Request, parts: Use, _: Writer, __: Tenant, message: str | None = None) -> dict[str, Any]:
    """Commits a flow's new text."""
    return await _save(request, parts, only="existing", message=message, identity=(namespace, id))


@router.delete("/{namespace}/{id}")
async def delete(namespace: str, id: str, parts: Use, _: Writer, tenant: Tenant, message: str | None = None) -> dict[str, Any]:
    """Commits the removal of a flow's file; the answer has the revision that ends it."""
    await carry_out(parts, Removal((namespace, id), message))
    return await run_in_threadpool(partial(get, namespace, id, parts, _, tenant, revision=None, source=True, allow_deleted=True))


async def _save(request: Request, parts: Parts, *, only: str, message: str | None, identity: tuple[str, str] | None = None) -> dict[str, Any]:
    body.require_type(request, body.YAML)
    text = await body.read(request, body.FLOW_CAP)
    saving = await run_in_threadpool(partial(edits.saving, parts.kit, text, only=only, identity=identity, message=message))
    attempt = await carry_out(parts, saving)

    def shown() -> dict[str, Any]:
        saved = edits.live(parts.kit, saving.identity, attempt)
        with parts.kit.database.read() as session:
            return shape(parts, session, saved, source=True)

    return await run_in_threadpool(shown)


def _order(sort: str | None) -> flows.Order:
    """`field:direction` as the store has it. Raises Invalid."""
    field, _, direction = (sort or "namespace").partition(":")
    if field not in flows.ORDERED or direction not in ("", "asc", "desc"):
        raise Invalid(f"`sort` is {' or '.join(flows.ORDERED)}, with `:asc` or `:desc`")
    return field, direction == "desc"


def shape(parts: Parts, session: Session, row: Flow, number: int | None = None, *, source: bool = False) -> dict[str, Any]:
    """A flow as it is live, or was last, or at a revision. Raises NotFound for one that it has not."""
    wanted = number if number is not None else row.live or row.revision
    revision = flows.revision(session, row.id, wanted)
    if revision is None:
        raise NotFound(f"flow `{row.namespace}.{row.flow_id}` has no revision {wanted}")
    read = None if revision.deleted else parts.kit.reader.read(revision.blob, revision.path, revision.source.encode("utf-8")).flow
    repository = rows.by_id(session, row.repository_id)
    return shapes.flow(row, revision, read, repository.name if repository else None, source=source)
