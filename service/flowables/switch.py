"""One of many ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, Turn
from service.engine.state import State
from service.flowables import HANDLERS, FlowableTask, Joined, Shape, Way


class Switch(FlowableTask):
    """Runs the tasks of the case that its value names, or those of `defaults`; it fails where there is neither."""

    TYPE = "io.kestra.plugin.core.flow.Switch"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Switch",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"cases": "cases", "defaults": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    JOINED = Joined("ways", "choice", ways={"cases": Way('case "{}"'), "defaults": Way("default")})
    OUTPUTS: ClassVar[Mapping[str, str]] = {"value": "The value.", "defaults": "Whether no case was for it."}

    value: Text = Field(description="Rendered; compared with the cases as text.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        value = ask.text(self.value)
        case = f"cases.{value}"
        shown = ask.masked(value)
        outputs = {"value": shown, "defaults": case not in node.branches}
        if case not in node.branches and "defaults" not in node.branches:
            return Turn({}, end=State.FAILED, outputs=outputs, message=f"there is no case `{shown[:80]}`, and no `defaults`")
        return replace(order.begin(node, case if case in node.branches else "defaults"), outputs=outputs)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return order.follow(node, memory, child)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return order.resume(node, memory, children)
