"""Writes to the execution's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Spelling, Text
from service.asks import InlineAsk
from service.engine.state import State
from service.tasks import Done, InlineTask, Wait

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


class Log(InlineTask):
    """Logs a message, or one entry for each of a list of messages."""

    TYPE = "io.kestra.plugin.core.log.Log"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Log",)
    SPELLINGS: ClassVar[Mapping[str, Spelling]] = {
        name: Spelling(renamed={"format": "message"}) for name in ("io.kestra.plugin.core.debug.Echo", "io.kestra.core.tasks.debugs.Echo")
    }
    LOGGED = frozenset({"message"})

    message: Text | list[Text] = Field(description="The text, or a list of texts, one entry each.")
    level: Dynamic[Level] = Field("INFO", description="How much it matters.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        level = ask.text(self.level).strip().upper()
        if level not in _LEVELS:
            return Done(state=State.FAILED, message=f"`level` is `{level}`; it must be one of {', '.join(_LEVELS)}")
        for message in self.message if isinstance(self.message, list) else [self.message]:
            ask.log(level, ask.text(message))
        return Done()
