"""Files of a namespace: the tree of the live commit of the repository that it belongs to. Reading asks Git; every change is a commit, as with flows.

What `read()` and `nsfile://` give is the same tree: at the commit of an execution there, at the live one here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from service.actions import repositories
from service.actions.edits import Change, branch_of
from service.actions.files import LARGEST, tree_path
from service.actions.key_values import checked
from service.actions.kit import Kit
from service.actions.sync import BRANCHES
from service.errors import Conflict, Invalid, NotFound
from service.git.repository import FLOWS
from service.store import repositories as rows
from service.store.database import Session
from service.store.repositories import Repository

MOST_MOVED, HEAVIEST_MOVED = 1_000, 50_000_000  #: files of one move, and their bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a namespace's files are."""

    repository: str
    commit: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a folder (`size` None); `path` is from the root, without a slash before it."""

    path: str
    size: int | None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def place(session: Session, environment: str, namespace: str) -> Place | None:
    """None for a namespace that belongs to no repository, or to one that has no commit yet."""
    owner = rows.owner(session, environment, checked(namespace))
    found = None if owner is None else rows.by_id(session, owner)
    return None if found is None or found.live_oid is None else Place(found.name, found.live_oid)


def cleaned(path: str | None) -> str:
    """A path as Git has it; "" is the root. Raises Invalid for one that leads outside."""
    bare = (path or "").strip("/")
    return tree_path(bare) if bare and bare != "." else ""


def entries(kit: Kit, where: Place | None, path: str) -> list[Entry]:
    """What stands in a folder: folders first. Raises NotFound, and Invalid for a file."""
    found = None if where is None else kit.git.folder(where.repository, where.commit, path)
    if found is None:
        if path:
            raise NotFound(f"there is no folder `{path[:200]}`")
        return []
    inside = [Entry(f"{path}/{name}" if path else name, size) for name, size in found]
    return sorted(inside, key=lambda entry: (entry.size is not None, entry.path))


def stats(kit: Kit, where: Place | None, path: str) -> Entry:
    """One file or folder. Raises NotFound."""
    if not path:
        return Entry("", None)
    above = path.rpartition("/")[0]
    found = next((entry for entry in entries(kit, where, above) if entry.path == path), None)
    if found is None:
        raise NotFound(f"there is no file `{path[:200]}`")
    return found


def search(kit: Kit, where: Place | None, query: str) -> list[str]:
    """The paths of all files that hold a text, in any case."""
    found = None if where is None else kit.git.files(where.repository, where.commit, "")
    return [path for path, _ in found or () if query.lower() in path.lower()]


def content(kit: Kit, where: Place | None, path: str) -> tuple[BinaryIO, int]:
    """A file and its bytes. Raises NotFound, and Invalid for a folder."""
    size = None if where is None or not path else kit.git.size(where.repository, where.commit, path)
    if where is None or size is None:
        raise NotFound(f"there is no file `{path[:200]}`")
    found = io.BytesIO(kit.git.file(where.repository, where.commit, path) or b"") if size <= LARGEST else kit.git.open(where.repository, where.commit, path)
    if found is None:
        raise NotFound(f"there is no file `{path[:200]}`")
    return found, size


# changes


def _base(session: Session, kit: Kit, namespace: str) -> tuple[Repository, Mapping[str, str], Place | None]:
    """The repository that a namespace's files go to, its refs as they were applied, and the commit that a change is made on."""
    repository = repositories.home_of(session, checked(namespace))
    applied = rows.applied(session, repository.id)
    before = applied.get(BRANCHES + branch_of(kit, repository)) if repository.embedded or kit.git.exists(repository.name) else None
    return repository, applied, None if before is None else Place(repository.name, before)


def writable(path: str) -> str:
    """A path whose file may be changed here. Raises Invalid for flows, which have an address of their own, where they are checked."""
    if not path:
        raise Invalid("`path` names no file")
    if path == FLOWS or path.startswith(f"{FLOWS}/"):
        raise Invalid(f"`{path[:200]}` is in the folder of flows: these are changed at /flows, or by a push")
    return path


@dataclass(frozen=True, slots=True)
class Writing:
    """Files with their new content."""

    kit: Kit
    namespace: str
    files: Mapping[str, bytes]

    def decide(self, session: Session) -> Change:
        """See `edits.Edit`."""
        repository, applied, _ = _base(session, self.kit, self.namespace)
        names = ", ".join(self.files)
        return Change(repository, applied, dict(self.files), f"Write {names[:200]}")


@dataclass(frozen=True, slots=True)
class Removal:
    """The end of a file, or of a folder with all that is in it."""

    kit: Kit
    namespace: str
    path: str

    def decide(self, session: Session) -> Change:
        """See `edits.Edit`. Raises NotFound."""
        repository, applied, base = _base(session, self.kit, self.namespace)
        return Change(repository, applied, dict.fromkeys(_files(self.kit, base, self.path)), f"Delete {self.path[:200]}")


@dataclass(frozen=True, slots=True)
class Move:
    """A file, or a folder with all that is in it, under another path."""

    kit: Kit
    namespace: str
    old: str
    new: str

    def decide(self, session: Session) -> Change:
        """See `edits.Edit`. Raises NotFound, Conflict where something stands there already, and Invalid for a folder that would go into itself."""
        repository, applied, base = _base(session, self.kit, self.namespace)
        if self.new == self.old or self.new.startswith(f"{self.old}/"):
            raise Invalid(f"`{self.old[:200]}` can't be moved to `{self.new[:200]}`")
        moved = _files(self.kit, base, self.old)
        if base is not None and _there(self.kit, base, self.new):
            raise Conflict(f"there is a `{self.new[:200]}` already")
        if len(moved) > MOST_MOVED or sum(moved.values()) > HEAVIEST_MOVED:
            raise Invalid(f"`{self.old[:200]}` holds more than {MOST_MOVED:,} files or {HEAVIEST_MOVED:,} bytes; move it with Git and push")
        files: dict[str, bytes | None] = dict.fromkeys(moved)
        for path in moved:
            stream, _ = content(self.kit, base, path)
            with stream:
                files[self.new + path[len(self.old) :]] = stream.read()
        return Change(repository, applied, files, f"Move {self.old[:100]} to {self.new[:100]}")


def _there(kit: Kit, base: Place, path: str) -> bool:
    try:
        stats(kit, base, path)
    except (NotFound, Invalid):  # nothing, or something below a file, which Git refuses to write
        return False
    return True


def _files(kit: Kit, base: Place | None, path: str) -> dict[str, int]:
    """The files of a path with their bytes: itself, or all that is below it. Raises NotFound."""
    found = stats(kit, base, path)
    if found.size is not None:
        return {path: found.size}
    below = kit.git.files(base.repository, base.commit, path) if base is not None else None
    return dict(below or ())
