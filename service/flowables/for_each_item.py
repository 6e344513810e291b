"""A subflow for each part of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, LabelMap, Model, Positive, Text
from runners.times import Instant
from service.engine import order
from service.engine.events import ChildMoved
from service.engine.program import Ask, Call, Ended, Memory, Node, Turn
from service.engine.state import State, worst
from service.flowables import HANDLERS, TRANSMITTED, FlowableTask, Joined, Shape, flag_of, target_of

_AT_ONCE = 20  #: executions that begin in one step; the next ones follow when these are stored
_REMEMBERED = 1_000  #: failed ones that a restart does again


class Batch(Model):
    """How a file is parted: by rows, by size or into a number of parts."""

    rows: Dynamic[Positive] | None = Field(None, description="Rows of each part; 1 when nothing else is said.")
    bytes: Dynamic[Text] | None = Field(None, description="Size of each part, such as `10MB`.")
    partitions: Dynamic[Positive] | None = Field(None, description="How many parts.")
    separator: Text = Field("\n", description="What ends a row.")
    regex_pattern: Text | None = Field(None, description="Rows are parted by the value of its first group.")


class ForEachItem(FlowableTask):
    """Parts a file, and starts a subflow with each part: `taskrun.items` is its URI, `taskrun.iteration` its number.

    It is three tasks: `<id>_split` (output `splits`, a file with the URIs), `<id>_items` (`numberOfBatches`, and `iterations` by state), and, when all have
    ended well, `<id>_merge` (`subflowOutputs`, a file with the outputs of each).
    """

    TYPE = "io.kestra.plugin.core.flow.ForEachItem"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.ForEachItem",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = HANDLERS
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    JOINED = Joined(step="dynamic")
    EXPANDS: ClassVar[bool] = True

    items: Text = Field(description="The file's URI.")
    batch: Batch = Field(Batch(), description="How it is parted.")
    namespace: Text = Field(description="The subflow's namespace.")
    flow_id: Text = Field(description="The subflow's id.")
    revision: Dynamic[Positive] | None = Field(None, description="Its revision; the newest when absent.")
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="What it is given.")
    labels: Dynamic[LabelMap] | None = Field(None, description="Labels of its executions.")
    inherit_labels: Dynamic[bool] = Field(False, description="Its executions get this one's labels too.")
    wait: Dynamic[bool] = Field(True, description="Waits for their ends.")
    transmit_failed: Dynamic[bool] = Field(True, description="Fails, or warns, as they do.")
    schedule_date: Dynamic[Instant] | None = Field(None, description="When they start.")
    restart_behavior: Literal["RETRY_FAILED", "NEW_EXECUTION"] = Field("RETRY_FAILED", description="What a restart does with those that failed.")

    def parts(self, id: str, place: tuple[int, int], load: Callable[[str], type[Any]]) -> tuple[Node, ...]:
        """The three tasks that it is: one parts the file, one starts the executions and waits, one gathers what they gave. `load` finds a class."""
        split = load("service.tasks.split_items:SplitItems")(items=self.items, **dict(self.batch))
        return (
            Node(f"{id}_split", f"{self.TYPE}$ForEachItemSplit", "pool", split, {"items": self.items}, place=place),
            Node(f"{id}_items", f"{self.TYPE}$ForEachItemExecutable", "flowable", Items(id, self), place=place),
            Node(f"{id}_merge", f"{self.TYPE}$ForEachItemMergeOutputs", "flowable", Merge(id), place=place),
        )

    def begin(self, node: Node, ask: Ask) -> Turn:
        return order.begin(node)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return order.follow(node, memory, child)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return order.resume(node, memory, children)


@dataclass(frozen=True, slots=True)
class Items:
    """An execution for each part, all of them at once."""

    id: str
    task: ForEachItem

    CALLS: ClassVar[bool] = True
    LEAF: ClassVar[bool] = False
    HOLDS: ClassVar[bool] = False

    def begin(self, node: Node, ask: Ask) -> Turn:
        """Begins the first ones."""
        parts = ask.records(str(ask.outputs_beside(f"{self.id}_split").get("splits")))
        memory: dict[str, Any] = {"next": 0, "open": 0, "paused": [], "failed": [], "ends": {}, "state": "SUCCESS"}
        memory |= {"waits": flag_of("wait", self.task.wait, ask), "transmits": flag_of("transmitFailed", self.task.transmit_failed, ask)}
        return self._onward(memory, parts, ask, keep=parts)

    def called(self, node: Node, memory: Memory, child: ChildMoved, ask: Ask) -> Turn:
        """One has been stored, waits, goes on, or has ended."""
        paused = [number for number in memory["paused"] if number != child.number]
        memory = {**memory, "paused": [*paused, child.number] if child.state is State.PAUSED else paused}
        if not child.open:
            failed = child.execution is None or (memory["transmits"] and child.state in TRANSMITTED)
            memory["open"] -= 1
            memory["ends"] = {**memory["ends"], child.state.value: memory["ends"].get(child.state.value, 0) + 1}
            memory["state"] = worst(State(memory["state"]), child.state).value if failed else memory["state"]
            if child.state in order.STOPS:
                memory["failed"] = [*memory["failed"], child.number][:_REMEMBERED]
        return self._onward(memory, ask.kept(), ask)

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Those that have failed are done again."""
        again, ends = memory["failed"], {state: number for state, number in memory["ends"].items() if State(state) not in order.STOPS}
        memory = {**memory, "failed": [], "ends": ends, "state": "SUCCESS", "open": len(again), "paused": []}
        turn = self._onward(memory, ask.kept(), ask)
        return replace(turn, call=(*(self._call(number, ask.kept(), memory, ask) for number in again), *turn.call))

    def _onward(self, memory: Memory, parts: list[Any], ask: Ask, *, keep: Any = None) -> Turn:
        begun = memory["next"]
        calls = tuple(self._call(number, parts, memory, ask) for number in range(begun, min(len(parts), begun + _AT_ONCE)))
        memory = {**memory, "next": begun + len(calls), "open": memory["open"] + len(calls)}
        running = {"RUNNING": memory["open"]} if memory["open"] else {}
        outputs = {"numberOfBatches": len(parts), "iterations": {**memory["ends"], **running}} if parts else {}
        if memory["open"]:
            waits = len(memory["paused"]) == memory["open"]
            return Turn(memory, call=calls, outputs=outputs, keep=keep, pause={} if waits else None)
        end = State(memory["state"])
        message = None if end is State.SUCCESS else f"{len(memory['failed'])} of {len(parts)} executions did not end well"
        return Turn(memory, end=end, outputs=outputs, keep=keep, message=message)

    def _call(self, number: int, parts: list[Any], memory: Memory, ask: Ask) -> Call:
        shown = {**ask.typed("{{ taskrun }}"), "items": parts[number], "iteration": number}
        again = self.task.restart_behavior == "RETRY_FAILED"
        return Call(number, target_of(self.task, ask.with_values(taskrun=shown)), waits=memory["waits"], again=again)


@dataclass(frozen=True, slots=True)
class Merge:
    """What the executions gave, in one file."""

    id: str

    CALLS: ClassVar[bool] = False
    LEAF: ClassVar[bool] = False
    HOLDS: ClassVar[bool] = False

    def begin(self, node: Node, ask: Ask) -> Turn:
        """Writes it."""
        given = ask.outputs_of_children(of=f"{self.id}_items")
        if not given:
            return Turn({}, end=State.SUCCESS)
        ask.store(_MERGED, [given[number] for number in sorted(given)])
        return Turn({}, end=State.SUCCESS, outputs={"subflowOutputs": ask.uri(_MERGED)})

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Writes it again."""
        return self.begin(node, ask)


_MERGED = "subflow-outputs.ion"
