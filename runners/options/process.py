"""Plain processes of the runner's host."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Typed


class Process(Typed):
    """Runs the commands as processes of the runner's host, in a working directory of their own. Needs nothing, isolates nothing."""

    TYPE = "io.kestra.plugin.core.runner.Process"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",)

    version: str | None = Field(None, description="The version of the plugin.")
