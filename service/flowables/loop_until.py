"""The same tasks again until something holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Interval, Length, Model, Positive, Text
from service.flowables import FlowableTask, Joined


class CheckFrequency(Model):
    """How often, and how long."""

    interval: Dynamic[Length] = Field(timedelta(minutes=1), description="The pause between two passes.")
    max_iterations: Dynamic[Positive] | None = Field(None, description="How many passes at most.")
    max_duration: Dynamic[Interval] | None = Field(None, description="How long at most.")


class LoopUntil(FlowableTask):
    """Runs its tasks, then its condition; and again, until it holds. `outputs.<id>.iterationCount` is the number of the pass."""

    TYPE = "io.kestra.plugin.core.flow.LoopUntil"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.core.flow.WaitFor", "io.kestra.core.tasks.flows.WaitFor")
    JOINED = Joined("chain", "dynamic", back="again")
    OUTPUTS: ClassVar[Mapping[str, str]] = {"iterationCount": "The number of the pass."}
    RUN = False

    condition: Text = Field(description="Rendered after each pass; `false`, `0` and nothing do not hold.")
    check_frequency: CheckFrequency = Field(CheckFrequency(), description="How often it is tried, and how long.")
    fail_on_max_reached: Dynamic[bool] = Field(False, description="Fails when the limit is reached; otherwise it succeeds.")
