"""Reading a bare repository: plain functions from a path and object ids to values.

They run in the helper process (`serve`), each call on a repository opened anew, so that no call sees a stale cache and
none shares state with another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType, ReferenceFilter

from service.errors import NotFound, TooLarge
from service.git import trees
from service.git.objects import LARGEST_COMMIT, Objects, opened, sha
from service.git.values import CommitInfo, History, Step, TreeDiff

#: Refs that are listed; a repository with more is refused by name rather than served slowly.
MOST_REFS = 100_000
#: One answer of `blobs` holds about this many bytes; the caller asks again for the rest.
ENOUGH = 32 * 1024 * 1024
LONGEST_MESSAGE = 64 * 1024

# Read loosely: honest histories hold names without a space after them, dates without a zone, and zones no clock shows.
_AUTHOR = re.compile(rb"^author ([^<\n]*)<([^>\n]*)>(?: *(-?\d{1,19}))?(?: +([+-]\d{3,6}))?", re.MULTILINE)
_ENCODING = re.compile(rb"^encoding ([A-Za-z0-9_.:-]{1,40})$", re.MULTILINE)


def refs(path: Path) -> dict[str, str]:
    """Branches and tags with the commits they stand for; a tag of something else than a commit is left out."""
    repository = opened(path)
    found: dict[str, str] = {}
    for reference in _listed(repository):
        if len(found) >= MOST_REFS:
            raise TooLarge(f"The repository has more than {MOST_REFS} branches and tags.")
        commit = _peeled(reference)
        if commit is not None:
            found[reference.name] = commit
    return found


def _listed(repository: pygit2.Repository) -> Iterator[pygit2.Reference]:
    for only in (ReferenceFilter.BRANCHES, ReferenceFilter.TAGS):
        yield from repository.references.iterator(only)


def _peeled(reference: pygit2.Reference) -> str | None:
    try:
        return str(reference.peel(pygit2.Commit).id)
    except (pygit2.GitError, KeyError, ValueError):
        return None


def diff(path: Path, old: str | None, new: str | None, folder: str, quarantine: Path | None = None) -> TreeDiff:
    """What differs under a folder between two commits; None stands for nothing at all. Raises NotFound for an unknown commit."""
    objects = Objects(path, quarantine)
    before, after = (objects.commit(commit)[0] if commit is not None else None for commit in (old, new))
    return trees.diff(objects, before, after, folder)


def find(path: Path, commit: str, file: str, quarantine: Path | None = None) -> str | None:
    """The blob id of one file, None where there is none. Raises Invalid for a link, a submodule or a folder."""
    objects = Objects(path, quarantine)
    return trees.find_file(objects, objects.commit(commit)[0], file)


def size(path: Path, commit: str, file: str) -> int | None:
    """The bytes of one file, None where there is none. Raises Invalid for a link, a submodule or a folder, NotFound for an object that is missing."""
    objects = Objects(path)
    oid = trees.find_file(objects, objects.commit(commit)[0], file)
    if oid is None:
        return None
    header = objects.header(oid)
    if header is None:
        raise NotFound(f"The repository is incomplete: {file} is missing.")
    return header[1]


def blobs(path: Path, oids: list[str], quarantine: Path | None = None) -> dict[str, bytes]:
    """Contents, in the order asked, up to about ENOUGH bytes: at least one, perhaps not all. Raises NotFound, TooLarge."""
    objects = Objects(path, quarantine)
    found: dict[str, bytes] = {}
    size = 0
    for oid in oids:
        found[oid] = objects.raw(sha(oid), ObjectType.BLOB, trees.LARGEST_FLOW)
        size += len(found[oid])
        if size >= ENOUGH:
            break
    return found


def commit(path: Path, commit_id: str) -> CommitInfo:
    """One commit; texts that are no UTF-8 are read with replacement, a message over LONGEST_MESSAGE is cut."""
    objects = Objects(path)
    tree, parents = objects.commit(commit_id)
    header, _, message = objects.raw(commit_id, ObjectType.COMMIT, LARGEST_COMMIT).partition(b"\n\n")
    named = _ENCODING.search(header)
    encoding = named[1].decode("ascii") if named is not None else "utf-8"
    author = _AUTHOR.search(header)
    name, email, seconds, zone = author.groups() if author is not None else (b"", b"", None, None)
    texts = [_text(part, encoding) for part in (name.strip()[:1000], email.strip()[:1000], message[:LONGEST_MESSAGE])]
    return CommitInfo(commit_id, parents, texts[0], texts[1], _date(int(seconds or 0), (zone or b"+0000").decode()), texts[2], tree)


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _date(seconds: int, zone: str) -> datetime:
    """Any number a commit may hold, as the nearest date that Python has; a zone no clock shows is UTC."""
    offset = timedelta(hours=int(zone[1:-2]), minutes=int(zone[-2:]))
    shift = -offset if zone.startswith("-") else offset
    place = timezone(shift) if offset < timedelta(hours=24) else UTC
    # A day from both ends, so that the zone's shift fits too.
    bounded = min(max(seconds, -62_135_500_000), 253_402_200_000)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=bounded)).astimezone(place)


def paths_changed(path: Path, old: str | None, new: str, limit: int) -> tuple[str, ...]:
    """Printable paths that differ between two commits, sorted; as many as `limit` means that there may be more."""
    objects = Objects(path)
    before, after = (objects.commit(commit)[0] if commit is not None else None for commit in (old, new))
    return tuple(sorted(trees.changed_paths(objects, before, after, limit)))


def merge_base(path: Path, one: str, other: str) -> str | None:
    """The best common ancestor, if there is any."""
    objects = Objects(path)
    for commit_id in (one, other):
        objects.commit(commit_id)
    found = objects.repository.merge_base(one, other)
    return str(found) if found else None


def first_parent_of(path: Path, old: str, new: str, limit: int) -> bool:
    """Whether `old` is `new` or one of its first-parent ancestors, at most `limit` steps back."""
    objects = Objects(path)
    return any(step == sha(old) for step, _, _ in _first_parents(objects, new, limit + 1))


def history(path: Path, tip: str, folder: str, limit: int, commits: int) -> History:
    """The last `limit` commits along first parents that change a flow file or a refused entry under the folder, out of the last `commits`."""
    objects = Objects(path)
    found: list[Step] = []
    rest: str | None = tip
    for commit_id, tree, parent in _first_parents(objects, tip, commits):
        found.extend(_step(objects, commit_id, tree, parent, folder))
        rest = parent
        if len(found) >= limit:
            break
    return History(tuple(found), whole=rest is None)


def _step(objects: Objects, commit_id: str, tree: str, parent: str | None, folder: str) -> Iterator[Step]:
    before = None
    if parent is not None:
        if objects.header(parent) is None:
            return  # a shallow history ends here, and what this commit changed can't be told
        before = objects.commit(parent)[0]
    found = trees.diff(objects, before, tree, folder)
    refused = tuple(bad.path for bad in found.refused)
    if found.changes or refused != found.cleared:
        yield Step(commit_id, parent, found.changes, refused, found.cleared)


def _first_parents(objects: Objects, tip: str, limit: int) -> Iterator[tuple[str, str, str | None]]:
    """(commit, its tree, its first parent) from the tip back, at most `limit` of them."""
    commit_id: str | None = tip
    for _ in range(limit):
        if commit_id is None or (commit_id != tip and objects.header(commit_id) is None):
            return
        tree, parents = objects.commit(commit_id)
        parent = parents[0] if parents else None
        yield commit_id, tree, parent
        commit_id = parent
