"""Replays and restarts in another revision: what is settled before the executor is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.actions.executions import Order, check_breakpoints, choose, settle
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
    number = wanted.revision if wanted.latest or wanted.revision is not None else of.revision
    order = Order(of.environment, of.namespace, of.flow, wanted.inputs or {}, {}, revision=number, breakpoints=tuple(wanted.breakpoints))
    chosen = choose(session, kit, order)
    number, flow, pin = chosen.revision, chosen.flow, chosen.pin
    if number == of.revision and of.pin is not None:
        pin = of.pin
    check_breakpoints(flow, order.breakpoints)
    inputs = None if wanted.inputs is None else settle(kit, order, flow, chosen.row, number, pin, now()).execution.inputs
    return Replayed(by, new_id(), number, wanted.task_run, wanted.failed, asdict(pin), inputs, order.breakpoints)
