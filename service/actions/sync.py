"""A moved ref becomes revisions, triggers, executions and statuses.

Planned outside any transaction (diff, blobs, parse, verdicts, the inputs of what is started), applied in one: the transaction that moves the applied
commit repoints what is live, so that a reader sees all of a commit or none of it. Planning costs what the diff costs; only flows whose files are wrong
ask the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.actions import executions, limits, reports
from service.actions.covered import covered
from service.actions.kit import Kit
from service.actions.winners import Text, Verdict, decide, guess
from service.engine.execution import Pin
from service.errors import Conflict, NotFound, TooLarge
from service.flows.flow import Flow, Reading, TriggerDef
from service.flows.problems import Problem, Severity
from service.flows.skip import skips
from service.git.repository import FLOWS
from service.git.values import CommitInfo, History, TreeDiff
from service.store import commits, flows, repositories, triggers
from service.store.codec import new_id, to_json
from service.store.database import Session, announce
from service.store.flows import ERROR, File, Identity
from service.store.repositories import MAIN, Repository
from service.triggers import GitTrigger, Head, Schedulable
from webhooks.report import ReportState

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
PENDING, APPLIED, CHECKED, SUPERSEDED, BROKEN = "pending", "applied", "checked", "superseded", "error"

_PATHS = 3000  #: changed paths that `paths:` filters look at; with more, every filter matches: nothing may be missed
_SHOWN = 200  #: problems kept with a commit
_HEAVIEST = 1 << 30  #: weight of the readings of one sync, which are all in memory when it is applied

#: Problems that a file has because of others, not by its own text.
TWICE, FOREIGN, REFUSED = "HG-0501", "HG-0502", "HG-0503"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a sync does to one flow. `change` is created, updated, moved or deleted; `clocks` says when each of its schedules would fire first."""

    verdict: Verdict
    before: flows.Flow | None
    row: str
    change: str
    revision: int
    source: str
    flow: Flow | None
    clocks: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """Which flow."""
        return self.verdict.identity


@dataclass(frozen=True, slots=True)
class Fired:
    """An execution that this push starts. `read` is the flow's row that it was made from, None where the push itself brings the flow."""

    execution: executions.Prepared
    read: flows.Flow | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A Git trigger that is live once the plan is applied, with the flow, the row and the revision that it would start."""

    flow: Flow
    trigger: TriggerDef
    row: str
    revision: int
    path: str
    blob: str
    read: flows.Flow | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a sync will store. `problems` are those that are kept, `errors` is how many there are in all; `owners` are the repositories, None where
    there is none, of every namespace that was looked at, and `namespaces` those in which this one has files."""

    repository: Repository
    ref: str
    tip: str
    before: str | None
    info: CommitInfo
    tracked: bool
    skipped: bool
    fire: bool = True
    files: tuple[File, ...] = ()
    gone: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()
    errors: int = 0
    namespaces: tuple[str, ...] = ()
    owners: Mapping[str, str | None] = field(default_factory=dict)
    fired: tuple[Fired, ...] = ()


@dataclass(slots=True)
class _Look:
    """One repository at one tip, with what was read of it."""

    kit: Kit
    session: Session
    repository: Repository
    tip: str
    now: datetime
    texts: dict[str, bytes] = field(default_factory=dict)
    past: History | None = None

    def history(self) -> History:
        """The flow files' changes along the tip's first parents."""
        if self.past is None:
            self.past = self.kit.git.history(self.repository.name, self.tip, FLOWS)
        return self.past

    def fetch(self, blobs: Sequence[str]) -> Iterator[Mapping[str, bytes]]:
        """Texts by blob, in parts; the last one is at hand for `source`."""
        for part in self.kit.git.contents(self.repository.name, blobs):
            self.texts = part
            yield part

    def read(self, path: str, blob: str) -> Reading:
        """What a blob says; parsed once in its life."""
        known = self.kit.reader.known(blob, path)
        if known is not None:
            return known
        return self.kit.reader.read(blob, path, self.text(blob))

    def text(self, blob: str) -> bytes:
        """A blob's content."""
        return self.texts[blob] if blob in self.texts else self.kit.git.blobs(self.repository.name, [blob])[blob]

    def source(self, text: Text) -> str:
        """A flow's verbatim text."""
        return self.text(text.blob).decode("utf-8")


