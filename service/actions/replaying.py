"""Replays and restarts in another revision: what is settled before the executor is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.actions.executions import CORRELATION, Calling, Chosen, Order, check_breakpoints, choose, settle_chosen
from service.actions.kit import Kit
from service.engine.events import Replayed
from service.store.codec import new_id, now
from service.store.database import Session
from service.store.executions import Row


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `revision` None: the same one, or with `latest` the one that runs now. `inputs` None: the same inputs."""

    task_run: str | None = None
    revision: int | None = None
    latest: bool = False
    inputs: Mapping[str, Any] | None = None
    breakpoints: Sequence[str] = ()
    failed: bool = False


def prepare(session: Session, kit: Kit, row: Row, wanted: Wanted, by: str) -> Replayed:
    """The replay as the executor hears it. Raises NotFound, Conflict or Invalid."""
    of = row.execution
    if wanted.revision in (None, of.revision) and not wanted.latest and wanted.inputs is None and not wanted.breakpoints:
        return Replayed(by, new_id(), of.revision, wanted.task_run, wanted.failed)
    return settled(kit, row, wanted, by, *asked_for(session, kit, row, wanted))


def asked_for(session: Session, kit: Kit, row: Row, wanted: Wanted) -> tuple[Order, Chosen]:
    """The revision that is to run, and what it is given. Raises NotFound and Conflict."""
    of = row.execution
    number = wanted.revision if wanted.latest or wanted.revision is not None else of.revision
    order = Order(of.environment, of.namespace, of.flow, wanted.inputs or {}, {}, revision=number, breakpoints=tuple(wanted.breakpoints))
    chosen = choose(session, kit, order)
    if chosen.revision == of.revision and of.pin is not None:
        chosen = replace(chosen, pin=of.pin)
    return replace(order, correlation=of.labels.get(CORRELATION)), chosen


def settled(kit: Kit, row: Row, wanted: Wanted, by: str, order: Order, chosen: Chosen, calling: Calling | None = None) -> Replayed:  # noqa: PLR0917
    """The replay of what was chosen, with its inputs settled; with `calling` these may call flows, and no transaction may be open. Raises Invalid, and
    Conflict for a flow that this version can't run."""
    check_breakpoints(chosen.flow, order.breakpoints)
    inputs = None if wanted.inputs is None else settle_chosen(kit, order, chosen, now(), calling).execution.inputs
    return Replayed(by, new_id(), chosen.revision, wanted.task_run, wanted.failed, asdict(chosen.pin), inputs, order.breakpoints)
