"""Runners get keys of their own: a token that is used once makes one key known, which speaks for one runner."""

from __future__ import annotations

import re

from service.errors import Conflict, Malformed, Unauthorized
from service.store import runners
from service.store import settings as tokens
from service.store.database import Session

#: The kinds of tokens. That of a runner's own key names the runner.
ONCE, RUNNER = "registration", "runner"
#: Seconds for which a registration token can be used.
LASTS = 3_600.0

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_KEY = re.compile(r"hg_key_[A-Za-z0-9_-]{32,128}")


def offer(session: Session, token: str, at: float) -> None:
    """Makes a registration token known; those that nobody has used in time are forgotten."""
    tokens.drop_tokens(session, ONCE, before=at - LASTS)
    tokens.add_token(session, ONCE, token)


def register(session: Session, token: str, runner: str, key: str, at: float) -> None:
    """Takes the key for the runner's, and the token for used. The runner chose the key, and stored it before.
    Who got no answer has a key that is good, or asks again.

    Raises Unauthorized for a token that is used or too old, and Conflict for a runner that is known already.
    """
    if not _ID.fullmatch(runner) or not _KEY.fullmatch(key):
        raise Malformed("a runner's id has 8 to 64 letters and digits, and its key is hg_key_ and 32 or more of them")
    if tokens.token_kind(session, key) == kind_of(runner):
        return
    made = tokens.made_at(session, token, ONCE)
    if made is None or made < at - LASTS:
        raise Unauthorized("this registration token is used, or older than an hour: make another one")
    if tokens.any_of(session, kind_of(runner)) or runners.base(session, runner):
        raise Conflict("a runner of this id is known already; start it with another --base")
    tokens.drop_token(session, token)
    tokens.add_token(session, kind_of(runner), key)


def kind_of(runner: str) -> str:
    """The kind of the key that speaks for this runner alone."""
    return f"{RUNNER}:{runner}"


def dismiss(session: Session, runner: str) -> bool:
    """Nobody gets in any more with this runner's key; whether there was one."""
    there = tokens.any_of(session, kind_of(runner))
    tokens.drop_tokens(session, kind_of(runner))
    return there
