"""The same tasks for each of a list of values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural, Spelling
from service.engine import lanes
from service.engine.lanes import Lane, Lanes
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.flowables import FlowableTask, Joined, distinct_values, limit_of


class ForEach(FlowableTask):
    """Runs its tasks in order for each distinct value, for `concurrencyLimit` values at a time. The value is `taskrun.value`."""

    TYPE = "io.kestra.plugin.core.flow.ForEach"
    SPELLINGS: ClassVar[Mapping[str, Spelling]] = {
        name: Spelling(renamed={"value": "values"}, fixed={"concurrencyLimit": 1})
        for name in ("io.kestra.plugin.core.flow.EachSequential", "io.kestra.core.tasks.flows.EachSequential")
    }
    JOINED = Joined("chain", "dynamic", "each value")

    values: Dynamic[list[Any]] = Field(description="A list, JSON text that holds one, or an expression that renders to one.")
    concurrency_limit: Dynamic[Natural] = Field(1, description="How many values at once; 0: all.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        values = distinct_values("values", self.values, ask)
        limit = limit_of("concurrencyLimit", self.concurrency_limit, ask)
        return replace(lanes.begin(node, _lanes(node, values), limit), keep=values)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return lanes.follow(node, memory, child, _lanes(node, ask.kept()))

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return lanes.resume(node, memory, children, _lanes(node, ask.kept()))

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        if memory.get("limit") == 1:  # each value waits for the one before it
            return FlowableTask.later(self, node, memory, children, these)
        first = {children[index].iteration: index for index in sorted(these, reverse=True)}
        return [index for index, child in enumerate(children) if first.get(child.iteration, index) < index]


def _lanes(node: Node, values: Sequence[str]) -> Lanes:
    tasks = node.branches["tasks"]
    return Lanes(len(values) if tasks else 0, lambda index: Lane(tasks, values[index], index), ordered=True)
