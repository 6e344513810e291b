"""Hands values on: maps, lists, numbers and all, where `Return` has one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from service.asks import InlineAsk
from service.tasks import Done, InlineTask, Wait, as_json


class OutputValues(InlineTask):
    """Renders `values`, keeping types: what is one expression is that expression's value. They are `outputs.<task>.values`."""

    TYPE = "io.kestra.plugin.core.output.OutputValues"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"values": "The rendered values, by name."}

    values: dict[str, Any] = Field(default_factory=dict, description="Values of any nesting, by name; the texts in them are rendered.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        return Done({"values": as_json(ask.typed(self.values))})
