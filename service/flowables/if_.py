"""One of two ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.expressions import truthy
from service.flowables import HANDLERS, FlowableTask, Joined, Shape, Way


class If(FlowableTask):
    """Runs the tasks of `then` where its condition holds, those of `else` where it does not."""

    TYPE = "io.kestra.plugin.core.flow.If"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.If",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"then": "list", "else": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ("then",)
    JOINED = Joined("ways", "choice", ways={"then": Way("then"), "else": Way("else", passes=True)})
    OUTPUTS: ClassVar[Mapping[str, str]] = {"evaluationResult": "Whether its condition held."}

    condition: Text = Field(description="Rendered once; `false`, `0` and nothing do not hold, anything else does.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        holds = truthy(ask.text(self.condition))
        return replace(order.begin(node, "then" if holds else "else"), outputs={"evaluationResult": holds})

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return order.follow(node, memory, child)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return order.resume(node, memory, children)
