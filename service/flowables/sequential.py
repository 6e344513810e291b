"""One task after another, as a group of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.flowables import FlowableTask


class Sequential(FlowableTask):
    """Runs its tasks in order; the first failure ends the group."""

    TYPE = "io.kestra.plugin.core.flow.Sequential"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Sequential",)

    def begin(self, node: Node, ask: Ask) -> Turn:
        return order.begin(node)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return order.follow(node, memory, child)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return order.resume(node, memory, children)
