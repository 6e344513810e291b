"""Files of namespaces as server tasks read and change them: the tree of the flow's own repository. Every change is one commit, as one by API is.

A task may be done more than once. Its commits name its task run, so what an earlier attempt has committed is known again: that is no conflict, and the same
content makes no second commit. They also say that they start nothing, so that no flow ever starts itself by what it writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import BinaryIO

from service.actions import edits, namespace_files, pushes
from service.actions.attempts import Attempted
from service.actions.edits import Attempt, Change, Edit
from service.actions.files import tree_uri
from service.actions.key_values import checked
from service.actions.kit import Kit
from service.actions.namespace_files import HEAVIEST_MOVED, MOST_MOVED, Place
from service.actions.sync import BRANCHES
from service.asks import TaskFailed
from service.errors import Conflict, Invalid, NotFound, ServiceError
from service.git.repository import FLOWS
from service.store import repositories
from service.store.database import Session
from service.store.repositories import MAIN, Repository

PATIENCE = 60.0  #: seconds for the branch to stand still, and then for the sync of our commit
_SLICE = 1.0  #: seconds until it is asked again whether the task goes on
_MOST = 100_000  #: files that are listed
_BACK = 500  #: commits that are looked at for one of an earlier attempt
_MARK = "Headgate-Task-Run"


@dataclass
class TaskTree:
    """Implements `service.asks.Tree`. `check` raises when the task is to end."""

    kit: Kit
    work: Attempted
    namespace: str
    repository: Repository
    check: Callable[[], None]

    @classmethod
    def of(cls, kit: Kit, work: Attempted, namespace: str, check: Callable[[], None]) -> TaskTree:
        """The files of a namespace that belongs to the flow's repository, or to none. Raises TaskFailed for another."""
        pin, environment = work.execution.pin, work.execution.environment
        with _failing(namespace), kit.database.read() as session:
            owner = repositories.owner(session, environment, checked(namespace))
            found = None if pin is None else repositories.by_id(session, pin.repository)
        if found is None:
            raise TaskFailed("this flow is of no repository that could hold files")
        if owner not in (None, found.id):
            raise TaskFailed(f"the files of the namespace `{namespace[:150]}` are not those of this flow's repository")
        # The tree is the same one; a namespace of no repository has no address of its own.
        return cls(kit, work, namespace if owner is not None else work.execution.namespace, found, check)

    def files(self) -> Mapping[str, int]:
        """See `Tree.files`."""
        if self._live is None:
            return {}
        with _failing(self.namespace):
            found = self.kit.git.files(self.repository.name, self._live.commit, "", _MOST) or ()
        return {path: size for path, size in found if not _is_flow(path)}

    def open(self, path: str) -> BinaryIO:
        """See `Tree.open`."""
        with _failing(self.namespace):
            return namespace_files.content(self.kit, self._live, path)[0]

    def write(self, files: Mapping[str, Callable[[], BinaryIO]], conflict: str) -> Mapping[str, str]:
        """See `Tree.write`."""
        with _failing(self.namespace):
            contents = _contents({namespace_files.writable(namespace_files.cleaned(path)): open_ for path, open_ in files.items()})
            writing = _Writing(self, contents, conflict)
            sha = self._commit(writing)
        return {path: self.uri(path, sha) for path in writing.chosen}

    def delete(self, meant: Callable[[str], bool]) -> Mapping[str, str]:
        """See `Tree.delete`."""
        with _failing(self.namespace):
            removal = _Removal(self, meant)
            self._commit(removal)
        return {path: self.uri(path, commit) for path, commit in sorted(removal.chosen.items())}

    def uri(self, path: str, commit: str) -> str:
        """What names a file for good."""
        return tree_uri(self.namespace, path, commit)

    @cached_property
    def _live(self) -> Place | None:
        commit = self.repository.live_oid
        return None if commit is None else Place(self.repository.name, commit)

    # changes

    def change(self, session: Session, verb: str) -> tuple[Change, str | None]:
        """One that is still to be filled, and the commit that it is made on."""
        applied = repositories.applied(session, self.repository.id)
        of, run = self.work.execution, self.work.run
        told = f"Task {run.node} of an execution of {of.namespace}.{of.flow}: {self.kit.page('executions', of.id)}"
        message = f"{verb}\n\n{told}\n\n{self._mark}\nskip-checks: true\n"
        author = (f"Execution {of.id}", f"{of.id}@executions.headgate.invalid")
        branch = edits.branch_of(self.kit, self.repository)
        return Change(self.repository, applied, {}, message, author), applied.get(BRANCHES + branch)

    def earlier(self, tip: str) -> dict[str, str]:
        """The paths that earlier attempts of this task run have changed, with the commit before that. The first attempt has none before it."""
        git, name, found = self.kit.git, self.repository.name, dict[str, str]()
        pin = self.work.execution.pin
        sha: str | None = tip if self.work.run.attempt.number > 1 else None
        for _ in range(_BACK):
            if sha is None or (pin is not None and sha == pin.commit):
                break
            info = git.commit(name, sha)
            parent = info.parents[0] if info.parents else None
            if parent is not None and self._mark in info.message.splitlines():
                found |= dict.fromkeys(git.paths_changed(name, parent, sha), parent)
            sha = parent
        return found

    @property
    def _mark(self) -> str:
        return f"{_MARK}: {self.work.run.id}"

    def _commit(self, edit: Edit) -> str:
        """The commit that holds the change, once it is synced. Raises what an edit and its sync raise, and Stopped."""
        if self.work.execution.environment != MAIN or not self.work.trusted:
            raise TaskFailed("only executions of live flows may change files; those of a branch are changed by a push to it")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.check()
            attempt = edits.attempt(self.kit, edit)
            edits.check_outcome(self.kit, attempt, passed=self._passed(attempt))
            if attempt.made:
                # What this tree lists from now on is what has been written.
                self.repository = replace(self.repository, live_oid=attempt.sha)
                self.__dict__.pop("_live", None)
                return attempt.sha or ""
        raise Conflict("others have changed the branch again and again; nothing is changed")

    def _passed(self, attempt: Attempt) -> bool:
        deadline = time.monotonic() + PATIENCE
        while not pushes.wait_for(self.kit, attempt.repository, attempt.ref, attempt.sha or "", _SLICE):
            self.check()
            if time.monotonic() > deadline:
                return False
        return True


