"""The flow files of a commit: read from Git's objects, with no work tree, by the walk that the sync of a push uses.

Nothing is run and no `git` is called, so that text which looks like an option is only the name of a commit that is not there. The repository may belong to
another user (a checkout in a container): libgit2's check of its owner guards against configured programs, and reading objects starts none.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from service.cli.stop import WRONG, Stop
from service.cli.texts import FLOWS, Text, shown
from service.errors import ServiceError
from service.flows.problems import escaped
from service.git import trees
from service.git.objects import Objects
from service.git.values import BadEntry


def commit_texts(rev: str, path: str) -> Iterator[Text]:
    """The live flow files below a path of a commit (nothing: `.flows`), or the one file there. A path that begins with a dot and a slash is seen from the
    current directory, as Git sees it. Raises Stop where there is no repository, commit or path."""
    named = f"{rev}:{path}"
    repository = _repository(named)
    commit = _commit(repository, rev)
    place = _path(repository, path) if path else FLOWS
    try:
        yield from _read(Objects(Path(repository.path)), commit, place, rev)
    except ServiceError as fault:
        raise Stop(WRONG, f"{_name(named)} can't be read: {fault.message}") from fault


def _repository(named: str) -> pygit2.Repository:
    pygit2.settings.owner_validation = False
    try:
        found = pygit2.discover_repository(str(Path.cwd()))
        if found is not None:
            return pygit2.Repository(found)
    except pygit2.GitError as fault:
        raise Stop(WRONG, f"the Git repository of this folder can't be read: {fault}") from fault
    raise Stop(WRONG, f"there is no file or folder {_name(named)}, and no Git repository here that could have such a commit")


def _commit(repository: pygit2.Repository, rev: str) -> pygit2.Commit:
    if not rev:
        raise Stop(WRONG, "a commit is named before the colon: `HEAD:`, `main:.flows/etl.yml`")
    try:
        return repository.revparse_single(rev).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as fault:
        raise Stop(WRONG, f"there is no file or folder of this name, and `{_name(rev)}` is not one commit of this repository") from fault


def _path(repository: pygit2.Repository, path: str) -> str:
    here = ""
    if path.split("/", 1)[0] in (".", "..") and repository.workdir is not None:
        here = os.path.relpath(Path.cwd(), Path(repository.workdir).resolve())
    return posixpath.normpath(posixpath.join(here, path))


def _read(objects: Objects, commit: pygit2.Commit, path: str, rev: str) -> Iterator[Text]:
    origin, tree = str(commit.id), str(commit.tree_id)
    found = trees.find(objects, tree, path)
    if found.refused is not None:
        yield _refused(found.refused, origin)
    elif found.row is None:
        raise Stop(WRONG, f"there is no {_name(path)} in the commit {_name(rev)}")
    elif trees.is_folder(found.row):
        yield from _below(objects, tree, path, origin)
    else:
        yield _file(objects, found.row.oid, path, origin)


def _below(objects: Objects, tree: str, path: str, origin: str) -> Iterator[Text]:
    found = trees.diff(objects, None, tree, path)
    yield from (_refused(entry, origin) for entry in found.refused)
    yield from (_file(objects, change.new, change.path, origin) for change in found.changes if change.new is not None)


def _file(objects: Objects, blob: str, path: str, origin: str) -> Text:
    header = objects.header(blob)
    too_large = trees.size_fault(header[1]) if header is not None else None
    if too_large is not None:
        return _refused(too_large.at(path), origin)
    return Text(path, objects.raw(blob, ObjectType.BLOB, trees.LARGEST_FLOW), origin=origin)


def _refused(entry: BadEntry, origin: str) -> Text:
    return Text(entry.path, refused=(entry.reason, entry.hint or None), origin=origin)


def _name(text: str) -> str:
    return escaped(shown(text), 200)
