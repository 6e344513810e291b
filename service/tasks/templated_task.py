"""A task whose text is rendered first."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import InlineAsk
from service.tasks import Done, InlineTask, Instead, Wait


class TemplatedTask(InlineTask):
    """Renders the YAML of a task, and does that in its place: what comes of it is what came of that. For the few properties that take no expression, the
    `type` among them. It has to be a task that does something itself, no group; of its common properties only `id` and `type` matter, as `timeout`, `retry`
    and the others are those of this task. A mistake in it is found when it is rendered, and fails the task."""

    TYPE = "io.kestra.plugin.core.templating.TemplatedTask"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.templating.TemplatedTask",)
    BECOMES: ClassVar[bool] = True

    spec: Text = Field(description="The task, as YAML text with expressions.")

    def run(self, ask: InlineAsk) -> Done | Wait | Instead:
        return Instead(ask.text(self.spec))
