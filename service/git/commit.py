"""Writing without a work tree: commits made in memory, notes, and the refs that keep pinned commits alive.

Every move of a ref is a compare-and-set under the ref's own lock file, so a push by `git` and an edit by API can't lose
each other. Writers of ours take turns by a lock on the repository's folder, which also tells a lock file that a killed
process left behind from one in use.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

from runners.crashpoints import crashpoint
from service.errors import Conflict, Invalid, Malformed, NotFound, Unavailable
from service.git import trees
from service.git.layout import GUARDED, KEEP, NOTES, branch_ref
from service.git.objects import Objects, opened, sha

#: A ref's lock file older than this, in seconds, belongs to nobody: Git holds them for milliseconds.
STALE = 60.0
#: Lock files of `turn`.
FETCH = "fetch.lock"
LONGEST_MESSAGE = 64 * 1024
SERVICE = ("Headgate", "headgate@localhost")


@contextmanager
def turn(path: Path, lock: str = "headgate.lock") -> Iterator[None]:
    """One of our writers at a time in a repository; the kernel lets go of the lock when the process dies.

    Hold it for moments only. A fetch, which may take minutes, has a lock of its own.
    """
    try:
        held = os.open(path / lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as fault:
        raise NotFound(f"There is no repository {path.name.removesuffix('.git')!r}.") from fault
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def unlock(path: Path, older: float = STALE) -> None:
    """Removes lock files that a killed process left, `older` seconds and more. Call it only within `turn`."""
    now = time.time()
    for lock in [*path.glob("*.lock"), *(path / "refs").rglob("*.lock")]:
        with suppress(FileNotFoundError):
            if lock.name not in GUARDED and now - lock.stat().st_mtime >= older:
                lock.unlink()


def move(repository: pygit2.Repository, ref: str, expected: str | None, new: str) -> None:
    """Compare-and-set of a ref; `expected` None: it must not exist. Raises Conflict, Unavailable."""
    try:
        with repository.transaction() as change:
            change.lock_ref(ref)
            now = _target(repository, ref)
            if now != expected:
                raise Conflict(f"{ref} has moved to {now or 'nothing'} meanwhile; it was expected at {expected or 'nothing'}.")
            crashpoint("git.locked")
            change.set_target(ref, new)
        crashpoint("git.moved")
    except (pygit2.GitError, ValueError, OSError) as fault:
        raise Unavailable(f"{ref} can't be moved now: {fault}.") from fault


def _target(repository: pygit2.Repository, ref: str) -> str | None:
    try:
        return str(repository.lookup_reference(ref).target)
    except KeyError:
        return None


def write(path: Path, branch: str, changes: Mapping[str, bytes | None], message: str, author: tuple[str, str], expected: str | None) -> str:
    """Commits changes of files (None removes one) on top of a branch's tip and gives the new tip.

    `expected` is the tip that the caller saw, None for a branch that does not exist. When nothing differs, no commit is
    made and the tip is given. Raises Conflict when the branch has moved, Invalid where a path runs through a file,
    a link or a submodule, NotFound for the removal of a file that isn't there.
    """
    ref = branch_ref(branch)
    with turn(path):
        unlock(path)
        objects = Objects(path)
        repository = objects.repository
        if _target(repository, ref) != expected:
            raise Conflict(f"The branch {branch} has moved meanwhile; read it again.")
        base = objects.commit(expected)[0] if expected is not None else None
        tree = _tree(objects, base, _nested(changes), "") or str(repository.TreeBuilder().write())
        if tree == base and expected is not None:
            return expected
        parents: list[str | pygit2.Oid] = [expected] if expected is not None else []
        new = repository.create_commit(None, _person(*author), _person(*SERVICE), _clean(message)[:LONGEST_MESSAGE], tree, parents)
        move(repository, ref, expected, str(new))
        return str(new)


# What a folder should become: names to contents, None for a removal, or to another such folder.
Nested = dict[bytes, "bytes | None | Nested"]


def _nested(changes: Mapping[str, bytes | None]) -> Nested:
    root: Nested = {}
    for path, content in sorted(changes.items()):
        parts = trees.parts(path)
        if not parts:
            raise Malformed("A file needs a path.")
        *folders, name = parts
        here = root
        for folder in folders:
            below = here.setdefault(folder, {})
            if not isinstance(below, dict):
                raise Invalid(f"{path}: a file of this commit stands where it needs a folder.")
            here = below
        here[name] = content
    return root


def _tree(objects: Objects, base: str | None, wanted: Nested, path: str) -> str | None:
    """Writes one folder and what is below it; None when nothing is left in it."""
    here = trees.read(objects, base)
    if here.fault is not None or here.doubled:
        raise Invalid(f"{path or 'The root folder'} holds entries that Git should not have; repair it with a push first.")
    builder = objects.repository.TreeBuilder(objects.repository[base].peel(pygit2.Tree)) if base is not None else objects.repository.TreeBuilder()
    for name, content in wanted.items():
        full = f"{path}/{name.decode()}" if path else name.decode()
        row = here.rows.get(name)
        if isinstance(content, dict):
            if row is not None and not trees.is_folder(row):
                raise Invalid(f"{full} is no folder.")
            _set(builder, name, _tree(objects, row.oid if row is not None else None, content, full), FileMode.TREE)
        elif row is not None and row.mode not in trees.FILE:
            raise Invalid(f"{full} is no regular file.")
        elif content is None and row is None:
            raise NotFound(f"There is no file {full}.")
        else:
            mode = FileMode.BLOB_EXECUTABLE if row is not None and row.mode == b"100755" else FileMode.BLOB
            _set(builder, name, str(objects.repository.create_blob(content)) if content is not None else None, mode)
    return str(builder.write()) if len(builder) else None


def _set(builder: pygit2.TreeBuilder, name: bytes, oid: str | None, mode: FileMode) -> None:
    text = name.decode()
    if oid is not None:
        builder.insert(text, oid, mode)
    elif builder.get(text) is not None:
        builder.remove(text)


def _person(name: str, email: str) -> pygit2.Signature:
    """A signature Git takes from whatever a caller is called."""
    clean = [" ".join("".join(c for c in text if c.isprintable() and c not in "<>").split()).strip(".,:;\"' ")[:200] for text in (name, email)]
    return pygit2.Signature(clean[0] or "unknown", clean[1] or "unknown@localhost", int(time.time()), 0, "utf-8")


def _clean(text: str) -> str:
    """What a commit's text may hold: UTF-8 without NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def note(path: Path, commit_id: str, text: str) -> None:
    """Writes the one note of a commit under refs/notes/headgate, in place of an earlier one. Raises NotFound."""
    with turn(path):
        unlock(path)
        repository = _with(path, commit_id)
        person = _person(*SERVICE)
        try:
            repository.create_note(_clean(text).rstrip("\n") + "\n", person, person, commit_id, NOTES, True)
        except pygit2.GitError as fault:
            raise Unavailable(f"The note of {commit_id} can't be written now: {fault}.") from fault


def keep(path: Path, commit_id: str) -> None:
    """Keeps a commit for ever, whatever happens to its branches. Repeating it is harmless. Raises NotFound."""
    with turn(path):
        unlock(path)
        _with(path, commit_id).references.create(KEEP + commit_id, commit_id, force=True)


def release(path: Path, commit_ids: list[str]) -> None:
    """Takes `keep` back; unknown commits are passed over."""
    with turn(path):
        unlock(path)
        repository = opened(path)
        for commit_id in commit_ids:
            name = KEEP + sha(commit_id)
            if name in repository.references:
                repository.references.delete(name)


def _with(path: Path, commit_id: str) -> pygit2.Repository:
    objects = Objects(path)
    header = objects.header(sha(commit_id))
    if header is None or header[0] is not ObjectType.COMMIT:
        raise NotFound(f"There is no commit {commit_id} in this repository.")
    return objects.repository
