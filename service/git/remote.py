"""Fetch from and push to a forge over HTTP.

The URL and every address behind it are checked first, a redirect to another place is not followed (it would carry the
token there), and nothing of the machine's Git configuration takes part. One connection lists the refs; only when they
differ from ours does a second one download.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pygit2
from pygit2.enums import CredentialType, FetchPrune

from service.errors import Conflict, Forbidden, ServiceError, TooLarge, Unavailable
from service.git import addresses, layout, mirror
from service.git.commit import FETCH, turn, unlock
from service.git.objects import opened, sha

#: What forges take beside a token in place of a user's name.
USER = "x-access-token"
SPECS = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
#: One fetch brings no more.
LARGEST_PACK = 4 * 1024 * 1024 * 1024
MOST_OBJECTS = 20_000_000

_ELSEWHERE = "{host} redirects elsewhere, which is not followed: give the repository the URL that it redirects to."
_STATUS = re.compile(r"status code: (\d{3})")
T = TypeVar("T")


class Callbacks(pygit2.RemoteCallbacks):
    """Gives the token once, watches the size, and hears what became of a pushed ref."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__()
        self.rejected: list[str] = []
        self._origin = _origin(url)
        self._host = _host(url)
        self._token = token
        self._asked = 0

    def credentials(self, url: str, username_from_url: str | None, allowed_types: CredentialType) -> pygit2.UserPass:
        # libgit2 refuses a redirect to another host by itself, but takes another port or scheme for the same place.
        if _origin(url) != self._origin:
            raise Forbidden(_ELSEWHERE.format(host=self._host))
        self._asked += 1
        if self._token is None:
            raise Forbidden(f"{self._host} asks for a login: give the repository a token with --token-from.")
        if self._asked > 1:
            raise Forbidden(f"{self._host} does not accept the token: check that it is right, not expired, and may read this repository.")
        return pygit2.UserPass(USER, self._token)

    def transfer_progress(self, stats: pygit2.remotes.TransferProgress) -> None:
        if stats.received_bytes > LARGEST_PACK or stats.total_objects > MOST_OBJECTS:
            raise TooLarge(f"{self._host} sends more than {LARGEST_PACK} bytes or {MOST_OBJECTS} objects; the fetch is given up.")

    def push_update_reference(self, refname: str, message: str | None) -> None:
        if message is not None:
            self.rejected.append(f"{refname}: {message}")


def fetch(path: Path, url: str, token: str | None, allow_private: bool) -> dict[str, str]:
    """Makes the mirror's branches and tags those of the remote, and its default branch too; gives `mirror.refs`.

    Commits that were pinned stay (refs/headgate/* is not touched). Raises Malformed, Forbidden, Unavailable, TooLarge.
    """
    checked = addresses.remote(url, allow_private)
    host = _host(checked)
    with turn(path, FETCH):
        with turn(path):
            # A mirror is written by us alone, and both turns are ours: whatever lock stands here belongs to the dead.
            unlock(path, older=0)
        repository = opened(path)
        remote = repository.remotes.create_anonymous(checked)
        heads = _ask(host, lambda: remote.list_heads(callbacks=Callbacks(checked, token)))
        theirs = {head.name: str(head.oid) for head in heads if head.name is not None and head.name.startswith(("refs/heads/", "refs/tags/"))}
        wanted = {name: oid for name, oid in theirs.items() if not name.endswith("^{}")}
        if len(wanted) > mirror.MOST_REFS:
            raise TooLarge(f"The repository at {host} has {len(wanted)} branches and tags; at most {mirror.MOST_REFS} are mirrored.")
        if _prune(repository, wanted) != wanted:
            _ask(host, lambda: remote.fetch(SPECS, callbacks=Callbacks(checked, token), prune=FetchPrune.NO_PRUNE))
        _default(path, heads)
    return mirror.refs(path)


def _prune(repository: pygit2.Repository, wanted: dict[str, str]) -> dict[str, str]:
    """Deletes what the remote no longer has, before the fetch: a new branch `a/b` needs the place of a gone `a`."""
    ours = {name: str(repository.lookup_reference(name).target) for name in repository.listall_references() if name.startswith(("refs/heads/", "refs/tags/"))}
    for name in ours.keys() - wanted.keys():
        repository.references.delete(name)
    return {name: oid for name, oid in ours.items() if name in wanted}


def _default(path: Path, heads: list[pygit2.remotes.RemoteHead]) -> None:
    """HEAD as the remote has it; a detached one leaves ours as it is."""
    for head in heads:
        target = head.symref_target or ""
        if head.name == "HEAD" and target.startswith("refs/heads/") and layout.head(path) != target.removeprefix("refs/heads/"):
            layout.set_head(path, target.removeprefix("refs/heads/"))


def push(path: Path, url: str, token: str | None, allow_private: bool, specs: list[str]) -> None:
    """Pushes `source:target` refspecs; sources are full refs or commits. Raises Conflict when the remote refuses one."""
    checked = addresses.remote(url, allow_private)
    host = _host(checked)
    for spec in specs:
        source, _, target = spec.removeprefix("+").partition(":")
        layout.ref(target)
        if source and not source.startswith("refs/"):
            sha(source)
    callbacks = Callbacks(checked, token)
    remote = opened(path).remotes.create_anonymous(checked)
    _ask(host, lambda: remote.push(specs, callbacks=callbacks))
    if callbacks.rejected:
        raise Conflict(f"{host} refused the push: {'; '.join(callbacks.rejected)[:500]}.")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    place = urlsplit(url)
    return place.scheme, place.hostname, place.port


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _ask(host: str, call: Callable[[], T]) -> T:
    """Runs one exchange with the remote; what libgit2 says becomes what a person can act on."""
    try:
        return call()
    except pygit2.GitError as fault:
        raise _translated(host, str(fault)) from fault


def _translated(host: str, said: str) -> ServiceError:
    found = _STATUS.search(said)
    status = found[1] if found is not None else ""
    if "redirect" in said:
        return Forbidden(_ELSEWHERE.format(host=host))
    if status == "401" or "authentication" in said:
        return Forbidden(f"{host} does not accept the login: check the token.")
    if status in ("403", "404", "410"):
        return Forbidden(f"{host} answers {status}: check the URL, and that the token is right and may read this repository.")
    if "fastforward" in said or "not present locally" in said:
        return Conflict(f"{host} has commits that we have not: fetch first.")
    if "certificate" in said.lower():
        return Unavailable(f"The certificate of {host} is not trusted: {said}.")
    return Unavailable(f"{host} can't be reached: {said}.")
