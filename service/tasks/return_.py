"""Gives a rendered text back as its output: for looking at expressions, and for handing values on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import InlineAsk
from service.tasks import Done, InlineTask, Wait


class Return(InlineTask):
    """Renders `format` once; the text is `outputs.<task>.value`, and is logged at DEBUG."""

    TYPE = "io.kestra.plugin.core.debug.Return"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.debugs.Return",)
    LOGGED = frozenset({"format"})
    OUTPUTS: ClassVar[Mapping[str, str]] = {"value": "The rendered text."}

    format: Text | None = Field(None, description="The text to render.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        if self.format is None:
            return Done({"value": None})
        value = ask.text(self.format)
        ask.log("DEBUG", value)
        return Done({"value": value})
