"""Task types that the service runs itself.

*Inline* tasks touch rows only and run inside the executor's transaction: their effect happens exactly once. Each is one file here:
a class with its properties as fields and `run`, which returns what came of it. No I/O, no clock: what a task may use is in `Ask`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from runners.fields import Typed
from service.engine.state import State


class InlineAsk(Protocol):
    """What an inline task may use."""

    @property
    def now(self) -> datetime:
        """The time of this step."""

    def text(self, template: Any) -> str:
        """Renders to text; raises RenderFailed, which fails the task."""

    def typed(self, value: Any) -> Any:
        """Renders any nesting, keeping types; raises RenderFailed."""

    def log(self, level: str, message: str) -> None:
        """One entry in the task run's log."""


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.SUCCESS
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The task ends well after this time; a timer row keeps it, and nothing else."""

    duration: timedelta


class InlineTask(Typed):
    """Base of inline tasks."""

    RUNS: ClassVar[str] = "inline"

    def run(self, ask: InlineAsk) -> Done | Wait:
        """Decides the outcome."""
        raise NotImplementedError
