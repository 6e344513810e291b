"""What became of the heads that we were told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_json, to_json
from service.store.database import Session, announce
from service.store.tables import Commit as Table
from service.store.tables import core

_table = core(Table)


@dataclass(frozen=True, slots=True)
class Commit:
    """A head and its sync. `state` is `pending`, `applied`, `checked` (a branch that is not tracked) or `superseded`."""

    repository_id: str
    sha: str
    ref: str
    state: str
    message: str
    author: str
    date: float
    seen_at: float
    generation: int = 1
    flows: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()


def get(session: Session, repository: str, sha: str) -> Commit | None:
    """One commit, None when no delivery ever named it."""
    row = session.execute(select(_table).where(_table.c.repository_id == repository, _table.c.sha == sha)).first()
    if row is None:
        return None
    return _value(row)


def _value(row: Any) -> Commit:
    return Commit(**dict(row._mapping) | {"flows": tuple(from_json(row.flows)), "problems": tuple(from_json(row.problems))})


def generation(session: Session, repository: str, sha: str) -> int:
    """How often a commit has become a head; 0 when it never was one."""
    found = session.execute(select(_table.c.generation).where(_table.c.repository_id == repository, _table.c.sha == sha)).scalar()
    return int(found or 0)


def find(session: Session, repository: str, prefix: str) -> tuple[str, ...]:
    """The shas that begin so, two at most."""
    statement = select(_table.c.sha).where(_table.c.repository_id == repository, _table.c.sha.startswith(prefix, autoescape=True)).limit(2)
    return tuple(session.execute(statement).scalars())


def latest(session: Session, repository: str, limit: int, offset: int) -> tuple[tuple[Commit, ...], int]:
    """A page of heads, the last seen first, and how many there are."""
    where = _table.c.repository_id == repository
    total = int(session.execute(select(func.count()).select_from(_table).where(where)).scalar_one())
    rows = session.execute(select(_table).where(where).order_by(_table.c.seen_at.desc()).limit(limit).offset(offset))
    return tuple(_value(row) for row in rows), total


def put(session: Session, commit: Commit) -> None:
    """Stores what is known of a head, in place of what was."""
    values = _values(commit)
    statement = upsert(_table).values(**values)
    session.execute(statement.on_conflict_do_update(index_elements=["repository_id", "sha"], set_=values))
    announce(session, ("commit", commit.sha))


def settle(session: Session, repository: str, sha: str, state: str) -> None:
    """Records how the sync of a head ended without one."""
    session.execute(update(_table).where(_table.c.repository_id == repository, _table.c.sha == sha).values(state=state))
    announce(session, ("commit", sha))


def pending(session: Session, repository: str, ref: str) -> tuple[str, ...]:
    """Heads of a ref whose sync was begun and not ended: a crash, or a newer push, left them."""
    statement = select(_table.c.sha).where(_table.c.repository_id == repository, _table.c.ref == ref, _table.c.state == "pending")
    return tuple(session.execute(statement).scalars())


def _values(commit: Commit) -> dict[str, Any]:
    return {
        "repository_id": commit.repository_id,
        "sha": commit.sha,
        "ref": commit.ref,
        "state": commit.state,
        "generation": commit.generation,
        "message": commit.message,
        "author": commit.author,
        "date": commit.date,
        "flows": to_json(commit.flows),
        "problems": to_json(commit.problems),
        "seen_at": commit.seen_at,
    }
