"""Lets a paused execution go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask, as_json, optional_text
from service.tasks import Resume as GoesOn


class Resume(ServerTask):
    """Resumes an execution that pauses, with the inputs that its pause asks for. It fails where that execution waits for nobody."""

    TYPE = "io.kestra.plugin.core.execution.Resume"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Resume", "io.kestra.plugin.kestra.executions.Resume")

    execution_id: Text | None = Field(None, description="The execution; this one when absent.")
    namespace: Text | None = Field(None, description="The namespace that it has to be of.")
    flow_id: Text | None = Field(None, description="The flow that it has to be of.")
    inputs: dict[str, Any] | None = Field(None, description="What the pause asks for.")

    def run(self, ask: ServerAsk) -> Done:
        id = optional_text(ask, self.execution_id) if self.execution_id is not None else ask.execution
        if id is None:
            raise TaskFailed("`executionId` renders to nothing")
        given: Mapping[str, Any] = as_json(ask.typed(self.inputs or {}))
        return Done(effect=GoesOn(id, given, optional_text(ask, self.namespace), optional_text(ask, self.flow_id)))
