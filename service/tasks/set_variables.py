"""Changes the variables of an execution while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from runners.fields import Dynamic
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, NewVariables, Wait, as_json, flag, merged


class SetVariables(InlineTask):
    """Merges `variables` into those of the execution, and maps in them into maps; `vars` has them from then on. They are values, and not rendered again."""

    TYPE = "io.kestra.plugin.core.execution.SetVariables"

    variables: Dynamic[dict[str, Any]] = Field(description="The values by name; what is one expression keeps its type.")
    overwrite: Dynamic[bool] = Field(True, description="Whether a variable may be there already; otherwise the task fails then.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        values = ask.typed(self.variables)
        if not isinstance(values, Mapping):
            raise TaskFailed("`variables` must be a map")
        there = [] if flag(ask, "overwrite", self.overwrite) else [name for name in values if name in ask.variables]
        if there:
            raise TaskFailed(f"there is a variable `{there[0]}` already, and `overwrite` is false")
        return Done(effect=NewVariables(merged(ask.variables, as_json(values))))
