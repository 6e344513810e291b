"""Files of namespaces: read from the live commit; every change is one."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from service.actions import namespace_files
from service.actions.edits import Edit
from service.actions.namespace_files import Entry, Move, Place, Removal, Writing, cleaned, writable
from service.api import body
from service.api.access import Reader, Writer
from service.api.download import download
from service.api.editing import carry_out
from service.api.parts import LONGEST_WORD, Parts, Tenant, Use
from service.errors import Conflict, Invalid
from service.store.repositories import MAIN

router = APIRouter(prefix="/namespaces/{namespace}/files", tags=["files"])

_LARGEST = 20_000_000  #: bytes of a file that is written over HTTP; larger ones are pushed
_COMMIT = re.compile(r"[0-9a-f]{40}")
Path = Annotated[str, Query(max_length=4_000)]
Old = Annotated[str, Query(alias="from", max_length=4_000)]
New = Annotated[str, Query(alias="to", max_length=4_000)]
OptionalPath = Annotated[str | None, Query(max_length=4_000)]


def _place(parts: Parts, environment: str, namespace: str, revision: str | None = None) -> Place | None:
    with parts.kit.database.read() as session:
        found = namespace_files.place(session, environment, namespace)
    if revision is None or found is None:
        return found
    if not _COMMIT.fullmatch(revision):
        raise Invalid(f"`{revision[:60]}` is no revision of a file: a commit is, with all of its 40 digits")
    return Place(found.repository, revision)


@router.get("")
def get(namespace: str, request: Request, parts: Use, _: Reader, tenant: Tenant, path: Path, revision: str | None = Query(None)) -> Response:
    """One file; `revision` is a commit."""
    stream, size = namespace_files.content(parts.kit, _place(parts, tenant, namespace, revision), cleaned(path))
    return download(request, cleaned(path).rpartition("/")[2], stream, size)


@router.get("/search")
def search(namespace: str, parts: Use, _: Reader, tenant: Tenant, q: str = Query("", max_length=LONGEST_WORD)) -> list[str]:
    """The paths of all files that hold a text."""
    return [f"/{path}" for path in namespace_files.search(parts.kit, _place(parts, tenant, namespace), q)]


@router.get("/directory")
def directory(namespace: str, parts: Use, _: Reader, tenant: Tenant, path: OptionalPath = None) -> list[dict[str, Any]]:
    """What stands in a folder."""
    where = _place(parts, tenant, namespace)
    found = namespace_files.entries(parts.kit, where, cleaned(path))
    at = _time(parts, where)
    return [_attributes(entry, at) for entry in found]


@router.get("/stats")
def stats(namespace: str, parts: Use, _: Reader, tenant: Tenant, path: OptionalPath = None) -> dict[str, Any]:
    """One file or folder."""
    where = _place(parts, tenant, namespace)
    return _attributes(namespace_files.stats(parts.kit, where, cleaned(path)), _time(parts, where))


@router.post("")
async def write(namespace: str, request: Request, parts: Use, _: Writer, tenant: Tenant, path: Path) -> Response:
    """Commits a file: the file of a form, or its part `fileContent`."""
    content = await _content(request)
    return await _commit(parts, tenant, Writing(parts.kit, namespace, {writable(cleaned(path)): content}))


@router.post("/directory")
async def create_directory(namespace: str, parts: Use, _: Writer, tenant: Tenant, path: Path) -> Response:
    """Commits a folder. Git keeps no empty one, so it begins with a `.gitkeep`."""
    name = writable(cleaned(path))
    return await _commit(parts, tenant, Writing(parts.kit, namespace, {f"{name}/.gitkeep": b""}))


@router.put("")
async def move(namespace: str, parts: Use, _: Writer, tenant: Tenant, old: Old, new: New) -> Response:
    """Commits a move of a file or a folder; 409 where something stands there already."""
    return await _commit(parts, tenant, Move(parts.kit, namespace, writable(cleaned(old)), writable(cleaned(new))))


@router.delete("")
async def delete(namespace: str, parts: Use, _: Writer, tenant: Tenant, path: Path) -> Response:
    """Commits the removal of a file, or of a folder with all that is in it."""
    return await _commit(parts, tenant, Removal(parts.kit, namespace, writable(cleaned(path))))


async def _commit(parts: Parts, environment: str, edit: Edit) -> Response:
    if environment != MAIN:
        raise Conflict(f"the files of the environment `{environment[:100]}` are those of its branch: push to it")
    await carry_out(parts, edit)
    return Response()


async def _content(request: Request) -> bytes:
    """Of the one file that a form has."""
    body.require_type(request, ("multipart/form-data",))
    async with body.capped(request, _LARGEST + 10_000).form(max_files=1, max_fields=10, max_part_size=_LARGEST) as form:
        given = form.get("fileContent") or next((value for _, value in form.multi_items() if isinstance(value, UploadFile)), None)
        if given is None:
            raise Invalid("the form has no file; it is its part `fileContent`")
        return await given.read() if isinstance(given, UploadFile) else given.encode()


def _time(parts: Parts, where: Place | None) -> int:
    """That of the commit, in milliseconds: Git keeps none of single files."""
    return 0 if where is None else int(parts.kit.git.commit(where.repository, where.commit).date.timestamp() * 1000)


def _attributes(entry: Entry, at: int) -> dict[str, Any]:
    kind = "Directory" if entry.size is None else "File"
    return {"type": kind, "size": entry.size or 0, "fileName": entry.name, "lastModifiedTime": at, "creationTime": at}
