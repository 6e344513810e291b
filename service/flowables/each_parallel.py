"""The same tasks for each of a list of values, in no order at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.engine import lanes
from service.engine.lanes import Lane, Lanes
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.flowables import FlowableTask, Joined, distinct_values, limit_of


class EachParallel(FlowableTask):
    """Runs all tasks of all values side by side. ForEach keeps the tasks of one value in order, which is nearly always what is meant."""

    TYPE = "io.kestra.plugin.core.flow.EachParallel"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachParallel",)
    JOINED = Joined("fork", "dynamic", "each value")

    value: Dynamic[list[Any]] = Field(description="A list, JSON text that holds one, or an expression that renders to one.")
    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        values = distinct_values("value", self.value, ask)
        return replace(lanes.begin(node, _lanes(node, values), limit_of("concurrent", self.concurrent, ask)), keep=values)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return lanes.follow(node, memory, child, _lanes(node, ask.kept()))

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return lanes.resume(node, memory, children, _lanes(node, ask.kept()))

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        return ()


def _lanes(node: Node, values: Sequence[str]) -> Lanes:
    tasks = node.branches["tasks"]

    def lane(index: int) -> Lane:
        iteration, task = divmod(index, len(tasks))
        return Lane((tasks[task],), values[iteration], iteration)

    return Lanes(len(values) * len(tasks), lane)
