"""A subflow for each part of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, LabelMap, Model, Positive, Text
from runners.times import Instant
from service.flowables import HANDLERS, FlowableTask, Joined, Shape


class Batch(Model):
    """How a file is parted: by rows, by size or into a number of parts."""

    rows: Dynamic[Positive] | None = Field(None, description="Rows of each part; 1 when nothing else is said.")
    bytes: Dynamic[Text] | None = Field(None, description="Size of each part, such as `10MB`.")
    partitions: Dynamic[Positive] | None = Field(None, description="How many parts.")
    separator: Text = Field("\n", description="What ends a row.")
    regex_pattern: Text | None = Field(None, description="Rows are parted by the value of its first group.")


class ForEachItem(FlowableTask):
    """Parts a file, and starts a subflow with each part: `taskrun.items` is its URI, `taskrun.iteration` its number."""

    TYPE = "io.kestra.plugin.core.flow.ForEachItem"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.ForEachItem",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = HANDLERS
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    JOINED = Joined(step="dynamic")
    RUN = False

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
