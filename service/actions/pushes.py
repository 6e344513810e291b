"""A push to the embedded host: linted before it is taken, delivered after."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from runners.crashpoints import crashpoint
from service.actions import deliveries, repositories, sync
from service.actions.deliveries import HOST, Head
from service.actions.kit import Kit
from service.errors import NotFound, ServiceError
from service.flows.problems import Problem, Severity
from service.git.hooks import HookAnswer, Update
from service.git.repository import FLOWS
from service.store import commits, executions, statuses
from service.store import repositories as rows
from service.store.codec import new_id, now
from service.store.commits import Commit
from service.store.hub import Topic
from service.store.repositories import Repository

_ZERO = "0" * 40
_SHOWN = 20  #: problems in the answer to a push
_LINT = 10.0  #: seconds that checking a push may take
_WAIT = 20.0  #: seconds that a push waits for its sync; the sync goes on without it


class Pushes:
    """Answers the hooks. One call per push, each in a thread of its own."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def handle(self, hook: str, name: str, updates: list[Update], quarantine: Path | None, options: list[str]) -> HookAnswer:
        """What the person who pushes is told; see `HookServer`."""
        with self._kit.database.read() as session:
            repository = repositories.get(session, name)
        if hook == "pre-receive":
            crashpoint("pushes.before_lint")
            return HookAnswer(True, tuple(self._lint(repository, updates, quarantine)))
        return HookAnswer(True, self._deliver(repository, updates))

    # pre-receive

    def _lint(self, repository: Repository, updates: Sequence[Update], quarantine: Path | None) -> Iterator[str]:
        for old, new, ref in updates:
            if new == _ZERO or not ref.startswith(sync.BRANCHES):
                continue
            try:
                yield from self._problems(repository, None if old == _ZERO else old, new, ref.removeprefix(sync.BRANCHES), quarantine)
            except ServiceError as failure:
                yield f"headgate: the flows could not be checked before the push: {failure}"

    def _problems(self, repository: Repository, old: str | None, new: str, branch: str, quarantine: Path | None) -> Iterator[str]:
        """The first problems, and how many there are. A push that takes long to check is taken as it is: the sync checks all of it."""
        kit, name = self._kit, repository.name
        try:
            diff = kit.git.diff(name, old, new, FLOWS, quarantine)
        except NotFound:
            diff = kit.git.diff(name, None, new, FLOWS, quarantine)
        files = [(change.path, change.new) for change in diff.changes if change.new is not None]
        refused = (Problem(sync.REFUSED, Severity.ERROR, entry.path, 1, 1, entry.reason, entry.hint) for entry in diff.refused)
        deadline = time.monotonic() + _LINT
        errors = total = 0
        for checked, problems in enumerate(chain([refused], self._read(name, files, quarantine))):
            for problem in problems:
                total, errors = total + 1, errors + (problem.severity is Severity.ERROR)
                if total <= _SHOWN:
                    yield problem.line_text()
            if time.monotonic() > deadline:
                yield f"headgate: {len(files) - checked} more files are checked after the push"
                break
        if total > _SHOWN:
            yield f"… and {total - _SHOWN} more"
        if errors:
            yield f"headgate: {errors} error{'s' * (errors > 1)} in flows on {branch}; the last good revisions stay live until they are mended"

    def _read(self, name: str, files: Sequence[tuple[str, str]], quarantine: Path | None) -> Iterator[Sequence[Problem]]:
        for _, _, reading, _ in self._kit.reader.read_all(files, lambda blobs: self._kit.git.contents(name, blobs, quarantine)):
            yield sorted(reading.problems, key=lambda problem: (problem.line, problem.column))

    # post-receive

    def _deliver(self, repository: Repository, updates: Sequence[Update]) -> Iterator[str]:
        # A tag may be an object of its own; what it stands for is a commit, or nothing of interest.
        tips = self._kit.git.refs(repository.name) if any(ref.startswith(sync.TAGS) for _, _, ref in updates) else {}
        heads = [Head(ref, None if new == _ZERO else tips.get(ref) if ref.startswith(sync.TAGS) else new) for _, new, ref in updates]
        at = now().timestamp()
        crashpoint("pushes.before_delivery")
        self._kit.database.write(lambda session: deliveries.tell(session, repository, HOST, new_id(), heads, at))
        crashpoint("pushes.delivered")
        for head in heads:
            if head.sha is not None and head.ref.startswith((sync.BRANCHES, sync.TAGS)):
                yield from self._came_of(repository, head)

    def _came_of(self, repository: Repository, head: Head) -> Iterator[str]:
        sha = head.sha or ""
        if not wait_for(self._kit, repository, head.ref, sha, _WAIT):
            yield f"headgate: {sha[:12]} is being synced; see {self._kit.page('commits', repository.name, sha)}"
            return
        with self._kit.database.read() as session:
            commit = commits.get(session, repository.id, sha)
            told = {status.context: status for status in statuses.of(session, repository.id, sha)}
            started = executions.caused_by(session, repository.id, sha, limit=_SHOWN)
        if commit is None:
            yield f"headgate: {head.ref} was moved on before {sha[:12]} was synced"
            return
        if commit.ref == head.ref:
            for flow in commit.flows[:_SHOWN]:
                revision = f" revision {flow['revision']}" if flow["change"] != "deleted" else ""
                yield f"headgate: {flow['change']} {flow['namespace']}.{flow['id']}{revision} ({flow['path']})"
            if len(commit.flows) > _SHOWN:
                yield f"headgate: … and {len(commit.flows) - _SHOWN} more flows"
            yield from _between_files(commit)
        status = told.get("headgate/flows")
        if status is not None:
            yield f"headgate: flows {status.state}: {status.description}"
        for row in started:
            if row.execution.pin is not None and row.execution.pin.ref == head.ref:
                yield f"headgate: started {row.execution.namespace}.{row.execution.flow} {self._kit.page('executions', row.execution.id)}"
        yield f"headgate: {self._kit.page('commits', repository.name, sha)}"