def is_tracked(kit: Kit, repository: Repository, ref: str) -> bool:
    """Whether a ref is the branch whose flows are live."""
    branch = repository.branch or kit.git.default_branch(repository.name)
    return branch is not None and ref == BRANCHES + branch


def plan(kit: Kit, session: Session, repository: Repository, ref: str, tip: str, now: datetime, *, fire: bool) -> Plan:
    """Looks at a moved ref and decides what its sync will do. `fire` False takes the commit over without starting anything: it was there before us."""
    before = repositories.applied(session, repository.id).get(ref)
    info = kit.git.commit(repository.name, tip)
    base = Plan(repository, ref, tip, before, info, is_tracked(kit, repository, ref), skips(info.message), fire)
    look = _Look(kit, session, repository, tip, now)
    filled = _tracked(look, base) if base.tracked else _other(look, base)
    return replace(filled, fired=tuple(_fired(look, filled))) if fire and not base.skipped else filled


# the branch whose flows are live


def _tracked(look: _Look, base: Plan) -> Plan:
    repository = look.repository.id
    # Against the commit that the live flows are of, which is another branch's when the live branch was changed.
    diff, whole = _diff(look, look.repository.live_oid)
    new = {file.path: file for file in _files(look, diff)}
    wrong = {file.path: file for file in flows.noted_files(look.session, repository, ERROR)}
    kept = _kept(look, diff, whole, new, wrong)
    gone = _gone(look, diff, whole, new | kept, wrong)
    old = flows.files(look.session, repository) if whole else flows.files_at(look.session, repository, [*new, *kept, *gone])
    # What a nameless file meant, and what stands in for a wrong one, follow from the tip's history: asked again at every sync, so that a fresh one agrees.
    standing = {path: file for path, file in wrong.items() if path not in new and path not in gone}
    renamed = {path: _named(look, file) for path, file in (standing | new).items() if file.identity is None or file.guessed}
    new |= renamed | kept
    touched = {file.identity for file in (*old.values(), *wrong.values(), *new.values())} - {None}
    claims = _claims(look, {identity for identity in touched if identity is not None}, new, gone)
    judged = {identity: _judged(look, identity, files) for identity, files in claims.items()}
    new |= {file.path: file for files in judged.values() for file in files if _differs(file, claims)}
    ours = {identity: files for identity, files in judged.items() if _owner(look, identity) in (None, repository)}
    verdicts = decide(ours, look.history, look.read)
    changes = [_change(look, verdicts[identity]) for identity in sorted(verdicts)]
    standing_notes = [file for file in flows.noted_files(look.session, repository) if file.path not in new and file.path not in gone]
    problems, errors = _worst([*standing_notes, *new.values()])
    return replace(
        base,
        files=tuple(new.values()),
        gone=tuple(gone),
        applied=tuple(change for change in changes if change is not None),
        problems=problems,
        errors=errors,
        namespaces=tuple(sorted({identity[0] for identity, files in ours.items() if files})),
        owners={identity[0]: _owner(look, identity) for identity in claims},
    )


def _diff(look: _Look, before: str | None) -> tuple[TreeDiff, bool]:
    """The changes since the applied commit; all files, and True, where that is unknown or gone."""
    name = look.repository.name
    if before is not None:
        try:
            return look.kit.git.diff(name, before, look.tip), False
        except NotFound:
            pass  # a force-push and a collection have removed it: everything is looked at anew
    return look.kit.git.diff(name, None, look.tip), True


def _files(look: _Look, diff: TreeDiff) -> Iterator[File]:
    present = [(change.path, change.new) for change in diff.changes if change.new is not None]
    weight = 0
    for path, blob, reading, heavy in look.kit.reader.read_all(present, look.fetch):
        weight += heavy
        if weight > _HEAVIEST:
            raise TooLarge(f"too many or too large flow files change at once ({len(present)}); push them in several steps")
        yield File(path, blob, reading.identity, reading.flow is not None, problems=tuple(problem.as_json() for problem in reading.problems))
    for entry in diff.refused:
        problem = Problem(REFUSED, Severity.ERROR, entry.path, 1, 1, entry.reason, entry.hint)
        yield File(entry.path, "", None, False, problems=(problem.as_json(),))


