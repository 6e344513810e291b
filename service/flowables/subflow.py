"""Another flow as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, LabelMap, Positive, Text
from runners.times import Instant
from service.engine.events import ChildMoved
from service.engine.program import Ask, Call, Ended, Memory, Node, RenderFailed, Turn
from service.engine.state import State
from service.flowables import TRANSMITTED, FlowableTask, Shape, flag_of, target_of


class Subflow(FlowableTask):
    """Starts an execution of another flow, and waits for its end."""

    TYPE = "io.kestra.plugin.core.flow.Subflow"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Subflow", "io.kestra.core.tasks.flows.Flow", "io.kestra.plugin.core.flow.Flow")
    BRANCHES: ClassVar[Mapping[str, Shape]] = {}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    ELSEWHERE: ClassVar[frozenset[str]] = frozenset({"outputs"})
    LEAF: ClassVar[bool] = True
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "executionId": "The execution that it started.",
        "state": "How that ended.",
        "outputs": "The outputs of the other flow, by id.",
    }

    namespace: Text = Field(description="The flow's namespace.")
    flow_id: Text = Field(description="The flow's id.")
    revision: Dynamic[Positive] | None = Field(None, description="Its revision; the newest when absent.")
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="What it is given.")
    labels: Dynamic[LabelMap] | None = Field(None, description="Labels of its execution.")
    inherit_labels: Dynamic[bool] = Field(False, description="Its execution gets this one's labels too.")
    wait: Dynamic[bool] = Field(True, description="Waits for its end.")
    transmit_failed: Dynamic[bool] = Field(True, description="Fails, or warns, as it does.")
    schedule_date: Dynamic[Instant] | None = Field(None, description="When it starts.")
    restart_behavior: Literal["RETRY_FAILED", "NEW_EXECUTION"] = Field("RETRY_FAILED", description="What a restart does with it when it failed.")
    outputs: Dynamic[dict[str, Any]] | None = Field(None, description="Old: outputs read from the other execution, where its flow has none of its own.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        waits = flag_of("wait", self.wait, ask)
        memory = {"transmit": flag_of("transmitFailed", self.transmit_failed, ask), "waits": waits}
        return Turn(memory, call=(Call(0, target_of(self, ask), waits=waits, again=self.restart_behavior == "RETRY_FAILED"),))

    def called(self, node: Node, memory: Memory, child: ChildMoved, ask: Ask) -> Turn:
        if child.execution is None:
            return Turn(memory, end=State.FAILED, message=child.message)
        shown: dict[str, Any] = {"executionId": child.execution}
        if not child.state.terminal:
            pauses = child.state is State.PAUSED and memory["transmit"]
            return Turn(memory, end=None if memory["waits"] else State.SUCCESS, outputs=shown, pause={} if pauses else None)
        end = child.state if memory["transmit"] and child.state in TRANSMITTED else State.SUCCESS
        shown["state"] = child.state.value
        try:
            given = dict(child.outputs) or (ask.elsewhere(child.execution, self.outputs) if self.outputs else {})
        except RenderFailed as failure:
            return Turn(memory, end=State.FAILED, outputs=shown, message=f"`outputs`, in execution {child.execution}: {failure}")
        shown |= {"outputs": given} if given else {}
        return Turn(memory, end=end, outputs=shown, message=None if end is State.SUCCESS else f"execution {child.execution} ended {child.state}")

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        return Turn(memory)
