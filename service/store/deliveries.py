"""The inbox of deliveries, and the audit of those that were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_json, to_json
from service.store.database import Session, announce
from service.store.tables import Delivery as Table
from service.store.tables import Refusal, core

_table, _refusals = core(Table), core(Refusal)

#: A delivery that crashed its sync this often is set aside.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it came."""

    id: int
    repository_id: str
    source: str
    event: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int


def put(session: Session, repository: str, source: str, delivery_id: str, event: str, headers: Mapping[str, str], body: bytes, at: float) -> bool:
    """Stores a delivery; False when its id was there already."""
    statement = upsert(_table).values(
        repository_id=repository,
        source=source,
        delivery_id=delivery_id,
        event=event,
        headers=to_json(dict(headers)),
        body=body,
        received_at=at,
        state="received",
        attempts=0,
        not_before=0.0,
    )
    stored = session.execute(statement.on_conflict_do_nothing()).rowcount == 1
    if stored:
        announce(session, ("deliveries", ""))
    return stored


def told(session: Session, at: float) -> frozenset[str]:
    """The repositories that have deliveries waiting, without those that were put off."""
    statement = select(_table.c.repository_id).where(_table.c.state == "received", _table.c.not_before <= at).distinct()
    return frozenset(session.execute(statement).scalars())


def waiting(session: Session, at: float, limit: int = 100, repository: str | None = None) -> tuple[Delivery, ...]:
    """The oldest deliveries that still wait, of one repository or of all, without those that were put off."""
    whose = [] if repository is None else [_table.c.repository_id == repository]
    statement = select(_table).where(_table.c.state == "received", *whose, _table.c.not_before <= at).order_by(_table.c.id).limit(limit)
    return tuple(
        Delivery(row.id, row.repository_id, row.source, row.event, from_json(row.headers), row.body, row.attempts) for row in session.execute(statement)
    )


def count_attempt(session: Session, ids: tuple[int, ...], not_before: float) -> None:
    """Counted before the work: a delivery that takes the service down has still used its try."""
    session.execute(update(_table).where(_table.c.id.in_(ids)).values(attempts=_table.c.attempts + 1, not_before=not_before))


def count_missed(session: Session, tried: Sequence[Delivery]) -> None:
    """Counts the try of those whose sync broke before it came to that."""
    for attempts in {delivery.attempts for delivery in tried}:
        ids = [delivery.id for delivery in tried if delivery.attempts == attempts]
        missed = update(_table).where(_table.c.id.in_(ids), _table.c.state == "received", _table.c.attempts == attempts)
        session.execute(missed.values(attempts=attempts + 1))


def settle(session: Session, ids: tuple[int, ...], state: str, reason: str | None = None) -> None:
    """Ends deliveries: `processed`, `ignored` or `quarantined`."""
    session.execute(update(_table).where(_table.c.id.in_(ids)).values(state=state, reason=reason))


def put_off(session: Session, ids: tuple[int, ...], until: float, reason: str, *, uncount: bool = False) -> None:
    """Tries these again later, as far as they still wait; `uncount` when the fault lay outside (a forge that is down)."""
    values: dict[str, object] = {"not_before": until, "reason": reason}
    if uncount:
        values["attempts"] = 0
    session.execute(update(_table).where(_table.c.id.in_(ids), _table.c.state == "received").values(**values))


def trouble(session: Session, repository: str) -> str:
    """Why the newest delivery that still waits could not be dealt with yet; empty where nothing went wrong."""
    statement = select(_table.c.reason).where(_table.c.repository_id == repository, _table.c.state == "received")
    return session.execute(statement.order_by(_table.c.id.desc()).limit(1)).scalar() or ""


def forget_bodies(session: Session, before: float, limit: int) -> int:
    """Empties settled deliveries that came before a moment; how many. Their rows stay, so that none is taken twice."""
    settled = select(_table.c.id).where(_table.c.state != "received", _table.c.received_at < before, func.length(_table.c.body) > 0).limit(limit)
    return session.execute(update(_table).where(_table.c.id.in_(settled.scalar_subquery())).values(body=b"", headers="{}")).rowcount


def forget_refusals(session: Session, before: float, limit: int) -> int:
    """Deletes audit rows that are older; how many."""
    old = select(_refusals.c.id).where(_refusals.c.received_at < before).limit(limit)
    return session.execute(delete(_refusals).where(_refusals.c.id.in_(old.scalar_subquery()))).rowcount


def refuse(session: Session, hook_id: str, status: int, reason: str, digest: str, size: int, source: str, at: float) -> None:
    """Leaves an audit row of a delivery that was turned away."""
    session.execute(insert(_refusals).values(hook_id=hook_id[:64], status=status, reason=reason, sha256=digest, size=size, source=source, received_at=at))
