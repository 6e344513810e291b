"""Tasks in the order that their dependencies give."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.engine import lanes
from service.engine.lanes import Place
from service.engine.program import Ask, Ended, Memory, Node, Start, Turn
from service.engine.state import worst
from service.flowables import HANDLERS, FlowableTask, Joined, Shape, limit_of


class Dag(FlowableTask):
    """Runs each of its tasks once those that it depends on have ended, and otherwise side by side."""

    TYPE = "io.kestra.plugin.core.flow.Dag"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Dag",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"tasks": "graph", **HANDLERS}
    JOINED = Joined("graph", "parallel")

    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all that can.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        return _go_on(node, Place(limit=limit_of("concurrent", self.concurrent, ask)), [], [])

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        place = Place.of(memory)
        if (turn := lanes.handled(node, place, child)) is not None:
            return turn
        return _go_on(node, place.ended(child), memory["started"], [*memory["ended"], child.node.id])

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        if (turn := lanes.over(node, memory, children)) is not None:
            return turn
        started = [child.node.id for child in children]
        ended = [child.node.id for child in children if child.state.terminal]
        state = worst(*(child.state for child in children if child.state.terminal))
        return _go_on(node, Place(state=state, open=len(started) - len(ended), limit=memory.get("limit", 0)), started, ended)

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        found, ids = [], {children[index].node.id for index in these}
        for index, child in enumerate(children):
            if not ids.isdisjoint(child.node.depends_on):
                found.append(index)
                ids.add(child.node.id)
        return found


def _go_on(node: Node, place: Place, started: Sequence[str], ended: Sequence[str]) -> Turn:
    """Starts what can be: every task whose dependencies have all ended, in the order of the file."""
    ready = [task for task in node.branches["tasks"] if task.id not in started and _free(task, node, set(ended))]
    chosen = ready[: place.limit - place.open] if place.limit else ready
    place = replace(place, open=place.open + len(chosen))
    if not place.open:
        return lanes.leave(node, place)
    memory = {**place.memory(), "started": [*started, *(task.id for task in chosen)], "ended": list(ended)}
    return Turn(memory, tuple(map(Start, chosen)))


def _free(task: Node, node: Node, ended: Set[str]) -> bool:
    """A dependency that is disabled is not waited for."""
    there = {each.id for each in node.branches["tasks"]}
    return all(name in ended or name not in there for name in task.depends_on)
