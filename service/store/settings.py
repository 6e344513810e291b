"""Facts about this installation, and the hashes of its tokens."""

from __future__ import annotations

import hashlib
import hmac
from math import inf

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import new_id, now
from service.store.database import Session
from service.store.tables import Setting, Token, core

_settings, _tokens = core(Setting), core(Token)


def get(session: Session, key: str) -> str | None:
    """The value, or None."""
    found: str | None = session.execute(select(_settings.c.value).where(_settings.c.key == key)).scalar()
    return found


def put(session: Session, key: str, value: str) -> None:
    """Stores the value, whether or not there was one."""
    statement = upsert(_settings).values(key=key, value=value)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def add_token(session: Session, kind: str, token: str) -> None:
    """Keeps the hash of a new token."""
    session.execute(insert(_tokens).values(id=new_id(), kind=kind, sha256=_hash(token), created_at=now().timestamp()))


def drop_tokens(session: Session, kind: str, before: float = inf) -> None:
    """Nobody gets in any more with a token of this kind that was made before a moment."""
    session.execute(delete(_tokens).where(_tokens.c.kind == kind, *([] if before == inf else [_tokens.c.created_at < before])))


def drop_token(session: Session, token: str) -> None:
    """Nobody gets in any more with this one."""
    session.execute(delete(_tokens).where(_tokens.c.sha256 == _hash(token)))


def made_at(session: Session, token: str, kind: str) -> float | None:
    """When a token of this kind was made; None for an unknown one."""
    found: float | None = session.execute(select(_tokens.c.created_at).where(_tokens.c.sha256 == _hash(token), _tokens.c.kind == kind)).scalar()
    return found


def any_of(session: Session, kind: str) -> bool:
    """Whether there is a token of this kind."""
    return session.execute(select(_tokens.c.id).where(_tokens.c.kind == kind).limit(1)).first() is not None


def token_kind(session: Session, token: str) -> str | None:
    """What the token allows, None for an unknown one. Compared by hash, in constant time."""
    wanted = _hash(token)
    row = session.execute(select(_tokens.c.kind, _tokens.c.sha256).where(_tokens.c.sha256 == wanted)).first()
    return row.kind if row is not None and hmac.compare_digest(row.sha256, wanted) else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
