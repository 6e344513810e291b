"""What tells us to look at a repository: durable before it is answered, processed after."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from runners.crashpoints import crashpoint
from service.actions import sync
from service.actions.kit import Kit
from service.errors import Conflict, Invalid, Malformed, NotFound, ServiceError, TooLarge, Unavailable
from service.secrets.cipher import Undecryptable
from service.store import commits, deliveries, repositories
from service.store.codec import from_json, new_id, to_json
from service.store.database import Session
from service.store.deliveries import Delivery
from service.store.repositories import Repository
from webhooks.change import Ignored, NotAuthentic, Ping, Unreadable
from webhooks.forges import FORGES

_log = logging.getLogger("headgate.deliveries")

HOOK, HOST, API = "hook", "host", "api"

_PLANS = 3  #: a plan that somebody overtook is made again this often


@dataclass(frozen=True, slots=True)
class Head:
    """A ref that a delivery named; `sha` None when it says that the ref is gone."""

    ref: str
    sha: str | None


def hook_scope(repository: Repository) -> str:
    """What a hook's secret is sealed for."""
    return f"hook/{repository.id}"


def hooked(session: Session, hook_id: str) -> Repository:
    """The repository whose hook this is. Raises NotFound."""
    repository = repositories.by_hook(session, hook_id)
    if repository is None or repository.embedded:
        raise NotFound("there is no such hook")
    return repository


def check(kit: Kit, repository: Repository, headers: Mapping[str, str], body: bytes, now: float) -> tuple[str, str]:
    """The delivery id and event of a genuine webhook. Raises NotAuthentic or Unreadable."""
    forge = FORGES[repository.forge]
    try:
        secret = kit.cipher.decrypt(repository.hook_secret, hook_scope(repository))
    except Undecryptable as failure:
        _log.error("the secret of repository %s's hook can't be opened: was the key file replaced? Its webhooks are refused", repository.name)
        raise NotAuthentic("the hook's secret can't be opened") from failure
    forge.authentic(headers, body, [secret], now)
    envelope = forge.delivery(headers)
    forge.read(headers, body)
    return envelope.id, envelope.event


