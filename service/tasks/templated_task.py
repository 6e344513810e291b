"""A task whose text is rendered first."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.tasks import InlineTask


class TemplatedTask(InlineTask):
    """Renders the YAML of a task, and runs that."""

    TYPE = "io.kestra.plugin.core.templating.TemplatedTask"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.templating.TemplatedTask",)
    RUN = False

    spec: Text = Field(description="The task, as YAML text with expressions.")
