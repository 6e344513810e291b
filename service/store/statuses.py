"""The outbox of commit statuses: one row per (repository, commit, context) with the state that it should show.

Order within a context is (generation, finality): a pending never follows a final of the same generation, whoever reports late.
`version` grows with every change; a sender that finishes with an older version has not finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.database import Session, announce
from service.store.tables import Status as Table
from service.store.tables import core

_table = core(Table)

_CONTENT = ("generation", "state", "description", "target_url")


@dataclass(frozen=True, slots=True)
class Status:
    """A context of a commit. `announced`: something of this generation has reached the forge."""

    repository_id: str
    sha: str
    context: str
    generation: int
    state: str
    description: str
    target_url: str
    updated_at: float
    version: int = 1
    announced: bool = False
    attempts: int = 0
    error: str | None = None


_columns = [_table.c[name] for name in Status.__dataclass_fields__]


def want(session: Session, status: Status) -> bool:
    """Sets the desired state; False when that would go back, or changes nothing."""
    statement = upsert(_table).values(
        repository_id=status.repository_id,
        sha=status.sha,
        context=status.context,
        generation=status.generation,
        state=status.state,
        description=status.description,
        target_url=status.target_url,
        updated_at=status.updated_at,
        version=1,
        open=True,
        announced=False,
        attempts=0,
        not_before=0.0,
    )
    new, old = statement.excluded, _table.c
    changes: dict[str, Any] = {name: new[name] for name in (*_CONTENT, "updated_at")}
    changes |= {"version": old.version + 1, "open": True, "attempts": 0, "not_before": 0.0, "error": None}
    changes["announced"] = case((new.generation > old.generation, False), else_=old.announced)
    forward = (new.generation > old.generation) | ((new.generation == old.generation) & ((old.state == "pending") | (new.state != "pending")))
    differs = (new.generation != old.generation) | (new.state != old.state) | (new.description != old.description) | (new.target_url != old.target_url)
    statement = statement.on_conflict_do_update(index_elements=["repository_id", "sha", "context"], set_=changes, where=forward & differs)
    changed = session.execute(statement).rowcount == 1
    if changed:
        announce(session, ("statuses", ""), ("commit", status.sha))
    return changed


def of(session: Session, repository: str, sha: str) -> tuple[Status, ...]:
    """All contexts of a commit, by name."""
    statement = select(*_columns).where(_table.c.repository_id == repository, _table.c.sha == sha).order_by(_table.c.context)
    return tuple(Status(**row._mapping) for row in session.execute(statement))


def count(session: Session, repository: str, sha: str) -> int:
    """How many contexts a commit has."""
    statement = select(func.count()).select_from(_table).where(_table.c.repository_id == repository, _table.c.sha == sha)
    return int(session.execute(statement).scalar_one())


def unsent(session: Session, at: float, limit: int = 200, repository: str | None = None) -> tuple[Status, ...]:
    """What the forge of a repository, or all of them, have not been told, longest waiting first. What has failed comes last, whatever its age: one that
    always fails is never in the way of the others."""
    whose = [] if repository is None else [_table.c.repository_id == repository]
    statement = select(*_columns).where(_table.c.open.is_(True), *whose, _table.c.not_before <= at)
    statement = statement.order_by(_table.c.attempts, _table.c.not_before, _table.c.updated_at).limit(limit)
    return tuple(Status(**row._mapping) for row in session.execute(statement))


def next_tries(session: Session) -> Mapping[str, float]:
    """The repositories with something unsent, and when the first of it may be sent."""
    statement = select(_table.c.repository_id, func.min(_table.c.not_before).label("first")).where(_table.c.open.is_(True)).group_by(_table.c.repository_id)
    return {row.repository_id: row.first for row in session.execute(statement)}


def announced(session: Session, status: Status) -> None:
    """The forge has heard of this context; its newest state is still to be sent."""
    session.execute(update(_table).where(*_key(status), _table.c.generation == status.generation).values(announced=True))


def sent(session: Session, status: Status) -> None:
    """The forge has this version. A newer one keeps the row open."""
    announced(session, status)
    session.execute(update(_table).where(*_key(status), _table.c.version == status.version).values(open=False, attempts=0, error=None))


def put_off(session: Session, status: Status, until: float, error: str) -> None:
    """The forge could not take it: again later."""
    session.execute(update(_table).where(*_key(status)).values(attempts=_table.c.attempts + 1, not_before=until, error=error))


def hold(session: Session, repository: str, until: float, error: str) -> None:
    """Waits with all of a repository: its forge wants no calls before then, and why is told with each."""
    early = [_table.c.open.is_(True), _table.c.repository_id == repository, _table.c.not_before < until]
    session.execute(update(_table).where(*early).values(not_before=until, error=error))


def give_up(session: Session, status: Status, error: str) -> None:
    """The forge will never take this version."""
    session.execute(update(_table).where(*_key(status), _table.c.version == status.version).values(open=False, error=error))


def _key(status: Status) -> list[Any]:
    return [_table.c.repository_id == status.repository_id, _table.c.sha == status.sha, _table.c.context == status.context]
