"""Files that templates and tasks name: those of a namespace, which are the tree of a commit, and those that an execution has stored.

path/in/the/tree            of the flow's own namespace, at the execution's commit
nsfile:///path              the same
nsfile://company.team/path  of another namespace of the same repository
kestra:///company/team/_files/path[?revision=COMMIT]    what `fileURI()` gives
kestra:///…/executions/…    a stored file, of this execution or of one in a namespace that may be read
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO
from urllib.parse import parse_qs, quote, unquote

from service.actions.kit import Kit
from service.engine.execution import Execution, Pin
from service.errors import Forbidden, Invalid, NotFound, TooLarge
from service.store import executions, repositories
from service.store.database import Session

LARGEST = 1_000_000  #: bytes of a file that becomes text
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_MOST_NAMES = 5
_STORED, _NAMED, _FOLDER = "kestra:///", "nsfile://", "_files"

#: Opens a session to read with.
Reading = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Whose:
    """In whose name something is read. `execution` is None before there is one."""

    environment: str
    namespace: str
    flow: str
    execution: str | None
    pin: Pin | None

    @classmethod
    def of(cls, execution: Execution) -> Whose:
        """In the name of an execution."""
        return cls(execution.environment, execution.namespace, execution.flow, execution.id, execution.pin)


@dataclass(frozen=True, slots=True)
class Meta:
    """Bytes of a file, and when it was stored or committed."""

    size: int
    modified: float


def may_read(session: Session, whose: Whose, namespace: str) -> bool:
    """Its own namespace, those above it, those of its repository, and those that belong to nobody."""
    if whose.namespace == namespace or whose.namespace.startswith(f"{namespace}."):
        return True
    owner = repositories.owner(session, whose.environment, namespace)
    return owner is None or (whose.pin is not None and owner == whose.pin.repository)


def may_write(session: Session, whose: Whose, namespace: str) -> bool:
    """Its own namespace, and what belongs to its repository or to nobody: what stands above is read by all below it, and written by its owner alone."""
    owner = repositories.owner(session, whose.environment, namespace)
    return namespace == whose.namespace or owner is None or (whose.pin is not None and owner == whose.pin.repository)


@dataclass(frozen=True, slots=True)
class _Place:
    """A file of a commit."""

    repository: str
    commit: str
    path: str


class Files:
    """The files that may be read in somebody's name. What can't be had is a ServiceError whose message is for the flow's author."""

    def __init__(self, kit: Kit, whose: Whose, reading: Reading) -> None:
        self._kit, self._whose, self._reading = kit, whose, reading

    def text(self, uri: str, namespace: str | None = None, revision: str | None = None) -> str:
        """The text of a file."""
        content = self._content(uri, namespace, revision)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise Invalid(f"`{uri[:200]}` is not text in UTF-8") from None

    def size(self, uri: str, namespace: str | None = None, revision: str | None = None) -> int | None:
        """A file's size in bytes, None where there is none."""
        place = self._place(uri, namespace, revision)
        try:
            return self._kit.storage.size(uri) if place is None else self._kit.trees.size(place.repository, place.commit, place.path)
        except (NotFound, Invalid):  # a folder, a link, something below a file
            return None

    def meta(self, uri: str) -> Meta:
        """What is known of a file without reading it. Raises NotFound."""
        place = self._place(uri, None, None)
        if place is None:
            return Meta(self._kit.storage.size(uri), self._kit.storage.modified(uri))
        size = self._kit.trees.size(place.repository, place.commit, place.path)
        if size is None:
            raise NotFound(f"there is no file `{uri[:200]}`")
        return Meta(size, self._kit.git.commit(place.repository, place.commit).date.timestamp())

    def open(self, uri: str) -> BinaryIO:
        """The content of a file of any size. Takes as long as it takes: only for whoever may wait."""
        place = self._place(uri, None, None)
        if place is None:
            return self._kit.storage.open(uri)
        found = self._kit.trees.open(place.repository, place.commit, place.path)
        if found is None:
            raise NotFound(f"there is no file `{uri[:200]}`")
        return found

    def uri(self, path: str, namespace: str | None = None, revision: str | None = None) -> str:
        """The URI of a namespace's file, which must be there."""
        place = self._place(path, namespace, revision)
        if place is None:
            return path
        if self._kit.trees.size(place.repository, place.commit, place.path) is None:
            raise NotFound(f"there is no file `{path[:200]}`")
        owner, name, given = _parsed(path, namespace or self._whose.namespace)
        asked = revision or given
        return tree_uri(owner, name, None if asked is None else place.commit)

    def _content(self, uri: str, namespace: str | None, revision: str | None) -> bytes:
        place = self._place(uri, namespace, revision)
        if place is None:
            with self._kit.storage.open(uri) as stream:
                content: bytes | None = stream.read(LARGEST + 1)
        else:
            try:
                content = self._kit.trees.file(place.repository, place.commit, place.path)
            except TooLarge:
                raise _too_large(uri) from None
        if content is None:
            raise NotFound(f"there is no file `{uri[:200]}`")
        if len(content) > LARGEST:
            raise _too_large(uri)
        return content

    def delete(self, uri: str) -> bool:
        """Takes a stored file away; False: there was none. Raises Forbidden."""
        if not (_is_stored(uri) and self._is_ours(uri, may_write)):
            raise Forbidden(f"`{uri[:200]}` is not a stored file of this execution, nor of one whose files it may change")
        return self._kit.storage.delete(uri)

    def _is_ours(self, uri: str, may: Callable[[Session, Whose, str], bool] = may_read) -> bool:
        """Whether a stored file is one of this execution, or of another one of the environment whose namespace may be read, or written."""
        whose = self._whose
        if whose.execution is not None and self._kit.storage.allowed(uri, whose.namespace, whose.flow, whose.execution):
            return True
        parts = [unquote(part) for part in uri.split("/")]
        ids = [id for name, id in pairwise(parts) if name == "executions"]  # a namespace may have a part of that name, too
        with self._reading() as session:
            rows = [row.execution for id in ids[:_MOST_NAMES] if (row := executions.get(session, id)) is not None]
            return any(
                row.environment == whose.environment and self._kit.storage.allowed(uri, row.namespace, row.flow, row.id) and may(session, whose, row.namespace)
                for row in rows
            )

    def _place(self, uri: str, namespace: str | None, revision: str | None) -> _Place | None:
        """Where in which tree; None for a stored file that may be read."""
        whose = self._whose
        if _is_stored(uri):
            if not self._is_ours(uri):
                raise Forbidden(f"`{uri[:200]}` is not a file of this execution, nor of one whose files it may read")
            return None
        owner, path, given = _parsed(uri, namespace or whose.namespace)
        commit = revision or given
        if commit is not None and not _COMMIT.fullmatch(commit):
            raise Invalid(f"`{commit[:60]}` is no revision of a file: a commit is, with all of its 40 digits")
        if whose.pin is None:
            raise NotFound(f"there is no file `{uri[:200]}`: this flow is of no commit")
        with self._reading() as session:
            if owner != whose.namespace and repositories.owner(session, whose.environment, owner) != whose.pin.repository:
                raise Forbidden(f"the files of the namespace `{owner[:150]}` are not those of this flow's repository")
            repository = repositories.by_id(session, whose.pin.repository)
        if repository is None:
            raise NotFound("the repository of this flow is gone")
        return _Place(repository.name, commit or whose.pin.commit, path)


