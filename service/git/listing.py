"""What a commit's folders hold: the files and folders in them that are followed, as every other reader of trees follows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.errors import Invalid, TooLarge
from service.git import trees
from service.git.objects import Objects, Row

#: A path, or a name in a folder, with its bytes; None is a folder.
Listed = tuple[str, int | None]


def folder(path: Path, commit: str, name: str) -> list[Listed] | None:
    """The entries of one folder in Git's order, None where there is none. Raises Invalid for what is no folder."""
    objects = Objects(path)
    oid = _folder(objects, commit, name)
    return None if oid is None else [(row.name.decode(), _size(objects, row)) for row in _rows(objects, oid)]


def files(path: Path, commit: str, name: str, limit: int) -> list[Listed] | None:
    """All files below a folder with their paths from the root. Raises TooLarge for more than `limit`, and as `folder` does."""
    objects = Objects(path)
    oid = _folder(objects, commit, name)
    if oid is None:
        return None
    found: list[Listed] = []
    for one in _below(objects, oid, name, 0):
        found.append(one)
        if len(found) > limit:
            raise TooLarge(f"There are more than {limit:,} files in {name or 'this commit'}.")
    return found


def _folder(objects: Objects, commit: str, name: str) -> str | None:
    place = trees.find_folder(objects, objects.commit(commit)[0], name)
    if place.refused is not None:
        raise Invalid(f"{place.refused.path}: {place.refused.reason}.")
    return place.folder


def _rows(objects: Objects, oid: str) -> Iterator[Row]:
    here = trees.read(objects, oid)
    return (row for row in here.rows.values() if trees.row_fault(row, row.name in here.doubled) is None)


def _size(objects: Objects, row: Row) -> int | None:
    header = None if trees.is_folder(row) else objects.header(row.oid)
    return None if header is None else header[1]


def _below(objects: Objects, oid: str, path: str, depth: int) -> Iterator[Listed]:
    if depth > trees.DEEPEST:
        return
    for row in _rows(objects, oid):
        here = f"{path}/{row.name.decode()}" if path else row.name.decode()
        if trees.is_folder(row):
            yield from _below(objects, row.oid, here, depth + 1)
        else:
            yield here, _size(objects, row)
