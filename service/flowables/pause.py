"""Waiting for somebody, or for some time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Length, Older
from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, RenderFailed, Start, Turn, Wakened
from service.engine.state import State
from service.expressions.values import iso_instant
from service.flowables import HANDLERS, Declared, FlowableTask, Joined, Shape, Way, length_of

_ENDS = {"RESUME": State.SUCCESS, "WARN": State.WARNING, "FAIL": State.FAILED, "CANCEL": State.CANCELLED}


class Pause(FlowableTask):
    """Pauses the execution until it is resumed, or until `pauseDuration` is over."""

    TYPE = "io.kestra.plugin.core.flow.Pause"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Pause",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"onPause": "one", "tasks": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    DECLARES: ClassVar[Mapping[str, Declared]] = {"onResume": "inputs"}
    JOINED = Joined("ways", ways={"onPause": Way("paused", "parallel"), "tasks": Way("resumed", "sequential", passes=True)})
    OUTPUTS: ClassVar[Mapping[str, str]] = {"onResume": "What whoever resumed it gave.", "resumed": "Who resumed it (`by`), and when (`on`)."}

    pause_duration: Dynamic[Length] | None = Field(None, validation_alias=Older("pauseDuration", "delay"), description="Goes on by itself after this time.")
    behavior: Dynamic[Literal["RESUME", "WARN", "FAIL", "CANCEL"]] = Field("RESUME", description="How it goes on then.")
    on_resume: list[Any] | None = Field(None, description="Inputs that whoever resumes must give.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        times: dict[str, timedelta] = {}
        if self.pause_duration is not None:
            times["over"] = length_of("pauseDuration", self.pause_duration, ask)
        if node.timeout is not None:
            times["timeout"] = length_of("timeout", node.timeout, ask)
        first = node.branches.get("onPause", ())
        return Turn({"branch": None, "open": bool(first), "end": None, "message": None}, tuple(map(Start, first)), pause=times)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        if memory["branch"] is not None:
            return order.follow(node, memory, child)
        if memory["end"] is None:
            return Turn({**memory, "open": False}, pause={})
        return self._leave(node, memory["end"], memory["message"])

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return order.resume(node, memory, [child for child in children if child.node in node.branches.get("tasks", ())])

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        if memory["end"] is not None:
            return Turn(memory, pause={})
        end, message = State.SUCCESS, None
        outputs: dict[str, Any] = {}
        if why.name == "timeout":
            end, message = State.FAILED, "nobody resumed it in time (`timeout`)"
        elif why.name == "over":
            end = _ENDS[self._behavior(ask)]
            message = "the pause was over before anybody resumed it (`behavior`)" if end is not State.SUCCESS else None
        else:
            outputs = {"onResume": dict(why.given), "resumed": {"by": why.by, "on": iso_instant(ask.now), "to": "RUNNING"}}
        if memory["open"]:
            return Turn({**memory, "end": end.value, "message": message}, pause={}, outputs=outputs)
        return replace(self._leave(node, end, message), outputs=outputs)

    def _behavior(self, ask: Ask) -> str:
        behavior = ask.text(self.behavior).strip().upper()
        if behavior not in _ENDS:
            raise RenderFailed(f"`behavior` is `{behavior[:80]}`; it must be one of {', '.join(_ENDS)}")
        return behavior

    def _leave(self, node: Node, end: str, message: str | None) -> Turn:
        """What follows the pause: its own tasks, in the old form; or what follows its end."""
        state = State(end)
        if state in (State.SUCCESS, State.WARNING) and node.branches.get("tasks"):
            return replace(order.begin(node, state=state), message=message)
        return replace(order.leave(node, state), message=message)