def _between_files(commit: Commit) -> Iterator[str]:
    """The problems that files have because of each other, or of other repositories: what was said before the push looked at each file alone."""
    found = [problem for problem in commit.problems if problem["code"] in (sync.TWICE, sync.FOREIGN)]
    for problem in found[:_SHOWN]:
        yield Problem(**{**problem, "severity": Severity(problem["severity"])}).line_text()
    if len(found) > _SHOWN:
        yield f"… and {len(found) - _SHOWN} more"


def news_of(sha: str) -> tuple[Topic, ...]:
    """What to listen to while a head's sync is awaited."""
    return (("commit", sha), ("flows", ""))


def wait_for(kit: Kit, repository: Repository, ref: str, sha: str, seconds: float) -> bool:
    """Whether the sync got past a head of the ref in that time; see `passed`."""
    woken = threading.Event()
    unlisten = [kit.database.hub.listen(topic, lambda _: woken.set()) for topic in news_of(sha)]
    deadline = time.monotonic() + seconds
    try:
        while True:
            woken.clear()
            done = passed(kit, repository, ref, sha)
            left = deadline - time.monotonic()
            if done or left <= 0:
                return done
            woken.wait(min(left, 0.5))
    finally:
        for stop in unlisten:
            stop()


def passed(kit: Kit, repository: Repository, ref: str, sha: str | None) -> bool:
    """Whether nothing more comes of a head of this ref (None: it is gone): it is synced, it can't be, or the ref has moved on."""
    with kit.database.read() as session:
        commit = commits.get(session, repository.id, sha) if sha else None
        applied = rows.applied(session, repository.id).get(ref)
    if commit is not None and commit.state == sync.PENDING:
        return False
    return applied == sha or (commit is not None and commit.state == sync.BROKEN) or kit.git.refs(repository.name).get(ref) != sha
