"""Takes variables away from an execution while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, NewVariables, Wait, flag


class UnsetVariables(InlineTask):
    """Takes each of `variables` away; `a.b` is what is named `b` in the map `a`."""

    TYPE = "io.kestra.plugin.core.execution.UnsetVariables"

    variables: Dynamic[list[Text]] = Field(description="The names, with dots for what is in maps.")
    ignore_missing: Dynamic[bool] = Field(False, description="Passes over what is not there; otherwise the task fails then.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        names, lenient = ask.typed(self.variables), flag(ask, "ignoreMissing", self.ignore_missing)
        if not isinstance(names, list):
            raise TaskFailed("`variables` must be a list")
        left = ask.variables
        for name in names:
            try:
                left = _without(left, str(name).split("."))
            except KeyError:
                if not lenient:
                    raise TaskFailed(f"there is no variable `{name}`, and `ignoreMissing` is false") from None
        return Done(effect=NewVariables(left))


def _without(values: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    """The map without what stands at a path. Raises KeyError where nothing does."""
    name, *below = path
    held = values[name]
    if not below:
        return {key: value for key, value in values.items() if key != name}
    if not isinstance(held, Mapping):
        raise KeyError(name)
    return {**values, name: _without(held, below)}
