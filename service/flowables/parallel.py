"""Tasks side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.engine import lanes
from service.engine.lanes import Lane, Lanes
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.flowables import FlowableTask, Joined, limit_of


class Parallel(FlowableTask):
    """Runs its tasks at the same time, at most `concurrent` of them; the first failure ends the group."""

    TYPE = "io.kestra.plugin.core.flow.Parallel"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Parallel",)
    JOINED = Joined("fork", "parallel")

    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        return lanes.begin(node, _lanes(node), limit_of("concurrent", self.concurrent, ask))

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return lanes.follow(node, memory, child, _lanes(node))

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return lanes.resume(node, memory, children, _lanes(node))

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        return ()


def _lanes(node: Node) -> Lanes:
    tasks = node.branches["tasks"]
    return Lanes(len(tasks), lambda index: Lane((tasks[index],)))
