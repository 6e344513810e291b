"""Inputs while somebody fills them in: what each comes to with what is given so far, and what is wrong with it. Nothing is started and nothing stored,
but flows that inputs call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.actions.checks import Spoken, spoken_up
from service.actions.executions import Calling, Chosen, Order, asking
from service.actions.kit import Kit
from service.flows.resolve import Settled, put, settle_inputs


@dataclass(frozen=True, slots=True)
class Filled:
    """The inputs of a flow, or of a pause of one, and the flow's checks that do not hold with them. `masked` takes the secrets out of what was rendered."""

    namespace: str
    flow: str
    inputs: Sequence[Settled]
    masked: Callable[[Any], Any]
    checks: Sequence[Spoken] = ()


def fill(kit: Kit, order: Order, chosen: Chosen, now: datetime, calling: Calling | None = None) -> Filled:
    """What the inputs of a start of what was chosen come to; with `calling` they may call flows, and no transaction may be open. Raises Conflict for a flow
    that can't be started."""
    render, masked = asking(kit, order, chosen.flow, chosen.revision, chosen.pin, now, calling=calling)
    settled = settle_inputs(chosen.flow.inputs, order.inputs, render)
    values: dict[str, Any] = {}
    for one in settled:
        if one.enabled and one.problem is None:
            put(values, one.input.id, one.value)
    asked, _ = asking(kit, order, chosen.flow, chosen.revision, chosen.pin, now, what="check", sections=("checks",))
    spoken = spoken_up(chosen.flow.checks, lambda text: asked(text, {"inputs": values}))
    return Filled(order.namespace, order.flow_id, settled, masked, spoken)