@dataclass
class _Writing:
    """Files with their new content; `chosen` are those that are written."""

    tree: TaskTree
    contents: Mapping[str, bytes]
    conflict: str
    chosen: list[str] = field(default_factory=list)

    def decide(self, session: Session) -> Change:
        """See `edits.Edit`. Raises Conflict."""
        change, base = self.tree.change(session, f"Write {_named(self.contents)}")
        there = self._there(base) if base is not None and self.conflict != "OVERWRITE" else []
        if there and self.conflict == "ERROR":
            raise Conflict(f"there is a file `{there[0][:200]}` already")
        self.chosen = [path for path in self.contents if path not in there]
        return replace(change, files={path: self.contents[path] for path in self.chosen})

    def _there(self, base: str) -> list[str]:
        """The paths where something stands that is not this task's own."""
        own = self.tree.earlier(base)
        return [path for path in self.contents if path not in own and _is_there(self.tree, base, path)]


@dataclass
class _Removal:
    """The end of files; `chosen` are those that are gone, with the commit that had them."""

    tree: TaskTree
    meant: Callable[[str], bool]
    chosen: dict[str, str] = field(default_factory=dict)

    def decide(self, session: Session) -> Change:
        """See `edits.Edit`."""
        change, base = self.tree.change(session, "Delete files")
        found = () if base is None else self.tree.kit.git.files(self.tree.repository.name, base, "", _MOST) or ()
        here = [path for path, _ in found if not _is_flow(path) and self.meant(path)]
        before = {} if base is None else {path: commit for path, commit in self.tree.earlier(base).items() if self.meant(path)}
        self.chosen = before | dict.fromkeys(here, base or "")
        return replace(change, files=dict.fromkeys(here), message=change.message.replace("Delete files", f"Delete {_named(here)}", 1))


def _is_there(tree: TaskTree, commit: str, path: str) -> bool:
    try:
        return tree.kit.git.size(tree.repository.name, commit, path) is not None
    except Invalid:  # a folder, a link, something below a file: writing it is refused
        return True


def _is_flow(path: str) -> bool:
    return path.startswith(f"{FLOWS}/")


def _named(paths: Mapping[str, bytes] | list[str]) -> str:
    return " ".join(", ".join(paths).split())[:200]


def _contents(files: Mapping[str, Callable[[], BinaryIO]]) -> dict[str, bytes]:
    """All of them at once, for one commit is made of them. Raises TaskFailed for too many."""
    if len(files) > MOST_MOVED:
        raise TaskFailed(f"one commit takes {MOST_MOVED:,} files, and these are {len(files):,}")
    found, left = dict[str, bytes](), HEAVIEST_MOVED
    for path, opened in files.items():
        with opened() as content:
            found[path] = content.read(left + 1)
        left -= len(found[path])
        if left < 0:
            raise TaskFailed(f"one commit takes {HEAVIEST_MOVED:,} bytes of files, and these are more: with `{path[:200]}`")
    return found


@contextmanager
def _failing(namespace: str) -> Iterator[None]:
    """What can't be had or done, in words for the flow's author."""
    try:
        yield
    except NotFound as failure:
        raise TaskFailed(failure.message) from failure
    except ServiceError as failure:
        raise TaskFailed(f"files of the namespace `{namespace[:150]}`: {failure.message}") from failure
