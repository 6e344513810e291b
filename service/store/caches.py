"""Outputs that are kept for the next run of the same task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_json, to_json
from service.store.database import Session
from service.store.tables import CachedOutputs as Table
from service.store.tables import core

_table = core(Table)


def get(session: Session, key: str, at: float) -> Mapping[str, Any] | None:
    """The outputs behind a key; None where there are none, or their time is over."""
    row = session.execute(select(_table.c.outputs).where(_table.c.key == key, _table.c.expires_at.is_(None) | (_table.c.expires_at > at))).scalar()
    found: Mapping[str, Any] | None = from_json(row)
    return found


def put(session: Session, key: str, execution: str, outputs: Mapping[str, Any], at: float, ttl: float | None) -> None:
    """Keeps outputs, for so many seconds or for ever; in place of those that were there."""
    values = {"execution_id": execution, "outputs": to_json(outputs), "made_at": at, "expires_at": None if ttl is None else at + ttl}
    session.execute(upsert(_table).values(key=key, **values).on_conflict_do_update(index_elements=["key"], set_=values))


def forget(session: Session, before: float, limit: int) -> int:
    """Deletes what ended before a moment; how many. A limited number at a time: nobody waits long behind it."""
    ended = select(_table.c.key).where(_table.c.expires_at < before).limit(limit)
    return session.execute(delete(_table).where(_table.c.key.in_(ended.scalar_subquery()))).rowcount