def _gone(look: _Look, diff: TreeDiff, whole: bool, new: Mapping[str, File], wrong: Mapping[str, File]) -> set[str]:
    if whole:
        return flows.files(look.session, look.repository.id).keys() - new.keys()
    below = [flows.files_below(look.session, look.repository.id, path) for path, file in wrong.items() if _is_refused(file)]
    out_of_sight = {path for files in below for path, file in files.items() if not file.blob and not _is_refused(file)}
    return ({change.path for change in diff.changes if change.new is None} | set(diff.cleared) | out_of_sight) - new.keys()


def _kept(look: _Look, diff: TreeDiff, whole: bool, new: Mapping[str, File], wrong: Mapping[str, File]) -> dict[str, File]:
    """The files that the tip's refused entries keep from sight, as guesses: they are not gone, and their flows stay at their last good texts."""
    standing = set() if whole else {path for path, file in wrong.items() if _is_refused(file)} - set(diff.cleared)
    refused = standing | {entry.path for entry in diff.refused}
    if not refused:
        return {}
    behind = covered(refused, look.history())
    told = look.kit.reader.read_all([(path, blob) for path, blob in behind.files.items() if blob], look.fetch)
    known = {path: reading.identity for path, _, reading, _ in told}
    found = (File(path, "", known.get(path), False, guessed=True) for path in behind.files)
    kept = {file.path: file if file.identity else _named(look, file) for file in found if file.path not in new}
    for place in behind.beyond:
        for path, file in flows.files_below(look.session, look.repository.id, place).items():
            if path not in new and path not in refused:
                kept.setdefault(path, File(path, "", file.identity, False, guessed=True))
    return {path: file for path, file in kept.items() if file.identity}


def _is_refused(file: File) -> bool:
    return any(problem["code"] == REFUSED for problem in file.problems)


def _named(look: _Look, file: File) -> File:
    """A file that does not tell what it is, with what it last was."""
    identity = guess(file.path, look.history().steps, look.read)
    return replace(file, identity=identity, guessed=identity is not None)


def _claims(look: _Look, identities: set[Identity], new: Mapping[str, File], gone: set[str]) -> dict[Identity, list[File]]:
    """The files that claim each identity, by path."""
    found: dict[Identity, list[File]] = {}
    for identity in identities:
        stored = flows.files_of(look.session, look.repository.id, identity)
        found[identity] = [file for file in stored if file.path not in new and file.path not in gone]
    for file in new.values():
        if file.identity is not None:
            found[file.identity].append(file)
    return {identity: sorted(files, key=lambda file: file.path) for identity, files in found.items()}


def _owner(look: _Look, identity: Identity) -> str | None:
    return repositories.owner(look.session, MAIN, identity[0])


def _judged(look: _Look, identity: Identity, files: Sequence[File]) -> list[File]:
    """The files of one identity with the problems that they have because of each other, and of other repositories."""
    own = [file for file in files if not file.guessed]
    return [replace(file, problems=(*_by_itself(file), *_because_of_others(look, file, own))) for file in files]


def _by_itself(file: File) -> tuple[Mapping[str, Any], ...]:
    return tuple(problem for problem in file.problems if problem["code"] not in (TWICE, FOREIGN))


def _because_of_others(look: _Look, file: File, own: Sequence[File]) -> Iterator[Mapping[str, Any]]:
    name = ".".join(file.identity or ())
    foreign = _foreign(look.session, look.repository, file)
    if foreign is not None:
        yield foreign
    others = [other.path for other in own if other.path != file.path]
    if others and not file.guessed:
        told = f"`{name}` is defined here and in {', '.join(others[:3])}; neither is used"
        yield Problem(TWICE, Severity.ERROR, file.path, 1, 1, told, "keep one, or change an id; until then the last good text stays live").as_json()


def _foreign(session: Session, repository: Repository, file: File) -> Mapping[str, Any] | None:
    """The problem of a file in another repository's namespace."""
    namespace = file.identity[0] if file.identity else ""
    owner = repositories.owner(session, MAIN, namespace)
    if owner in (None, repository.id):
        return None
    holder = repositories.by_id(session, owner or "")
    told = f"namespace `{namespace}` belongs to repository `{holder.name if holder else owner}`"
    return Problem(FOREIGN, Severity.ERROR, file.path, 1, 1, told, "move the flow there, or give it a namespace of its own").as_json()


def is_overtaken(session: Session, repository: Repository) -> bool:
    """Whether a file is held to be in another repository's namespace, and that one has given it back since: the live commit is to be looked at again."""
    held = (file for file in flows.noted_files(session, repository.id, ERROR) if any(problem["code"] == FOREIGN for problem in file.problems))
    return any(_foreign(session, repository, file) not in file.problems for file in held)


