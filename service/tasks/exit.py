"""Ends the execution from within."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from runners.fields import Dynamic
from service.asks import InlineAsk, TaskFailed
from service.engine.state import State
from service.tasks import Done, InlineTask, Leave, Wait

Ending = Literal["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELLED", "CANCELED"]
_STATES = ("SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELLED")


class Exit(InlineTask):
    """Ends the whole execution in `state`: this task and the groups around it take that state, nothing more is started (`errors` and `finally` neither), and
    what still runs is stopped. KILLED does what a person does who stops the execution."""

    TYPE = "io.kestra.plugin.core.execution.Exit"

    state: Dynamic[Ending] = Field("SUCCESS", description="How it ends.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        written = ask.text(self.state).strip().upper()
        state = "CANCELLED" if written == "CANCELED" else written
        if state not in _STATES:
            raise TaskFailed(f"`state` is `{written[:100]}`; it must be one of {', '.join(_STATES)}")
        return Done(effect=Leave(State(state)))
