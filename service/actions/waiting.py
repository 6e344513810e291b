"""Executions that wait for a place: what may become of them, and how many places of flows are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.actions.kit import Kit
from service.engine.state import State
from service.errors import Invalid
from service.store import flows, lines
from service.store.database import Session

_TARGETS = (State.RUNNING, State.CANCELLED, State.FAILED)


def wanted(name: str) -> State:
    """What is to become of an execution that is taken out of the queue. Raises Invalid."""
    found = next((state for state in _TARGETS if name.strip().upper() in (state.value, "CANCELED" if state is State.CANCELLED else "")), None)
    if found is None:
        raise Invalid(f"a queued execution can't become `{name[:40]}`; it can become {', '.join(_TARGETS)}")
    return found


def limits(session: Session, kit: Kit, environment: str, *, limit: int, offset: int) -> tuple[Sequence[dict[str, Any]], int]:
    """The live flows that have a limit, a page of them with what is taken of it; and how many there are."""
    # Only a flow whose text has the word can have a limit; the few that have it are read.
    named, _ = flows.with_text(session, environment, "concurrency", limit=-1)
    limited = [(row, read.concurrency) for row, _ in named if (read := kit.reader.live(session, row)) is not None and read.concurrency is not None]
    shown = limited[offset : offset + limit]
    taken = lines.counts(session, [row.id for row, _ in shown])
    return [
        {"namespace": row.namespace, "flowId": row.flow_id, "running": taken.get(row.id, 0), "limit": each.limit, "behavior": each.behavior}
        for row, each in shown
    ], len(limited)