def _differs(file: File, claims: Mapping[Identity, Sequence[File]]) -> bool:
    return file.identity is not None and file not in claims[file.identity]


def _change(look: _Look, verdict: Verdict) -> Applied | None:
    """What the verdict changes against what is live; None when nothing."""
    before = flows.get(look.session, MAIN, verdict.identity)
    live = before is not None and before.live is not None
    row = before.id if before else new_id()
    following = (before.revision if before else 0) + 1
    if verdict.text is None:
        return Applied(verdict, before, row, "deleted", following, "", None) if live else None
    if live and before is not None and before.blob == verdict.text.blob and before.repository_id == look.repository.id:
        if before.path == verdict.text.path:
            return None
        return Applied(verdict, before, row, "moved", before.live or following, "", look.read(verdict.text.path, verdict.text.blob).flow)
    flow = look.read(verdict.text.path, verdict.text.blob).flow
    return Applied(verdict, before, row, "updated" if live else "created", following, look.source(verdict.text), flow, _clocks(flow, look.now))


def _clocks(flow: Flow | None, now: datetime) -> dict[str, float | None]:
    """Counted while planning: the writer has better things to do than to read cron."""
    found: dict[str, float | None] = {}
    for trigger in flow.triggers if flow else ():
        if isinstance(trigger.model, Schedulable):
            first = trigger.model.next_after(now)
            found[trigger.id] = first.timestamp() if first else None
    return found


def _worst(files: Sequence[File]) -> tuple[tuple[Mapping[str, Any], ...], int]:
    """The files' problems by path, the worst first where there are too many to keep; and how many of all are errors."""
    found = [problem for file in sorted(files, key=lambda file: (-file.level, file.path)) for problem in file.problems]
    errors = sum(problem["severity"] == Severity.ERROR for problem in found)
    return tuple(sorted(found, key=lambda problem: problem["severity"] != Severity.ERROR)[:_SHOWN]), errors


# other branches, and tags


def _other(look: _Look, base: Plan) -> Plan:
    """A branch that is not live is checked: the files in which it differs from the live one, by themselves and beside the files that it leaves as they are
    there. A tag only where its commit has not been, on a branch."""
    if base.ref.startswith(TAGS) and _is_read(commits.get(look.session, look.repository.id, base.tip)):
        return base
    diff, whole = _diff(look, look.repository.live_oid)
    new = {file.path: file for file in _files(look, diff)}
    # What the branch's own refused entries hide would be a guess there, and guesses are nobody's rivals.
    gone = _gone(look, diff, whole, new, {})
    claims = _claims(look, {file.identity for file in new.values() if file.identity is not None}, new, gone)
    judged = {file.path: file for identity, files in claims.items() for file in _judged(look, identity, files)}
    problems, errors = _worst([judged.get(path, file) for path, file in new.items()])
    return replace(base, problems=problems, errors=errors)


def _is_read(known: commits.Commit | None) -> bool:
    """Whether a commit shows what its flows are like; one that was only seen, passed over or not readable does not."""
    return known is not None and known.state in (APPLIED, CHECKED)


# triggers


def _fired(look: _Look, planned: Plan) -> Iterator[Fired]:
    """What the push starts, with inputs and labels rendered: their templates are the flows' authors', and the writer must never wait for them."""
    head: Head | None = None
    for found in _git_triggers(look, planned):
        head = head or _head(look, planned)
        if not found.flow.disabled and not found.trigger.disabled and found.trigger.model.matches(head):
            pin = Pin(look.repository.id, planned.tip, planned.ref, found.path, found.blob)
            order = _order(planned, found.flow, found.trigger)
            yield Fired(executions.settle_or_refuse(look.kit, order, found.flow, found.row, found.revision, pin, look.now), found.read)


def _git_triggers(look: _Look, planned: Plan) -> Iterator[_Waiting]:
    changed = {applied.identity: applied for applied in planned.applied}
    for applied in planned.applied:
        if applied.flow is not None and applied.verdict.text is not None and not (applied.before and applied.before.disabled):
            for trigger in applied.flow.triggers:
                if isinstance(trigger.model, GitTrigger):
                    yield _Waiting(applied.flow, trigger, applied.row, applied.revision, applied.verdict.text.path, applied.verdict.text.blob, None)
    for stored in triggers.of_git(look.session, MAIN, look.repository.id):
        row = flows.get(look.session, MAIN, (stored.namespace, stored.flow_id))
        if row is None or row.live is None or row.disabled or (stored.namespace, stored.flow_id) in changed:
            continue
        flow = look.kit.reader.live(look.session, row)
        if flow is not None:
            for trigger in flow.triggers:
                if trigger.id == stored.trigger_id:
                    yield _Waiting(flow, trigger, row.id, row.live, row.path, row.blob, row)