def kept_headers(forge: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Only what reading the delivery again needs; never a cookie or a credential."""
    return {name: value[:500] for name, value in headers.items() if name in FORGES[forge].HEADERS}


def accept(session: Session, repository: Repository, delivery_id: str, event: str, headers: Mapping[str, str], body: bytes, at: float) -> bool:
    """Stores a genuine webhook; False when it has been here before."""
    return deliveries.put(session, repository.id, HOOK, delivery_id[:200], event[:100], kept_headers(repository.forge, headers), body, at)


def refuse(session: Session, hook_id: str, status: int, reason: str, body: bytes, source: str, at: float) -> None:
    """Leaves an audit row."""
    deliveries.refuse(session, hook_id, status, reason[:300], hashlib.sha256(body).hexdigest(), len(body), source, at)


def tell(session: Session, repository: Repository, source: str, delivery_id: str, heads: Sequence[Head], at: float) -> None:
    """A delivery of our own: the embedded host's, or the API's."""
    body = to_json([[head.ref, head.sha] for head in heads]).encode()
    deliveries.put(session, repository.id, source, delivery_id, "push", {}, body, at)


@dataclass(frozen=True, slots=True)
class Said:
    """What a stored delivery says. `nothing` is why it is ignored, empty for one that asks for a look; `forge_id` is whom the forge says it is about."""

    heads: tuple[Head, ...] = ()
    nothing: str = ""
    forge_id: str = ""


def read(repository: Repository, delivery: Delivery) -> Said:
    """Reads a stored delivery. The payload is not believed about whose it is: one of another repository, sent with this one's secret, is ignored."""
    if delivery.source in (HOST, API):
        return Said(tuple(Head(ref, sha) for ref, sha in from_json(delivery.body.decode())))
    try:
        change = FORGES[repository.forge].read(delivery.headers, delivery.body)
    except Unreadable as failure:
        return Said(nothing=str(failure))
    if isinstance(change, Ignored):
        return Said(nothing=change.reason)
    if repository.forge_id and change.repository_id and change.repository_id != repository.forge_id:
        return Said(nothing=f"it is about another repository ({change.repository_id[:40]})")
    if isinstance(change, Ping):
        return Said(nothing="ping", forge_id=change.repository_id)
    return Said((Head(change.ref, change.after),), forge_id=change.repository_id)


class Reconciler:
    """Makes what is live follow one repository's refs. Used by one thread per repository at a time."""

    def __init__(self, kit: Kit, repository: Repository) -> None:
        self._kit, self._repository = kit, repository

    def run(self, waiting: Sequence[Delivery], now: datetime) -> None:
        """Deals with these deliveries, and with whatever else moved meanwhile. A ref that can't be synced does not hold up the others; what may
        be a passing fault of ours is raised when they are done."""
        known, named = self._named(waiting)
        self._see(known, named, now)
        refs = self._refs()
        self._adopt_default_branch(refs, named)
        first = not self._repository.looked and not self._repository.embedded
        faults: list[Exception] = []
        for ref in self._moved(refs, named):
            if first and ref not in named and not self._tracked(ref):
                continue
            fault = self._try(ref, refs[ref], fire=ref in named or not first, now=now)
            faults += [fault] if fault else []
        self._close(refs, named, now)
        if faults:
            raise faults[0]
        self._settle(known, refs, first=first)

    def abandon(self, waiting: Sequence[Delivery], reason: str, now: datetime) -> None:
        """Sets deliveries aside that failed too often; the heads that they named end, and say so."""
        _, named = self._named(waiting)

        def action(session: Session) -> None:
            for ref, shas in named.items():
                for sha in shas:
                    sync.fail(session, self._kit, self._repository, ref, sha, reason, now.timestamp())
            deliveries.settle(session, tuple(delivery.id for delivery in waiting), "quarantined", reason)

        crashpoint("sync.before_abandoning")
        self._kit.database.write(action)
        crashpoint("sync.abandoned")

    # what was said

    def _named(self, waiting: Sequence[Delivery]) -> tuple[list[Delivery], dict[str, list[str]]]:
        """The deliveries that ask for a look, and the heads that they name by ref, the oldest first; the others are settled as ignored."""
        known: list[Delivery] = []
        named: dict[str, list[str]] = {}
        for delivery in waiting:
            said = read(self._repository, delivery)
            if said.forge_id and not self._repository.forge_id:
                self._repository = replace(self._repository, forge_id=said.forge_id)
                self._kit.database.write(partial(repositories.change, id=self._repository.id, values={"forge_id": said.forge_id}))
            if said.nothing:
                self._kit.database.write(partial(deliveries.settle, ids=(delivery.id,), state="ignored", reason=said.nothing))
                continue
            known.append(delivery)
            for head in said.heads:
                if head.ref.startswith((sync.BRANCHES, sync.TAGS)):
                    named.setdefault(head.ref, []).extend([head.sha] if head.sha else [])
        return known, named

    def _see(self, known: Sequence[Delivery], named: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Counts the try, and tells the forge that we are at it, before anything can take long."""
        at = now.timestamp()

        def action(session: Session) -> None:
            deliveries.count_attempt(session, tuple(delivery.id for delivery in known), at + 30)
            applied = repositories.applied(session, self._repository.id)
            for ref, shas in named.items():
                # A forge names the tag's own object, which is no commit; what it stands for is known after the fetch.
                for sha in () if ref.startswith(sync.TAGS) else shas:
                    if applied.get(ref) != sha:
                        sync.see(session, self._kit, self._repository, ref, sha, at)

        if known:
            crashpoint("sync.before_seen")
            self._kit.database.write(action)
            crashpoint("sync.seen")

    # what is

    def _refs(self) -> dict[str, str]:
        """The refs as they are now; a forge's are fetched."""
        name, url = self._repository.name, self._repository.url
        if self._repository.embedded or url is None:
            return self._kit.git.refs(name)
        if not self._kit.git.exists(name):
            self._kit.git.create(name)
        crashpoint("sync.before_fetch")
        refs = self._kit.git.fetch(name, url, token_of(self._kit, self._repository), self._repository.allow_private)
        crashpoint("sync.fetched")
        return refs

    def _adopt_default_branch(self, refs: Mapping[str, str], named: Mapping[str, Sequence[str]]) -> None:
        """The first branch pushed to an empty embedded repository becomes its default branch."""
        if not self._repository.embedded or self._repository.branch is not None or self._repository.live_oid is not None:
            return
        current = self._kit.git.default_branch(self._repository.name)
        if current is not None and sync.BRANCHES + current in refs:
            return
        branches = [ref for ref in (*named, *sorted(refs)) if ref.startswith(sync.BRANCHES) and ref in refs]
        if branches:
            self._kit.git.set_default_branch(self._repository.name, branches[0].removeprefix(sync.BRANCHES))
            crashpoint("sync.branch_adopted")

    def _tracked(self, ref: str) -> bool:
        return sync.is_tracked(self._kit, self._repository, ref)

    def _moved(self, refs: Mapping[str, str], named: Mapping[str, Sequence[str]]) -> list[str]:
        """Refs to sync, the live branch first, so that what it defines is there for the others. It is looked at, too, when it has just become the live
        one, or when a namespace became free that it has files in; and a head that our first look took over is, when its webhook comes after all."""
        with self._kit.database.read() as session:
            applied = repositories.applied(session, self._repository.id)
            late = {ref for ref, shas in named.items() if refs.get(ref) in shas and _taken_over(session, self._repository, refs[ref])}
            anew = sync.is_overtaken(session, self._repository)
        live = {ref for ref in refs if (anew or self._repository.live_ref != ref) and self._tracked(ref)}
        moved = [ref for ref, tip in refs.items() if applied.get(ref) != tip or ref in late or ref in live]
        return sorted(moved, key=lambda ref: (not self._tracked(ref), ref.startswith(sync.TAGS), ref))

    # what follows

    def _try(self, ref: str, tip: str, *, fire: bool, now: datetime) -> Exception | None:
        """Syncs a ref. What is wrong with the commit itself ends its head; what may pass is given back."""
        try:
            self._sync(ref, tip, fire=fire, now=now)
        except (TooLarge, Invalid, Malformed, NotFound) as wrong:
            _log.warning("%s: %s at %s can't be synced: %s", self._repository.name, ref, tip[:12], wrong)
            reason, at = wrong.message, now.timestamp()
            crashpoint("sync.before_failure")
            self._kit.database.write(lambda session: sync.fail(session, self._kit, self._repository, ref, tip, reason, at))
            crashpoint("sync.failed")
        except Exception as fault:  # noqa: BLE001 - a loop's tick: the other refs go on
            _log.error("%s: %s at %s was not synced: %s", self._repository.name, ref, tip[:12], fault, exc_info=not isinstance(fault, ServiceError))
            return fault
        return None

    def _sync(self, ref: str, tip: str, *, fire: bool, now: datetime) -> None:
        for left in reversed(range(_PLANS)):
            with self._kit.database.read() as session:
                repository = repositories.by_id(session, self._repository.id) or self._repository
                news = repositories.applied(session, repository.id).get(ref) != tip or _taken_over(session, repository, tip)
                planned = sync.plan(self._kit, session, repository, ref, tip, now, fire=fire and news)
            if planned.applied or planned.fired:
                crashpoint("sync.before_keep")
                self._kit.git.keep(repository.name, tip)
            crashpoint("sync.before_apply")
            try:
                self._kit.database.write(partial(self._apply, planned=planned, now=now))
            except Conflict:
                if not left:
                    raise
            else:
                crashpoint("sync.applied")
                _log.info("%s: %s is at %s (%s)", repository.name, ref, tip[:12], sync.summary(planned))
                return

    def _apply(self, session: Session, planned: sync.Plan, now: datetime) -> None:
        for heir in sync.apply(session, self._kit, planned, now):
            tell(session, heir, API, new_id(), [], now.timestamp())

    def _close(self, refs: Mapping[str, str], named: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Forgets refs that are gone, and ends the heads that were passed over."""

        def action(session: Session) -> None:
            applied = repositories.applied(session, self._repository.id)
            for ref in applied.keys() - refs.keys():
                sync.forget(session, self._repository, ref)
            for ref in named:
                for sha in commits.pending(session, self._repository.id, ref):
                    if refs.get(ref) != sha:
                        sync.supersede(session, self._kit, self._repository, sha, refs.get(ref), now.timestamp())

        crashpoint("sync.before_close")
        self._kit.database.write(action)
        crashpoint("sync.closed")

    def _settle(self, known: Sequence[Delivery], refs: Mapping[str, str], *, first: bool) -> None:
        """All is done. At the first look, branches and tags that were there before us are taken over: nobody pushed them to us."""

        def action(session: Session) -> None:
            if first:
                for ref in refs.keys() - repositories.applied(session, self._repository.id).keys():
                    repositories.move_ref(session, self._repository.id, ref, refs[ref])
            if not self._repository.looked:
                repositories.change(session, self._repository.id, {"looked": True})
            deliveries.settle(session, tuple(delivery.id for delivery in known), "processed")

        if known or not self._repository.looked:
            self._kit.database.write(action)
            crashpoint("sync.settled")


def _taken_over(session: Session, repository: Repository, sha: str) -> bool:
    """Whether an applied head was there at our first look, so that nothing has been started for it."""
    commit = commits.get(session, repository.id, sha)
    return commit is None or commit.generation == 0


def token_of(kit: Kit, repository: Repository) -> str | None:
    """The repository's token. `env:NAME` is read from the environment at each use, so that it is in no database."""
    if repository.token_from is None:
        return None
    token = kit.tokens.get(repository.token_from.removeprefix("env:"))
    if not token:
        raise Unavailable(f"the token of repository {repository.name} should be in the environment variable {repository.token_from[4:]}, which is not set")
    return token
