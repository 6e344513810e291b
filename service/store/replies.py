"""What the executor has answered to what people asked for. Whoever asks makes up a name first, and waits for the topic `("reply", name)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.database import Session, announce
from service.store.tables import Reply as Table
from service.store.tables import core

_table = core(Table)


@dataclass(frozen=True, slots=True)
class Reply:
    """Of one execution. `refusal` is None where it was done."""

    asked: str
    execution: str
    refusal: str | None


def add(session: Session, replies: Sequence[Reply], at: float) -> None:
    """Stores answers; the first one to a question counts."""
    if replies:
        rows = [{"asked": each.asked, "execution_id": each.execution, "refusal": each.refusal, "at": at} for each in replies]
        session.execute(upsert(_table).on_conflict_do_nothing(), rows)
        announce(session, *(("reply", each.asked) for each in replies))


def count(session: Session, asked: str) -> int:
    """How many executions have answered."""
    return int(session.execute(select(func.count()).select_from(_table).where(_table.c.asked == asked)).scalar_one())


def of(session: Session, asked: str, limit: int = 1000) -> tuple[Reply, ...]:
    """The answers, refusals first."""
    order = (_table.c.refusal.is_(None), _table.c.execution_id)
    rows = session.execute(select(_table).where(_table.c.asked == asked).order_by(*order).limit(limit))
    return tuple(Reply(row.asked, row.execution_id, row.refusal) for row in rows)


def refused(session: Session, asked: str) -> int:
    """How many have refused."""
    where = (_table.c.asked == asked, _table.c.refusal.is_not(None))
    return int(session.execute(select(func.count()).select_from(_table).where(*where)).scalar_one())


def forget(session: Session, before: float, limit: int) -> int:
    """Deletes answers that nobody waits for any more; how many."""
    old = select(_table.c.asked, _table.c.execution_id).where(_table.c.at < before).limit(limit)
    found = session.execute(old).all()
    for row in found:
        session.execute(delete(_table).where(_table.c.asked == row.asked, _table.c.execution_id == row.execution_id))
    return len(found)
