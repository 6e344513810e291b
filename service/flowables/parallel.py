"""Tasks side by side."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.flowables import FlowableTask, Joined


class Parallel(FlowableTask):
    """Runs its tasks at the same time, at most `concurrent` of them; the first failure ends the group."""

    TYPE = "io.kestra.plugin.core.flow.Parallel"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Parallel",)
    JOINED = Joined("fork", "parallel")
    RUN = False

    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all.")
