"""Another flow as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, LabelMap, Positive, Text
from runners.times import Instant
from service.flowables import FlowableTask, Shape


class Subflow(FlowableTask):
    """Starts an execution of another flow, and waits for its end."""

    TYPE = "io.kestra.plugin.core.flow.Subflow"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Subflow", "io.kestra.core.tasks.flows.Flow", "io.kestra.plugin.core.flow.Flow")
    BRANCHES: ClassVar[Mapping[str, Shape]] = {}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    ELSEWHERE: ClassVar[frozenset[str]] = frozenset({"outputs"})
    RUN = False

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
    outputs: Dynamic[dict[str, Any]] | None = Field(None, description="Old: outputs read from the other execution; it has outputs of its own now.")