def tree_uri(namespace: str, path: str, commit: str | None) -> str:
    """The URI of a namespace's file, at a commit or at that of whoever reads it."""
    at = "" if commit is None else f"?revision={commit}"
    return f"{_STORED}{'/'.join(quote(part, safe='') for part in namespace.split('.'))}/{_FOLDER}/{quote(path)}{at}"


def _is_stored(uri: str) -> bool:
    return uri.startswith("kestra:") and f"/{_FOLDER}/" not in uri


def _parsed(uri: str, namespace: str) -> tuple[str, str, str | None]:
    """Namespace, path and revision of a file in a tree."""
    found = _SCHEME.match(uri)
    if found is None:
        return namespace, tree_path(uri), None
    rest, _, query = uri.partition("?")
    given = parse_qs(query).get("revision", [None])[0]
    if rest.startswith(_NAMED):
        host, _, path = rest.removeprefix(_NAMED).partition("/")
        return host or namespace, tree_path(unquote(path)), given
    if rest.startswith(_STORED):
        above, _, path = rest.removeprefix(_STORED).partition(f"/{_FOLDER}/")
        return ".".join(unquote(part) for part in above.split("/")), tree_path(unquote(path)), given
    raise Invalid(f"`{found[1]}://` is not read: a path in the namespace's files is, and what begins with kestra:/// or nsfile://")


def tree_path(text: str) -> str:
    """A path in a tree, without what means nothing in it."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise Invalid(f"`{text[:200]}` is not the path of a file: it leads {'outside' if parts else 'nowhere'}")
    return "/".join(parts)


def _too_large(uri: str) -> TooLarge:
    return TooLarge(f"`{uri[:200]}` is larger than {LARGEST:,} bytes: too large to be text in an expression; a task can read it")
