"""One task after another, and a failure among them only warns."""

from __future__ import annotations

from typing import ClassVar

from service.flowables import FlowableTask


class AllowFailure(FlowableTask):
    """Runs its tasks in order; the first failure ends the group as WARNING, and the flow goes on."""

    TYPE = "io.kestra.plugin.core.flow.AllowFailure"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.AllowFailure",)
    RUN = False
