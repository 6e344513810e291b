"""The runners that have asked for work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_json
from service.store.database import Session
from service.store.tables import Runner as Table
from service.store.tables import core

_table = core(Table)


def see(session: Session, id: str, info: str, at: float) -> None:
    """Notes that a runner is there."""
    statement = upsert(_table).values(id=id, info=info, first_seen_at=at, seen_at=at)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"info": info, "seen_at": at}))


def saw(session: Session, id: str, at: float) -> None:
    """Notes that a known runner is still there: one that has all it can do does not ask for more."""
    session.execute(update(_table).where(_table.c.id == id).values(seen_at=at))


def labels(session: Session, since: float) -> list[Mapping[str, str]]:
    """Those of each runner that was there since a moment."""
    rows = session.execute(select(_table.c.info).where(_table.c.seen_at >= since))
    return [from_json(info).get("labels", {}) for (info,) in rows]


def base(session: Session, id: str) -> str:
    """The folder below which a runner makes working directories; empty for one that was never seen."""
    found = session.execute(select(_table.c.info).where(_table.c.id == id)).scalar()
    return "" if found is None else str(from_json(found)["base"])


def every(session: Session) -> tuple[dict[str, Any], ...]:
    """All runners, the last seen first."""
    rows = session.execute(select(_table).order_by(_table.c.seen_at.desc()))
    return tuple({**from_json(row.info), "first_seen_at": row.first_seen_at, "seen_at": row.seen_at} for row in rows)
