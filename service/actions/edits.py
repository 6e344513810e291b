"""Changes of flows through the API: each is a commit on the live branch, synced like any push.

An edit is made on the commit that is applied, by compare-and-set: what was checked is what is changed. When somebody was faster, their sync is awaited
and everything is looked at again. The waits are the caller's: here is what to do between them, so that no thread is held while a sync runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from runners.crashpoints import crashpoint
from service.actions import deliveries, reports, repositories, sync
from service.actions.deliveries import API, Head
from service.actions.kit import Kit
from service.errors import Conflict, Invalid, NotFound, ServiceError, Unavailable
from service.flows.flow import Flow as ReadFlow
from service.flows.flow import Reading
from service.flows.problems import Problem, Severity
from service.git.repository import FLOWS
from service.store import commits, flows, statuses
from service.store import deliveries as inbox
from service.store import repositories as rows
from service.store.codec import new_id, now
from service.store.database import Session
from service.store.flows import Flow, Identity
from service.store.repositories import MAIN, Repository

_AUTHOR = ("Headgate API", "api@headgate.invalid")
#: What problems say of a text that has no file yet.
PATH = "flow.yaml"


@dataclass(frozen=True, slots=True)
class Change:
    """Files to write (None removes one), and the refs as they were applied when that was decided."""

    repository: Repository
    applied: Mapping[str, str]
    files: Mapping[str, bytes | None]
    message: str
    author: tuple[str, str] = _AUTHOR


@dataclass(frozen=True, slots=True)
class Saving:
    """A flow's new text; `only` says that the flow must (`existing`) or must not (`new`) be there."""

    text: bytes
    identity: Identity
    only: str | None = None
    message: str | None = None

    def decide(self, session: Session) -> Change:
        """Which file to write. Raises Conflict or NotFound."""
        name = ".".join(self.identity)
        known = flows.get(session, MAIN, self.identity)
        live = known if known is not None and known.live is not None else None
        if self.only == "new" and live is not None:
            raise Conflict(f"there is a flow `{name}` already")
        if self.only == "existing" and live is None:
            raise NotFound(f"there is no flow `{name}`")
        repository = repositories.home_of(session, self.identity[0])
        path = place_of(session, repository, self.identity, live)
        message = self.message or f"{'Update' if live else 'Create'} {name}"
        return Change(repository, rows.applied(session, repository.id), {path: self.text}, message)


