"""Tasks in the order that their dependencies give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural
from service.flowables import HANDLERS, FlowableTask, Joined, Shape


class Dag(FlowableTask):
    """Runs each of its tasks once those that it depends on have ended, and otherwise side by side."""

    TYPE = "io.kestra.plugin.core.flow.Dag"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Dag",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"tasks": "graph", **HANDLERS}
    JOINED = Joined("graph", "parallel")
    RUN = False

    concurrent: Dynamic[Natural] = Field(0, description="How many run at once; 0: all that can.")
