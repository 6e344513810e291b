"""Waiting for somebody, or for some time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Length, Older
from service.flowables import HANDLERS, Declared, FlowableTask, Joined, Shape, Way


class Pause(FlowableTask):
    """Pauses the execution until it is resumed, or until `pauseDuration` is over."""

    TYPE = "io.kestra.plugin.core.flow.Pause"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Pause",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"onPause": "one", "tasks": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    DECLARES: ClassVar[Mapping[str, Declared]] = {"onResume": "inputs"}
    JOINED = Joined("ways", ways={"onPause": Way("paused", "parallel"), "tasks": Way("resumed", "sequential", passes=True)})
    RUN = False

    pause_duration: Dynamic[Length] | None = Field(None, validation_alias=Older("pauseDuration", "delay"), description="Goes on by itself after this time.")
    behavior: Dynamic[Literal["RESUME", "WARN", "FAIL", "CANCEL"]] = Field("RESUME", description="How it goes on then.")
    on_resume: list[Any] | None = Field(None, description="Inputs that whoever resumes must give.")