@dataclass(frozen=True, slots=True)
class Removal:
    """The end of a flow's file."""

    identity: Identity
    message: str | None = None

    def decide(self, session: Session) -> Change:
        """Which files to remove. Raises NotFound."""
        name = ".".join(self.identity)
        known = flows.get(session, MAIN, self.identity)
        if known is None or known.live is None:
            raise NotFound(f"there is no flow `{name}`")
        repository = repositories.home_of(session, self.identity[0])
        paths = [file.path for file in flows.files_of(session, repository.id, self.identity)]
        return Change(repository, rows.applied(session, repository.id), dict.fromkeys(paths), self.message or f"Delete {name}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A head whose sync is to be awaited: the edit's own (`made`), or one that was there first, after which the edit is tried again.

    `changed` False: the branch had that text already.
    """

    repository: Repository
    ref: str
    sha: str | None
    made: bool
    changed: bool = True


def check(kit: Kit, text: bytes, path: str = PATH, *, allow_unknown_types: bool = False) -> Reading:
    """What a text would be as a flow file; nothing is stored and nothing remembered."""
    return kit.reader.check(text, path, allow_unknown_types=allow_unknown_types)


def right(reading: Reading) -> ReadFlow:
    """The flow that was read. Raises Invalid with every problem's place when it is wrong."""
    if reading.flow is None:
        raise _wrong(reading)
    return reading.flow


def saving(kit: Kit, text: bytes, *, only: str | None = None, identity: Identity | None = None, message: str | None = None) -> Saving:
    """A text to be saved. Raises Invalid with every problem's place, or when it is not of the flow that the address names."""
    flow = right(check(kit, text))
    found = (flow.namespace, flow.id)
    if identity is not None and found != identity:
        raise Invalid(f"the text is of `{'.'.join(found)}`, but the address says `{'.'.join(identity)}`: a flow's namespace and id never change")
    return Saving(text, found, only, message)


class Edit(Protocol):
    """A change of flows that becomes one commit."""

    def decide(self, session: Session) -> Change:
        """What to write, on the commit that is applied now. Raises Conflict, Invalid or NotFound."""


def attempt(kit: Kit, edit: Edit) -> Attempt:
    """Makes the commit and has it synced, unless the branch has moved on. Raises what `decide` raises, and Unavailable."""
    with kit.database.read() as session:
        change = edit.decide(session)
    repository, name = change.repository, change.repository.name
    if not repository.embedded and not kit.git.exists(name):
        raise Unavailable(f"repository {name} has not been fetched yet; try again when it has")
    branch = branch_of(kit, repository)
    ref = sync.BRANCHES + branch
    before = change.applied.get(ref)
    if not change.files:
        return Attempt(repository, ref, before, made=True, changed=False)
    crashpoint("edits.before_commit")
    try:
        sha = kit.git.write(name, branch, dict(change.files), change.message, change.author, before)
    except Conflict:
        return Attempt(repository, ref, kit.git.refs(name).get(ref), made=False)
    if sha != before:
        crashpoint("edits.committed")
        _tell(kit, repository, ref, sha)
        crashpoint("edits.told")
    return Attempt(repository, ref, sha, made=True, changed=sha != before)


def branch_of(kit: Kit, repository: Repository) -> str:
    """The branch that edits go to."""
    return repository.branch or kit.git.default_branch(repository.name) or "main"


def check_outcome(kit: Kit, attempt: Attempt, *, passed: bool) -> None:
    """Raises what the sync's end means for the edit; `passed` False: it has not ended in time. After it an edit that is not made is tried again."""
    sha = attempt.sha or ""
    stands = f"stands at {sha[:12]}" if sha else "is gone"
    begin = f"the change is committed as {sha[:12]}, but" if attempt.made else f"nothing is changed: {attempt.ref} {stands}, and"
    place = f"; look at {kit.page('commits', attempt.repository.name, sha)}" if sha else ""
    with kit.database.read() as session:
        commit = commits.get(session, attempt.repository.id, sha)
        told = {status.context: status.description for status in statuses.of(session, attempt.repository.id, sha)}
        trouble = kit.masker.text(inbox.trouble(session, attempt.repository.id))
    if not passed:
        raise Unavailable(f"{begin} its sync has not ended yet{f' ({trouble})' if trouble else ''}{place}")
    if commit is not None and commit.state == sync.BROKEN:
        why = told.get(reports.FLOWS, "can't be synced")
        raise Conflict(f"{begin} it {why}{place}")


def live(kit: Kit, identity: Identity, attempt: Attempt) -> Flow:
    """The flow after its text was saved. Raises Conflict when others keep it from being live."""
    with kit.database.read() as session:
        found = flows.get(session, MAIN, identity)
        commit = commits.get(session, attempt.repository.id, attempt.sha) if attempt.changed and attempt.sha else None
    # A commit that the sync passed over says nothing: what is live then is newer.
    applied = commit is None or commit.state != sync.APPLIED or any((flow["namespace"], flow["id"]) == identity for flow in commit.flows)
    if found is None or found.live is None or not applied:
        raise Conflict(f"the change is committed, but `{'.'.join(identity)}` is not live: another file or repository claims it")
    return found


def place_of(session: Session, repository: Repository, identity: Identity, live: Flow | None) -> str:
    """The path of a flow's file: the one that claims it, the one that is live, or a new one."""
    claimed = [file for file in flows.files_of(session, repository.id, identity) if not file.guessed]
    return claimed[0].path if len(claimed) == 1 else live.path if live else _free_path(session, repository, identity)


def _free_path(session: Session, repository: Repository, identity: Identity) -> str:
    """Where a new flow's file goes: its name, or its name with a number where another flow's file has that."""
    base = f"{FLOWS}/{identity[0]}/{identity[1]}"
    names = (f"{base}{suffix}.yml" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(path for path in names if not flows.files_at(session, repository.id, [path]))


def _tell(kit: Kit, repository: Repository, ref: str, sha: str) -> None:
    """Has the new commit synced like any push."""
    if not repository.embedded:
        _push(kit, repository, ref, sha)
        crashpoint("edits.pushed")
    kit.database.write(lambda session: deliveries.tell(session, repository, API, f"api:{sha}", [Head(ref, sha)], now().timestamp()))


def _push(kit: Kit, repository: Repository, ref: str, sha: str) -> None:
    """To the forge, whose branch decides: when it refuses, what it has is fetched again, without our commit."""
    try:
        kit.git.push(repository.name, repository.url or "", deliveries.token_of(kit, repository), f"{sha}:{ref}", allow_private=repository.allow_private)
    except ServiceError:
        kit.database.write(lambda session: deliveries.tell(session, repository, API, new_id(), [], now().timestamp()))
        raise


def _wrong(reading: Reading) -> Invalid:
    errors = [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    return Invalid(f"{len(errors)} problem{'s' * (len(errors) != 1)} in the flow: {_short(errors[0])}", [problem.as_json() for problem in reading.problems])


def _short(problem: Problem) -> str:
    return f"{problem.line}:{problem.column}: {problem.message}"
