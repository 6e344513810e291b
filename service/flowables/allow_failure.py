"""One task after another, and a failure among them only warns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.engine.state import State
from service.flowables import FlowableTask


class AllowFailure(FlowableTask):
    """Runs its tasks in order; the first failure ends the group as WARNING, and the flow goes on."""

    TYPE = "io.kestra.plugin.core.flow.AllowFailure"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.AllowFailure",)

    def begin(self, node: Node, ask: Ask) -> Turn:
        return _softened(order.begin(node))

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return _softened(order.follow(node, memory, child))

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return _softened(order.resume(node, memory, children))


def _softened(turn: Turn) -> Turn:
    return replace(turn, end=State.WARNING) if turn.end is State.FAILED else turn
