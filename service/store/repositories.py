"""Repositories, environments, and who owns which namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.database import Session
from service.store.statement import by
from service.store.tables import Environment, Namespace, Ref, core
from service.store.tables import Repository as Table

_table, _environments, _namespaces, _refs = core(Table), core(Environment), core(Namespace), core(Ref)
_by_id = by(_table, "id")

MAIN = "main"
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that Headgate follows. `hook_secret` is encrypted; `branch` None means the remote's default.

    `live_ref` and `live_oid` are the branch and commit that the live flows are of, None before the first sync. `forge_id` is the forge's
    own id of the repository, learned from its first webhook.
    """

    id: str
    name: str
    forge: str
    hook_id: str
    hook_secret: str
    created_at: float
    url: str | None = None
    api_url: str | None = None
    token_from: str | None = None
    branch: str | None = None
    allow_private: bool = False
    forge_id: str | None = None
    live_ref: str | None = None
    live_oid: str | None = None
    looked: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the embedded host serves it."""
        return self.forge == EMBEDDED


def _value(row: Any) -> Repository:
    return Repository(**row._mapping)


def add(session: Session, repository: Repository) -> None:
    """Stores a new repository; the caller has checked the name."""
    session.execute(insert(_table).values(**asdict(repository)))


def change(session: Session, id: str, values: Mapping[str, Any]) -> None:
    """Sets columns of a repository."""
    session.execute(update(_table).where(_table.c.id == id).values(**values))


def every(session: Session) -> tuple[Repository, ...]:
    """All, oldest first."""
    return tuple(_value(row) for row in session.execute(select(_table).order_by(_table.c.created_at, _table.c.name)))


def by_name(session: Session, name: str) -> Repository | None:
    """By its name."""
    row = session.execute(select(_table).where(_table.c.name == name)).first()
    return None if row is None else _value(row)


def by_id(session: Session, id: str) -> Repository | None:
    """By its id."""
    row = _by_id.first(session, {"id": id})
    return None if row is None else _value(row)


def by_hook(session: Session, hook_id: str) -> Repository | None:
    """By the opaque id in its hook's URL."""
    row = session.execute(select(_table).where(_table.c.hook_id == hook_id)).first()
    return None if row is None else _value(row)


def open_environment(session: Session, name: str, at: float, repository: str | None = None, ref: str | None = None) -> None:
    """Opens an environment; one that is open stays as it is."""
    values = {"name": name, "repository_id": repository, "ref": ref, "opened_at": at, "closed_at": None}
    session.execute(upsert(_environments).values(**values).on_conflict_do_nothing())


def has_environment(session: Session, name: str) -> bool:
    """Whether the tenant segment of an address names anything."""
    return session.execute(select(_environments.c.name).where(_environments.c.name == name)).first() is not None


def owner(session: Session, environment: str, namespace: str) -> str | None:
    """The id of the repository that a namespace belongs to."""
    found: str | None = session.execute(
        select(_namespaces.c.repository_id).where(_namespaces.c.environment == environment, _namespaces.c.name == namespace)
    ).scalar()
    return found


def claim_namespace(session: Session, environment: str, namespace: str, repository: str) -> None:
    """Gives an unowned namespace to a repository."""
    session.execute(upsert(_namespaces).values(environment=environment, name=namespace, repository_id=repository).on_conflict_do_nothing())


def release_namespace(session: Session, environment: str, namespace: str) -> None:
    """Takes a namespace back from its repository."""
    session.execute(delete(_namespaces).where(_namespaces.c.environment == environment, _namespaces.c.name == namespace))


def applied(session: Session, repository: str) -> dict[str, str]:
    """The refs as the last syncs left them."""
    rows = session.execute(select(_refs.c.ref, _refs.c.applied_oid).where(_refs.c.repository_id == repository))
    return {row.ref: row.applied_oid for row in rows}


def move_ref(session: Session, repository: str, ref: str, oid: str | None) -> None:
    """Records where a ref has been synced to; None forgets it."""
    if oid is None:
        session.execute(delete(_refs).where(_refs.c.repository_id == repository, _refs.c.ref == ref))
        return
    statement = upsert(_refs).values(repository_id=repository, ref=ref, applied_oid=oid)
    session.execute(statement.on_conflict_do_update(index_elements=["repository_id", "ref"], set_={"applied_oid": oid}))
