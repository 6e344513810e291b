"""Fails on purpose."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import InlineAsk
from service.engine.state import State
from service.expressions import truthy
from service.tasks import Done, InlineTask, Wait


class Fail(InlineTask):
    """Ends FAILED with `errorMessage`; with a `condition`, only when that holds."""

    TYPE = "io.kestra.plugin.core.execution.Fail"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Fail",)
    LOGGED = frozenset({"errorMessage"})

    condition: Text | None = Field(None, description="Fails only when this renders to something true; absent: always.")
    error_message: Text = Field("Task failure", description="What the log says.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        if self.condition is not None and not truthy(ask.text(self.condition)):
            return Done()
        return Done(state=State.FAILED, message=ask.text(self.error_message))