def _order(planned: Plan, flow: Flow, trigger: TriggerDef) -> executions.Order:
    kind, short = ("tag", planned.ref.removeprefix(TAGS)) if planned.ref.startswith(TAGS) else ("branch", planned.ref.removeprefix(BRANCHES))
    variables = {
        "repository": planned.repository.name,
        "ref": planned.ref,
        kind: short,
        "commit": planned.tip,
        "before": planned.before,
        "message": planned.info.message[:4000],
        "author": planned.info.author_name[:200],
        "email": planned.info.author_email[:200],
    }
    return executions.Order(
        MAIN,
        flow.namespace,
        flow.id,
        trigger.model.inputs or {},
        {key: str(value) for key, value in (trigger.model.labels or {}).items()},
        {"id": trigger.id, "type": trigger.type, "variables": variables},
        origin="trigger",
        caused=True,
    )


def _head(look: _Look, planned: Plan) -> Head:
    paths: tuple[str, ...] | None = None
    if planned.ref.startswith(BRANCHES):
        paths = _paths(look, planned)
    author = f"{planned.info.author_name} <{planned.info.author_email}>"
    return Head(planned.ref, planned.tip, planned.before, planned.info.message, author, paths)


def _paths(look: _Look, planned: Plan) -> tuple[str, ...] | None:
    name, before = look.repository.name, planned.before
    if before == planned.tip:  # taken over at the first look; its webhook came after
        before = planned.info.parents[0] if planned.info.parents else None
    if before is None and not planned.tracked:
        live = look.repository.live_oid
        before = look.kit.git.merge_base(name, live, planned.tip) if live else None
    try:
        paths = look.kit.git.paths_changed(name, before, planned.tip, _PATHS)
    except NotFound:
        paths = look.kit.git.paths_changed(name, None, planned.tip, _PATHS)
    return paths if len(paths) < _PATHS else None


# applying


def see(session: Session, kit: Kit, repository: Repository, ref: str, sha: str, at: float) -> None:
    """Records a head that we were told of, and tells its forge that we are at it. One that is known is left alone: a delivery may come late or twice."""
    if commits.get(session, repository.id, sha) is not None:
        return
    commits.put(session, commits.Commit(repository.id, sha, ref, PENDING, "", "", at, at))
    reports.flows_checked(session, kit, repository, sha, ReportState.PENDING, "reading the flows of this commit", at)
    reports.runs_told(session, kit, repository, sha, ReportState.PENDING, "waiting for the flows to be read", at)


def apply(session: Session, kit: Kit, planned: Plan, now: datetime) -> tuple[Repository, ...]:
    """Stores a plan; gives the repositories that are to be looked at, because a namespace has become free that they have files in. Raises Conflict when
    what the plan was made from has changed since: it is made again."""
    repository, at = planned.repository, now.timestamp()
    _check_unchanged(session, planned)
    heirs: tuple[Repository, ...] = ()
    if planned.tracked:
        flows.put_files(session, repository.id, planned.files, planned.gone)
        for namespace in planned.namespaces:
            repositories.claim_namespace(session, MAIN, namespace, repository.id)
        heirs = _give_back(session, planned)
        _apply_flows(session, planned, now)
        repositories.change(session, repository.id, {"live_ref": planned.ref, "live_oid": planned.tip})
    known = commits.get(session, repository.id, planned.tip)
    if known is not None and _stands(known, planned.ref, planned.tracked):
        _start(session, kit, planned, known.generation, now)
    else:
        commit = _settled(planned, known, at)
        commits.put(session, commit)
        _report_flows(session, kit, planned, at)
        started = _start(session, kit, planned, commit.generation, now)
        reports.settle_runs(session, kit, repository, planned.tip, commit.generation, nothing=_why_nothing(planned) if not started else "", at=at)
    for sha in commits.pending(session, repository.id, planned.ref):
        supersede(session, kit, repository, sha, planned.tip, at)
    repositories.move_ref(session, repository.id, planned.ref, planned.tip)
    announce(session, ("flows", ""))
    return heirs


