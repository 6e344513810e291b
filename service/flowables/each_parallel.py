"""The same tasks for each of a list of values, in no order at all."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.flowables import FlowableTask, Joined


class EachParallel(FlowableTask):
    """Runs all tasks of all values side by side. ForEach keeps the tasks of one value in order, which is nearly always what is meant."""

    TYPE = "io.kestra.plugin.core.flow.EachParallel"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachParallel",)
    JOINED = Joined("fork", "dynamic", "each value")
    RUN = False

    value: Dynamic[list[Any]] = Field(description="A list, JSON text that holds one, or an expression that renders to one.")
    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all.")
