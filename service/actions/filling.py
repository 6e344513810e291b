"""Inputs while somebody fills them in: what each comes to with what is given so far, and what is wrong with it. Nothing is started and nothing stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.actions.executions import Order, asking, choose
from service.actions.kit import Kit
from service.flows.resolve import Settled, settle_inputs
from service.store.database import Session


@dataclass(frozen=True, slots=True)
class Filled:
    """The inputs of a flow, or of a pause of one. `masked` takes the secrets out of what was rendered for them."""

    namespace: str
    flow: str
    inputs: Sequence[Settled]
    masked: Callable[[Any], Any]


def fill(session: Session, kit: Kit, order: Order, now: datetime) -> Filled:
    """What the inputs of a start come to. Raises NotFound, and Conflict for a flow that can't be started."""
    chosen = choose(session, kit, order)
    render, masked = asking(kit, order, chosen.flow, chosen.revision, chosen.pin, now)
    return Filled(order.namespace, order.flow_id, settle_inputs(chosen.flow.inputs, order.inputs, render), masked)
