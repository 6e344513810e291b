"""The same tasks for each of a list of values, each in an execution of its own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from runners.fields import Dynamic, Model, Natural, Text
from service.flowables import Drawn, FlowableTask


class LoopOutput(Model):
    """One output of each iteration."""

    id: Text = Field(description="How it is named.")
    type: Text = Field("STRING", description="The type of its value.")
    value: Any = Field(description="An expression over the iteration's outputs.")
    display_name: Text | None = None
    description: Text | None = None
    required: bool = True


class Loop(FlowableTask):
    """Runs its tasks for each value: `item.value`, `item.index`, for maps `item.key`. Iterations are executions of their own below this one."""

    TYPE = "io.kestra.plugin.core.flow.Loop"
    DRAWN = Drawn("chain", "dynamic", "each value")
    RUN = False

    values: Dynamic[list[Any] | dict[str, Any]] | Text = Field(description="A list, a map, JSON text, or the URI of a stored file, one iteration per record.")
    concurrency_limit: Dynamic[Natural] = Field(0, description="How many iterations at once; 0: all.")
    transmit_failed: Dynamic[bool] = Field(True, description="A failed iteration ends the loop and fails it.")
    outputs: list[LoopOutput] | None = Field(None, description="What each iteration leaves, in `outputs.<id>.outputs`.")
    fetch_type: Dynamic[Literal["AUTO", "FETCH", "STORE"]] = Field("AUTO", description="Outputs as values, or in a stored file.")
    break_when: Text | None = Field(None, description="No further iteration begins once this holds.")
