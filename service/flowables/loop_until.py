"""The same tasks again until something holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Interval, Length, Model, Positive, Text
from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, Start, Turn, Wakened
from service.engine.state import State, worst
from service.expressions import truthy
from service.flowables import FlowableTask, Joined, length_of, limit_of


class CheckFrequency(Model):
    """How often, and how long."""

    interval: Dynamic[Length] = Field(timedelta(minutes=1), description="The pause between two passes.")
    max_iterations: Dynamic[Positive] | None = Field(None, description="How many passes at most.")
    max_duration: Dynamic[Interval] | None = Field(None, description="How long at most.")


class LoopUntil(FlowableTask):
    """Runs its tasks, then its condition; and again, until it holds. `outputs.<id>.iterationCount` is the number of the pass."""

    TYPE = "io.kestra.plugin.core.flow.LoopUntil"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.core.flow.WaitFor", "io.kestra.core.tasks.flows.WaitFor")
    JOINED = Joined("chain", "dynamic", back="again")
    OUTPUTS: ClassVar[Mapping[str, str]] = {"iterationCount": "The number of the pass."}

    condition: Text = Field(description="Rendered after each pass; `false`, `0` and nothing do not hold.")
    check_frequency: CheckFrequency = Field(CheckFrequency(), description="How often it is tried, and how long.")
    fail_on_max_reached: Dynamic[bool] = Field(False, description="Fails when the limit is reached; otherwise it succeeds.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        return self._pass(node, 1, ask.now.timestamp(), ask)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        tasks = node.branches["tasks"]
        if memory["branch"] != "tasks":
            return _with(memory, order.follow(node, memory, child))
        if child.state in order.STOPS or State(memory["state"]) in order.STOPS:
            return _with(memory, order.follow(node, memory, child))
        if memory["at"] + 1 < len(tasks):
            turn = _with(memory, order.follow(node, memory, child))
            return replace(turn, start=tuple(replace(start, iteration=child.iteration) for start in turn.start))
        return self._passed(node, memory, worst(State(memory["state"]), child.state), ask)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        placed = _with({**memory, "pass": (children[-1].iteration or 0) + 1}, order.place(node, "tasks", children))
        return self.follow(node, placed.memory, children[-1], ask) if all(child.state.terminal for child in children) else placed

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        return replace(self._pass(node, memory["pass"], memory["since"], ask), clear=True)

    def _pass(self, node: Node, number: int, since: float, ask: Ask) -> Turn:
        """Begins one; without tasks there is only the condition."""
        memory: dict[str, Any] = {"pass": number, "since": since}
        tasks = node.branches.get("tasks", ())
        if not tasks:
            return self._passed(node, memory, State.SUCCESS, ask)
        memory |= {"main": "tasks", "branch": "tasks", "at": 0, "state": State.SUCCESS.value}
        return Turn(memory, (Start(tasks[0], iteration=number - 1),), outputs={"iterationCount": number})

    def _passed(self, node: Node, memory: Memory, state: State, ask: Ask) -> Turn:
        """A pass is over."""
        number = memory["pass"]
        if truthy(ask.text(self.condition)):
            return replace(_with(memory, order.leave(node, state)), outputs={"iterationCount": number})
        outputs = {"iterationCount": number + 1}
        if (reached := self._reached(number, ask.now.timestamp() - memory["since"], ask)) is None:
            interval = length_of("checkFrequency.interval", self.check_frequency.interval, ask)
            return Turn({**memory, "branch": None, "pass": number + 1}, outputs=outputs, pause={"again": interval})
        fails = ask.typed(self.fail_on_max_reached) in (True, "true")
        turn = _with(memory, order.leave(node, State.FAILED if fails else state))
        return replace(turn, outputs=outputs, message=f"the condition did not hold {reached}" if fails else None)

    def _reached(self, passes: int, seconds: float, ask: Ask) -> str | None:
        """The limit that is reached, in words."""
        most, longest = self.check_frequency.max_iterations, self.check_frequency.max_duration
        if most is not None and passes >= limit_of("checkFrequency.maxIterations", most, ask):
            return f"in {passes} passes"
        if longest is not None and seconds >= length_of("checkFrequency.maxDuration", longest, ask).total_seconds():
            return f"in {seconds:.0f} s"
        return None


def _with(memory: Memory, turn: Turn) -> Turn:
    """What this loop remembers besides."""
    return replace(turn, memory={**turn.memory, "pass": memory["pass"], "since": memory["since"]})
