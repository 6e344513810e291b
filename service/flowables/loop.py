"""The same tasks for each of a list of values, each in an execution of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from runners.fields import STORED_FILES, Dynamic, Natural, Text, wrong
from service.engine import order
from service.engine.events import ChildMoved
from service.engine.program import Ask, Call, Ended, Memory, Node, RenderFailed, Turn
from service.engine.state import State, worst
from service.expressions import truthy
from service.flowables import Declared, FlowableTask, Joined, flag_of, items_of, limit_of

_AT_ONCE = 20  #: iterations that begin in one step; the next ones follow when these are stored
_FILE = "iterations/{}.ion"
_REMEMBERED = 1_000  #: failed iterations that a restart does again


def _stored(text: str) -> str:
    if not text.startswith(STORED_FILES):
        raise wrong("stored_file", "not the URI of a stored file")
    return text


StoredFile = Annotated[str, AfterValidator(_stored), WithJsonSchema({"type": "string", "pattern": f"^(?:{'|'.join(STORED_FILES)})"})]


class Loop(FlowableTask):
    """Runs its tasks for each value: `item.value`, `item.index`, for maps `item.key`. Iterations are executions of their own below this one."""

    TYPE = "io.kestra.plugin.core.flow.Loop"
    CALLS: ClassVar[bool] = True
    DECLARES: ClassVar[Mapping[str, Declared]] = {"outputs": "outputs"}
    JOINED = Joined("chain", "dynamic", "each value")
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "iterationCount": "How many values there are.",
        "runningIterations": "How many iterations run now.",
        "terminatedIterations": "How many have ended.",
        "outputs": "Where the loop declares outputs, one entry for each iteration: `item` (`value`, `iteration`, `key`) and `outputs`.",
    }

    values: Dynamic[list[Any] | dict[str, Any] | StoredFile] = Field(
        description="A list, a map, JSON text, or the URI of a stored file, one iteration per record."
    )
    concurrency_limit: Dynamic[Natural] = Field(0, description="How many iterations at once; 0: all.")
    transmit_failed: Dynamic[bool] = Field(True, description="A failed iteration ends the loop and fails it.")
    outputs: list[Any] | None = Field(None, description="What each iteration leaves, in `outputs.<id>.outputs`.")
    fetch_type: Dynamic[Literal["AUTO", "FETCH", "STORE"]] = Field("AUTO", description="Outputs as values, or in a stored file.")
    break_when: Text | None = Field(None, description="No further iteration begins once this holds.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        items, stored = items_of("values", self.values, ask) if node.branches["tasks"] else ([], False)
        limit = limit_of("concurrencyLimit", self.concurrency_limit, ask)
        transmits = flag_of("transmitFailed", self.transmit_failed, ask)
        memory = {"next": 0, "open": 0, "over": 0, "paused": [], "failed": [], "stopped": False, "limit": limit, "transmits": transmits, "state": "SUCCESS"}
        memory["stores"] = self._stores(ask, stored=stored)
        return self._onward(node, memory, items, keep=items)

    def called(self, node: Node, memory: Memory, child: ChildMoved, ask: Ask) -> Turn:
        items, paused = ask.kept(), [number for number in memory["paused"] if number != child.number]
        memory = {**memory, "paused": [*paused, child.number] if child.state is State.PAUSED else paused}
        if not child.state.terminal:
            return self._onward(node, memory, items)
        memory |= {"open": memory["open"] - 1, "over": memory["over"] + 1}
        if memory["stores"] and child.outputs:
            ask.store(_FILE.format(child.number), [dict(child.outputs)])
        if memory["transmits"]:
            memory["state"] = worst(State(memory["state"]), child.state).value
            memory["stopped"] = memory["stopped"] or child.state in order.STOPS
        if child.state in order.STOPS:
            memory["failed"] = [*memory["failed"], child.number][:_REMEMBERED]
        memory["stopped"] = memory["stopped"] or self._breaks(items, child, ask)
        return self._onward(node, memory, items, ask=ask)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        turn = order.follow(node, memory["handling"], child)
        return replace(turn, memory={**memory, "handling": turn.memory})

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Those that have failed are done again, and then those that were never begun."""
        items, again = ask.kept(), memory["failed"]
        calls = tuple(Call(number, None, _item(items, number)) for number in again)
        memory = {**memory, "failed": [], "stopped": False, "state": "SUCCESS", "open": len(again), "over": memory["over"] - len(again), "paused": []}
        turn = self._onward(node, {**memory, "handling": None}, items)
        return replace(turn, call=(*calls, *turn.call))

    def _stores(self, ask: Ask, *, stored: bool) -> bool:
        """Whether what iterations leave becomes files: AUTO is as the values are. Raises RenderFailed."""
        kind = ask.text(self.fetch_type).strip().upper()
        if kind not in ("AUTO", "FETCH", "STORE"):
            raise RenderFailed(f"`fetchType` is `{kind[:80]}`; it must be AUTO, FETCH or STORE")
        return kind == "STORE" or (kind == "AUTO" and stored)

    def _breaks(self, items: list[Any], child: ChildMoved, ask: Ask) -> bool:
        if self.break_when is None:
            return False
        iteration = {"executionId": child.execution, "state": child.state.value, "outputs": dict(child.outputs)}
        return truthy(ask.with_values(item=_item(items, child.number), iteration=iteration).text(self.break_when))

    def _onward(self, node: Node, memory: Memory, items: list[Any], *, keep: Any = None, ask: Ask | None = None) -> Turn:
        """The next iterations, or what follows the last one. A few at a time: the next ones begin when these are stored."""
        begun, open, limit = memory["next"], memory["open"], memory["limit"] or len(items)
        room = 0 if memory["stopped"] else min(limit - open, len(items) - begun, _AT_ONCE)
        calls = tuple(Call(number, None, _item(items, number)) for number in range(begun, begun + max(0, room)))
        memory = {**memory, "next": begun + len(calls), "open": open + len(calls)}
        outputs = {"iterationCount": len(items), "runningIterations": memory["open"], "terminatedIterations": memory["over"]}
        if memory["open"]:
            waits = len(memory["paused"]) == memory["open"]
            return Turn(memory, call=calls, outputs=outputs, keep=keep, pause={} if waits else None)
        return self._leave(node, memory, outputs | self._gathered(memory, items, ask), keep)

    def _leave(self, node: Node, memory: Memory, outputs: Mapping[str, Any], keep: Any) -> Turn:
        state = State(memory["state"])
        turn = order.leave(node, state)
        message = None if state in (State.SUCCESS, State.WARNING) else f"{len(memory['failed'])} of {memory['over']} iterations did not end well"
        return replace(turn, memory={**memory, "handling": turn.memory}, outputs=outputs, keep=keep, message=message)

    def _gathered(self, memory: Memory, items: list[Any], ask: Ask | None) -> dict[str, Any]:
        """What the iterations have left, in their order."""
        if not self.outputs or ask is None:
            return {}
        found = ask.outputs_of_children(fetch=not memory["stores"])
        if memory["stores"]:
            found = {number: {"uri": ask.uri(_FILE.format(number))} for number in found}
        return {"outputs": [{"item": _shown(items, number), "outputs": found[number]} for number in sorted(found)]}


def _item(items: list[Any], number: int) -> dict[str, Any]:
    """`item`, as an iteration's expressions see it."""
    return {**items[number], "index": number}


def _shown(items: list[Any], number: int) -> dict[str, Any]:
    """`item` in the outputs of the loop."""
    return {**items[number], "iteration": number}