def _give_back(session: Session, planned: Plan) -> tuple[Repository, ...]:
    """Frees the namespaces of which the last file has gone, so that who owns one follows from the files that are there; gives who else has files in them."""
    ours = [namespace for namespace, owner in planned.owners.items() if owner == planned.repository.id]
    free = [namespace for namespace in ours if not flows.claims_namespace(session, planned.repository.id, namespace)]
    for namespace in free:
        repositories.release_namespace(session, MAIN, namespace)
    others = [other for other in repositories.every(session) if other.id != planned.repository.id] if free else []
    return tuple(other for other in others if any(flows.claims_namespace(session, other.id, namespace) for namespace in free))


def _check_unchanged(session: Session, planned: Plan) -> None:
    repository = repositories.by_id(session, planned.repository.id)
    same = repository is not None and repository.live_oid == planned.repository.live_oid
    same = same and repositories.applied(session, planned.repository.id).get(planned.ref) == planned.before
    same = same and all(repositories.owner(session, MAIN, namespace) == owner for namespace, owner in planned.owners.items())
    same = same and all(flows.get(session, MAIN, applied.identity) == applied.before for applied in planned.applied)
    read = [fired.read for fired in planned.fired if fired.read is not None]
    same = same and all(flows.get(session, MAIN, (row.namespace, row.flow_id)) == row for row in read)
    if not same:
        raise Conflict(f"{planned.ref} of {planned.repository.name} was synced by somebody else in the meantime")


def _why_nothing(planned: Plan) -> str:
    return "skipped: the commit message says so" if planned.skipped else "no flow runs on this push"


def fail(session: Session, kit: Kit, repository: Repository, ref: str, sha: str, reason: str, at: float) -> None:
    """Ends a head that can't be synced, with the reason. The live flows stay; the ref is looked at again."""
    known = commits.get(session, repository.id, sha)
    if known is None:
        commits.put(session, commits.Commit(repository.id, sha, ref, BROKEN, "", "", at, at))
    elif known.state == PENDING:
        commits.settle(session, repository.id, sha, BROKEN)
    else:
        return
    reports.failed(session, kit, repository, sha, reason, at)


def _stands(known: commits.Commit | None, ref: str, tracked: bool) -> bool:
    """Whether what a commit shows is not this ref's to change: a tag, or another branch, on a commit that was read elsewhere."""
    if known is None or not _is_read(known):
        return False
    elsewhere = known.state == APPLIED or (known.state == CHECKED and known.ref != ref)
    return ref.startswith(TAGS) or (elsewhere and not tracked)


def supersede(session: Session, kit: Kit, repository: Repository, sha: str, by: str | None, at: float) -> None:
    """Ends a head that the sync passed over; `by` is the newer head, None when the ref is gone."""
    commits.settle(session, repository.id, sha, SUPERSEDED)
    reports.superseded(session, kit, repository, sha, by, at)


def _settled(planned: Plan, known: commits.Commit | None, at: float) -> commits.Commit:
    """What the commit shows from now on. A head that comes back to its ref opens a new generation: its flows run again. One that another ref brings
    goes on in the generation that it has: what it started there still counts. Generation 0 is a head that was taken over and has started nothing."""
    info = planned.info
    # The live commit, looked at again for a namespace that became free: what it brought before is still its doing.
    again = known is not None and known.state == APPLIED and planned.repository.live_oid == planned.tip
    brought = {(flow["namespace"], flow["id"]): flow for flow in (*(known.flows if known and again else ()), *map(_flow_json, planned.applied))}
    comes_back = known is not None and known.state != PENDING and known.ref == planned.ref and planned.fire
    generation = known.generation + comes_back if known is not None else int(planned.fire)
    return commits.Commit(
        planned.repository.id,
        planned.tip,
        planned.ref,
        APPLIED if planned.tracked else CHECKED,
        info.message[:4000],
        f"{info.author_name} <{info.author_email}>"[:400],
        info.date.timestamp(),
        known.seen_at if known and known.state == PENDING else at,
        generation,
        tuple(brought.values()),
        planned.problems,
    )


def _flow_json(applied: Applied) -> dict[str, Any]:
    path = applied.verdict.text.path if applied.verdict.text else applied.before.path if applied.before else ""
    return {"namespace": applied.identity[0], "id": applied.identity[1], "revision": applied.revision, "path": path, "change": applied.change}


