"""Waits. A sleeping task is a timer row: it holds no thread and no runner, and outlives a restart of the service."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Dynamic, parse_duration
from service.asks import InlineAsk
from service.engine.state import State
from service.tasks import Done, InlineTask, Wait

#: Dates end with the year 9999; nobody means to wait longer than this.
_LONGEST = timedelta(days=36_500)


class Sleep(InlineTask):
    """Ends well after `duration`."""

    TYPE = "io.kestra.plugin.core.flow.Sleep"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Sleep",)

    duration: Dynamic[Duration] = Field(description="How long, in ISO-8601: PT5S, PT10M.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        written: object = self.duration
        text = written if isinstance(written, timedelta) else ask.text(written).strip()
        try:
            length = parse_duration(text)
        except PydanticCustomError as wrong:
            return Done(state=State.FAILED, message=f"`duration` is `{text}`: {wrong}")
        if length > _LONGEST:
            return Done(state=State.FAILED, message=f"`duration` is `{text}`: the longest sleep is {_LONGEST.days} days")
        return Wait(max(length, timedelta()))
