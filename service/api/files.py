"""Files of executions: those that it has stored, and those that its expressions may read. No other is given, whatever the path looks like."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.actions.files import Files, Whose
from service.actions.preview import preview
from service.api.access import Reader
from service.api.download import download
from service.api.found import Found
from service.api.parts import Parts, Use
from service.errors import Invalid
from service.store.executions import Row

router = APIRouter(prefix="/executions", tags=["executions"])

_SCHEMES = ("kestra:///", "nsfile://")
Path = Annotated[str, Query(max_length=10_000, description="The file's URI, as a task's outputs have it.")]


@router.get("/{id}/file")
def get_file(row: Found, request: Request, parts: Use, _: Reader, path: Path) -> Response:
    """The file, to be saved; `Range` gives a part of it."""
    files = _files(parts, row, path)
    size = files.meta(path).size
    return download(request, _name(path), files.open(path), size)


@router.get("/{id}/file/metas")
def metas(row: Found, parts: Use, _: Reader, path: Path) -> dict[str, int]:
    """Its bytes, and when it was stored, in milliseconds since the epoch."""
    found = _files(parts, row, path).meta(path)
    return {"size": found.size, "lastModified": int(found.modified * 1000)}


@router.get("/{id}/file/preview")
def show(
    row: Found,
    parts: Use,
    _: Reader,
    path: Path,
    most: int | None = Query(None, alias="maxRows", ge=1),
    encoding: str | None = Query(None, max_length=100),
) -> dict[str, Any]:
    """Its beginning: rows of Ion, lines of a text, a picture or a PDF in base64."""
    files = _files(parts, row, path)
    size = files.meta(path).size
    with files.open(path) as stream:
        shown = preview(_name(path), stream, size, most, encoding)
    content = parts.kit.masker.value(shown.content) if shown.type not in ("IMAGE", "PDF") else shown.content
    return {"extension": shown.extension, "type": shown.type, "content": content, "truncated": shown.truncated, "maxLine": shown.most}


def _files(parts: Parts, row: Row, path: str) -> Files:
    if not path.startswith(_SCHEMES):
        raise Invalid(f"`{path[:200]}` is not the URI of a file: that begins with {' or '.join(_SCHEMES)}")
    return Files(parts.kit, Whose.of(row.execution), parts.kit.database.read)


def _name(path: str) -> str:
    return unquote(path.partition("?")[0].rpartition("/")[2]) or "file"
