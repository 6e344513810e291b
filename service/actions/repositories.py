"""Adding repositories, and finding them."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass

from service.actions.deliveries import hook_scope
from service.actions.kit import Kit
from service.errors import Conflict, Invalid, NotFound, Unavailable
from service.git.addresses import remote
from service.git.layout import branch_ref
from service.store import repositories
from service.store.codec import new_id, now
from service.store.database import Session, announce
from service.store.repositories import EMBEDDED, MAIN, Repository
from webhooks import forges

DEFAULT = "default"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NewRepository:
    """What is asked for. Without a URL the embedded host serves it. `token_from` is `env:NAME`."""

    name: str
    url: str | None = None
    api_url: str | None = None
    forge: str | None = None
    token_from: str | None = None
    branch: str | None = None
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """A new repository, and its hook's secret in clear: the only time that it is shown."""

    repository: Repository
    secret: str


def prepare(kit: Kit, wanted: NewRepository) -> Added:
    """Checks what is asked for; raises Invalid with what is wrong. Touches no database."""
    if not _NAME.fullmatch(wanted.name) or ".." in wanted.name or wanted.name.endswith(".git"):
        raise Invalid("a repository's name has lower-case letters, digits, `.`, `-`, `_`, begins and ends with a letter or digit, and does not end with .git")
    forge = _forge(wanted)
    if wanted.url is not None:
        # A name that means nothing now may do so later: the address behind it is looked at again at each fetch.
        with suppress(Unavailable):
            remote(wanted.url, wanted.allow_private)
        try:
            forges.FORGES[forge].target(wanted.url, wanted.api_url)
        except ValueError as failure:
            raise Invalid(f"--url: {failure}") from failure
    if wanted.token_from is not None and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", wanted.token_from):
        raise Invalid("--token-from takes env:NAME, the environment variable of the service that holds the token")
    if wanted.token_from is not None and not kit.tokens.get(wanted.token_from.removeprefix("env:")):
        raise Invalid(f"--token-from {wanted.token_from}: the service's environment has no such variable; set it and start the service again")
    if wanted.branch is not None and (wanted.branch.startswith("-") or not branch_ref(wanted.branch)):
        raise Invalid(f"`{wanted.branch[:100]}` can't be the name of a branch")
    secret = secrets.token_urlsafe(32)
    id = new_id()
    row = Repository(
        id,
        wanted.name,
        forge,
        hook_id=secrets.token_urlsafe(24),
        hook_secret="",
        created_at=now().timestamp(),
        url=wanted.url,
        api_url=wanted.api_url,
        token_from=wanted.token_from,
        branch=wanted.branch,
        allow_private=wanted.allow_private,
    )
    sealed = kit.cipher.encrypt(secret, hook_scope(row))
    return Added(Repository(**{name: getattr(row, name) for name in Repository.__dataclass_fields__} | {"hook_secret": sealed}), secret)


def _forge(wanted: NewRepository) -> str:
    if wanted.url is None:
        if wanted.forge not in (None, EMBEDDED):
            raise Invalid(f"a repository on {wanted.forge} needs its --url")
        meant = {"--api-url": wanted.api_url, "--token-from": wanted.token_from, "--allow-private": wanted.allow_private}
        for option, value in meant.items():
            if value:
                raise Invalid(f"{option} means something only beside --url: a repository without one is hosted here")
        return EMBEDDED
    try:
        forge = wanted.forge or forges.guess(wanted.url)
    except ValueError as failure:
        raise Invalid(f"--url: {failure}") from failure
    if forge not in forges.FORGES:
        raise Invalid(f"there is no forge `{forge}`; there are {', '.join(sorted(forges.FORGES))}")
    return forge


def add(session: Session, added: Added) -> None:
    """Stores it. Raises Conflict when the name is taken."""
    if repositories.by_name(session, added.repository.name) is not None:
        raise Conflict(f"there is a repository `{added.repository.name}` already")
    repositories.add(session, added.repository)
    repositories.open_environment(session, MAIN, added.repository.created_at)
    announce(session, ("repositories", ""))


def get(session: Session, name: str) -> Repository:
    """By name; raises NotFound."""
    found = repositories.by_name(session, name)
    if found is None:
        raise NotFound(f"there is no repository `{name[:100]}`")
    return found


def home_of(session: Session, namespace: str) -> Repository:
    """The repository that a new flow of this namespace goes to. Raises Conflict when that can't be told."""
    owner = repositories.owner(session, MAIN, namespace)
    if owner is not None:
        found = repositories.by_id(session, owner)
        if found is not None:
            return found
    every = repositories.every(session)
    chosen = next((repository for repository in every if repository.name == DEFAULT), every[0] if len(every) == 1 else None)
    if chosen is None:
        raise Conflict(f"namespace `{namespace}` belongs to no repository yet, and there is none called `{DEFAULT}`: push the flow's file where it belongs")
    return chosen
