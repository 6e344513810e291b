"""A commit's files as one uncompressed tar: folders and regular files, with the exec bit; no links, no submodules."""

from __future__ import annotations

import io
import os
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path

from pygit2.enums import ObjectType

from runners.crashpoints import crashpoint
from service.errors import TooLarge
from service.git import trees
from service.git.mirror import commit
from service.git.objects import Objects, Row, sha

#: One file, all files, and entries of one export.
LARGEST_FILE = 512 * 1024 * 1024
LARGEST = 4 * 1024 * 1024 * 1024
MOST_ENTRIES = 500_000
DEEPEST = 100


def export(path: Path, commit_id: str, cache: Path) -> Path:
    """The tar of a commit, made once; its access time says when it was last asked for. Raises NotFound, TooLarge."""
    objects = Objects(path)
    tree, _ = objects.commit(sha(commit_id))
    target = cache / f"{commit_id}.tar"
    if target.exists():
        os.utime(target)
        return target
    cache.mkdir(parents=True, exist_ok=True)
    date = max(0, min(int(commit(path, commit_id).date.timestamp()), 2**33 - 1))
    beside = cache / f".{commit_id}.{secrets.token_hex(4)}"
    try:
        with beside.open("wb") as out, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
            _fill(tar, objects, tree, date)
        crashpoint("git.before_export")
        beside.rename(target)
        crashpoint("git.exported")
    finally:
        beside.unlink(missing_ok=True)
    return target


def _fill(tar: tarfile.TarFile, objects: Objects, tree: str, date: int) -> None:
    size = 0
    for entries, (name, row) in enumerate(_walk(objects, tree, b"", 0)):
        data = b"" if trees.is_folder(row) else objects.raw(row.oid, ObjectType.BLOB, LARGEST_FILE)
        size += len(data)
        if entries >= MOST_ENTRIES or size > LARGEST:
            raise TooLarge(f"The commit has more than {MOST_ENTRIES} files or {LARGEST} bytes; a task can't be given such a tree.")
        tar.addfile(_member(name, row, len(data), date), io.BytesIO(data))


def _member(name: bytes, row: Row, size: int, date: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
    member.mtime = date
    if trees.is_folder(row):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    else:
        member.size, member.mode = size, 0o755 if row.mode.endswith(b"755") else 0o644
    return member


def _walk(objects: Objects, tree: str, path: bytes, depth: int) -> Iterator[tuple[bytes, Row]]:
    """Folders before what is in them. What a tree must not hold is left out; odd but harmless names stay."""
    here = trees.read(objects, tree if depth <= DEEPEST else None)
    for name, row in here.rows.items():
        if name in here.doubled or not _fits(row):
            continue
        full = path + name
        yield full, row
        if trees.is_folder(row):
            yield from _walk(objects, row.oid, full + b"/", depth + 1)


def _fits(row: Row) -> bool:
    """Whether a work tree may hold this entry: a name that is only ugly (no UTF-8, a line break) is the author's business."""
    if not (trees.is_folder(row) or row.mode.lstrip(b"0") in trees.FILE):
        return False
    name = row.name
    return b"/" not in name and len(name) <= trees.LONGEST_NAME and trees.name_fault(name.decode("utf-8", "replace").translate(_CONTROLS).encode()) is None


_CONTROLS = dict.fromkeys([*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "?")
