"""The triggers of live flows, and the clocks of those that are schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.database import Session, announce
from service.store.flows import Identity
from service.store.tables import Trigger as Table
from service.store.tables import core

_table = core(Table)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a live flow. `kind` is `schedule` or `git`; `spec` is what the file says of it, as JSON; `next_at` None: never again."""

    environment: str
    namespace: str
    flow_id: str
    trigger_id: str
    repository_id: str
    kind: str
    spec: str
    next_at: float | None = None
    last_at: float | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Which one it is, whatever becomes of its clock."""
        return self.environment, self.namespace, self.flow_id, self.trigger_id


def of_flow(session: Session, environment: str, identity: Identity) -> Mapping[str, Trigger]:
    """The triggers of a flow by id."""
    statement = select(_table).where(_table.c.environment == environment, _table.c.namespace == identity[0], _table.c.flow_id == identity[1])
    return {row.trigger_id: Trigger(**row._mapping) for row in session.execute(statement)}


def put(session: Session, triggers: Iterable[Trigger]) -> None:
    """Stores triggers whether or not they were there."""
    rows = [asdict(trigger) for trigger in triggers]
    if not rows:
        return
    statement = upsert(_table)
    changes = {name: statement.excluded[name] for name in ("repository_id", "kind", "spec", "next_at", "last_at", "error")}
    key = ["environment", "namespace", "flow_id", "trigger_id"]
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)
    announce(session, ("triggers", ""))


def remove(session: Session, environment: str, identity: Identity, ids: Iterable[str]) -> None:
    """Forgets triggers that the flow no longer has."""
    wanted = list(ids)
    if not wanted:
        return
    session.execute(
        delete(_table).where(
            _table.c.environment == environment, _table.c.namespace == identity[0], _table.c.flow_id == identity[1], _table.c.trigger_id.in_(wanted)
        )
    )


def of_git(session: Session, environment: str, repository: str) -> tuple[Trigger, ...]:
    """The triggers of a repository's flows that wait for a moved ref."""
    statement = select(_table).where(_table.c.environment == environment, _table.c.repository_id == repository, _table.c.kind == "git")
    return tuple(Trigger(**row._mapping) for row in session.execute(statement.order_by(_table.c.namespace, _table.c.flow_id, _table.c.trigger_id)))


def due(session: Session, at: float, limit: int) -> tuple[Trigger, ...]:
    """Schedules whose time has come, the longest overdue first."""
    statement = select(_table).where(_table.c.next_at <= at).order_by(_table.c.next_at).limit(limit)
    return tuple(Trigger(**row._mapping) for row in session.execute(statement))


def move(session: Session, trigger: Trigger, next_at: float | None, last_at: float | None, error: str | None = None) -> None:
    """Sets a clock."""
    session.execute(
        update(_table)
        .where(
            _table.c.environment == trigger.environment,
            _table.c.namespace == trigger.namespace,
            _table.c.flow_id == trigger.flow_id,
            _table.c.trigger_id == trigger.trigger_id,
        )
        .values(next_at=next_at, last_at=last_at, error=error)
    )


def next_due(session: Session, at: float) -> float | None:
    """When the next schedule after this moment fires."""
    found: float | None = session.execute(select(func.min(_table.c.next_at)).where(_table.c.next_at > at)).scalar()
    return found