def _apply_flows(session: Session, planned: Plan, now: datetime) -> None:
    """Repoints what is live, in a few statements however many flows there are."""
    rows = [(applied, _flow_row(planned, applied)) for applied in planned.applied]
    flows.put_all(session, [row for _, row in rows])
    flows.add_revisions(session, [_revision(planned, applied, row, now) for applied, row in rows if applied.change != "moved"])
    triggers.put(session, [trigger for applied, row in rows if applied.change != "moved" for trigger in _triggers(session, row, applied)])
    for applied, row in rows:
        if applied.before is not None:
            limits.look_again(session, row.id)


def _flow_row(planned: Plan, applied: Applied) -> flows.Flow:
    text, before, (namespace, flow_id) = applied.verdict.text, applied.before, applied.identity
    path, blob = (text.path, text.blob) if text else (before.path, before.blob) if before else ("", "")
    live = applied.revision if text else None
    highest = before.revision if applied.change == "moved" and before else applied.revision
    disabled = before.disabled if before else False
    return flows.Flow(applied.row, MAIN, namespace, flow_id, planned.repository.id, highest, live, path, blob, disabled)


def _revision(planned: Plan, applied: Applied, row: flows.Flow, now: datetime) -> flows.Revision:
    author = f"{planned.info.author_name} <{planned.info.author_email}>"[:400]
    date, deleted = planned.info.date.timestamp(), applied.verdict.text is None
    return flows.Revision(row.id, applied.revision, planned.tip, row.path, row.blob, applied.source, author, date, now.timestamp(), deleted)


def _triggers(session: Session, row: flows.Flow, applied: Applied) -> list[triggers.Trigger]:
    """A flow's triggers from now on; those that it no longer has are removed."""
    known = triggers.of_flow(session, MAIN, applied.identity) if applied.before else {}
    fired = () if applied.flow is None or applied.flow.disabled else applied.flow.triggers
    wanted = [trigger for trigger in fired if not trigger.disabled and isinstance(trigger.model, GitTrigger | Schedulable)]
    triggers.remove(session, MAIN, applied.identity, known.keys() - {trigger.id for trigger in wanted})
    return [_trigger(row, trigger, known.get(trigger.id), applied.clocks.get(trigger.id)) for trigger in wanted]


def _trigger(row: flows.Flow, trigger: TriggerDef, known: triggers.Trigger | None, first: float | None) -> triggers.Trigger:
    """A clock whose line in the file did not change goes on as it was, unless it has stopped."""
    spec = to_json([trigger.type, trigger.model.model_dump(mode="json", by_alias=True)])
    key = (MAIN, row.namespace, row.flow_id, trigger.id, row.repository_id)
    if not isinstance(trigger.model, Schedulable):
        return triggers.Trigger(*key, "git", spec)
    if known is not None and known.spec == spec and known.next_at is not None:
        return replace(known, repository_id=row.repository_id)
    return triggers.Trigger(*key, "schedule", spec, first)


def _report_flows(session: Session, kit: Kit, planned: Plan, at: float) -> None:
    if not planned.errors:
        reports.flows_checked(session, kit, planned.repository, planned.tip, ReportState.SUCCESS, summary(planned), at)
        return
    first = planned.problems[0]
    more = f"{planned.errors} problems, first: " if planned.errors > 1 else ""
    text = f"{more}{first['path']}:{first['line']}:{first['column']}: {first['message']}"
    reports.flows_checked(session, kit, planned.repository, planned.tip, ReportState.FAILURE, text, at)


def summary(planned: Plan) -> str:
    """What changed, in a few words."""
    counts: dict[str, int] = {}
    for applied in planned.applied:
        counts[applied.change] = counts.get(applied.change, 0) + 1
    if counts:
        return "flows: " + ", ".join(f"{number} {change}" for change, number in sorted(counts.items()))
    return "no flow changed" if planned.tracked else "flows are in order"


def _start(session: Session, kit: Kit, planned: Plan, generation: int, now: datetime) -> int:
    """Starts what the push fires; how many that were."""
    return sum(executions.add(session, kit, fired.execution, now, generation=generation) for fired in planned.fired)


def forget(session: Session, repository: Repository, ref: str) -> None:
    """A ref is gone. The flows of a live branch that vanished stay: a branch is never emptied by deleting it."""
    repositories.move_ref(session, repository.id, ref, None)
