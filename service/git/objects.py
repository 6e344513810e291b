"""The object database of one bare repository: raw objects, parsed here.

libgit2's own tree objects are not used for reading: they sort, bisect and hand out what they find, while `trees` has to
see every entry as it stands, duplicates and disorder included.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import ObjectType

from service.errors import Malformed, NotFound, TooLarge, Unavailable

#: A tree of a million entries has some 40 MB; a commit or tag is a page of text.
LARGEST_TREE = 64 * 1024 * 1024
LARGEST_COMMIT = 1024 * 1024

_SHA = re.compile(r"[0-9a-f]{40}")
_ENTRY = re.compile(rb"([0-7]{1,7}) ([^\0]*)\0([\s\S]{20})")
_HEADER = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)")
_PARENT = re.compile(rb"parent ([0-9a-f]{40})\n")


class Row(NamedTuple):
    """One entry of a tree as it stands: octal mode, name in bytes, object id in hex."""

    mode: bytes
    name: bytes
    oid: str


class Damaged(Exception):
    """A tree that Git itself could not read."""


def sha(text: str) -> str:
    """The text if it is a full object id. Raises Malformed: short or symbolic names are never looked up."""
    if not _SHA.fullmatch(text):
        raise Malformed(f"{text[:60]!r} is not a full commit id: 40 hex digits in lower case are needed.")
    return text


class Objects:
    """Reads raw objects. `reads` counts them, for those who must show what a diff costs."""

    def __init__(self, path: Path, quarantine: Path | None = None) -> None:
        self.repository = opened(path)
        self.reads = 0
        self._odb = self.repository.odb
        if quarantine is not None:
            self._odb.add_disk_alternate(str(inside(path, quarantine)))

    def header(self, oid: str) -> tuple[ObjectType, int] | None:
        """Kind and size in bytes; None when the object isn't there."""
        self.reads += 1
        try:
            kind, size = self._odb.read_header(oid)
        except KeyError:
            return None
        except pygit2.GitError as fault:
            raise Unavailable(f"Object {oid} can't be read: {fault}.") from fault
        return ObjectType(kind), size

    def raw(self, oid: str, kind: ObjectType, cap: int) -> bytes:
        """The object's bytes. Raises NotFound (also for another kind) and TooLarge."""
        found = self.header(oid)
        if found is None or found[0] is not kind:
            raise NotFound(f"There is no {_named(kind)} {oid} in this repository.")
        return self._read(oid, found, cap)

    def _read(self, oid: str, found: tuple[ObjectType, int], cap: int) -> bytes:
        kind, size = found
        if size > cap:
            raise TooLarge(f"{_named(kind).capitalize()} {oid} has {size} bytes; at most {cap} are read.")
        try:
            return self._odb.read(oid)[1]
        except (KeyError, pygit2.GitError) as fault:
            raise Unavailable(f"Object {oid} can't be read: {fault}.") from fault

    def tree(self, oid: str) -> list[Row]:
        """The entries in the order they stand in. Raises Damaged when the bytes are no tree, Unavailable when there are none.

        A missing tree is our fault, not the author's: taken for an empty one it would remove every flow below it.
        """
        header = self.header(oid)
        if header is None:
            raise Unavailable(f"The repository is incomplete: tree {oid} is missing.")
        if header[0] is not ObjectType.TREE:
            raise Damaged
        data = self._read(oid, header, LARGEST_TREE)
        found = _ENTRY.findall(data)
        if sum(len(mode) + len(name) + 22 for mode, name, _ in found) != len(data):
            raise Damaged
        return [Row(mode, name, raw.hex()) for mode, name, raw in found]

    def commit(self, oid: str) -> tuple[str, tuple[str, ...]]:
        """The commit's tree and parents."""
        found = _HEADER.match(self.raw(sha(oid), ObjectType.COMMIT, LARGEST_COMMIT))
        if found is None:
            raise Malformed(f"Commit {oid} is damaged.")
        return found[1].decode(), tuple(parent.decode() for parent in _PARENT.findall(found[2]))


def _named(kind: ObjectType) -> str:
    return (kind.name or "object").lower()


def opened(path: Path) -> pygit2.Repository:
    """The bare repository at exactly this path. Raises NotFound."""
    try:
        return pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.NO_SEARCH | pygit2.enums.RepositoryOpenFlag.BARE)
    except pygit2.GitError as fault:
        raise NotFound(f"There is no repository {path.name.removesuffix('.git')!r}.") from fault


def inside(repository: Path, quarantine: Path) -> Path:
    """The objects of a push that is not accepted yet: a folder Git made directly under `objects`. Raises Malformed."""
    place = quarantine.resolve()
    if place.parent != (repository / "objects").resolve() or not place.name.startswith(("tmp_objdir-", "incoming-")):
        raise Malformed("The quarantine of a push lies in its repository.")
    return place
