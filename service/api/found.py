"""The execution or flow that an address names. It is looked up before a stream begins: what is not there is a 404, not a broken stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from service.actions import executions
from service.api.access import Reader
from service.api.parts import Tenant, Use
from service.errors import NotFound
from service.store import flows
from service.store.database import Session
from service.store.executions import Row
from service.store.flows import Flow


def find(session: Session, tenant: str, id: str) -> Row:
    """By id or an unambiguous beginning of it; raises NotFound for one of another environment, as if it were not there."""
    row = executions.get(session, id)
    if row.execution.environment != tenant:
        raise NotFound(f"there is no execution `{id[:40]}`")
    return row


def find_flow(session: Session, tenant: str, namespace: str, id: str) -> Flow:
    """By its identity, deleted ones too; raises NotFound."""
    row = flows.get(session, tenant, (namespace, id))
    if row is None:
        raise NotFound(f"there is no flow `{namespace[:150]}.{id[:100]}`")
    return row


def _found(_: Reader, id: str, parts: Use, tenant: Tenant) -> Row:
    # Who may not read must not learn what is there, so the permission comes before the look.
    with parts.kit.database.read() as session:
        return find(session, tenant, id)


Found = Annotated[Row, Depends(_found)]
