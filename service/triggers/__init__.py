"""What starts executions. One file per trigger type: a class with its properties as fields and one pure question.

*Schedulable* triggers say when they are due next; *Git* triggers say whether a moved ref is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import LabelMap, Typed


@dataclass(frozen=True, slots=True)
class Head:
    """A ref that moved, as the sync read it from Git. `ref` is the full name; `paths` are the files that differ, None when all count (a tag)."""

    ref: str
    sha: str
    before: str | None
    message: str
    author: str
    paths: tuple[str, ...] | None


class TriggerType(Typed):
    """Properties that all triggers share. `id`, `type`, `disabled` and `description` are taken out before."""

    inputs: dict[str, Any] | None = Field(None, description="What its executions are given; may be expressions.")
    labels: LabelMap | None = Field(None, description="Labels of its executions.")

    KIND: ClassVar[str]
    #: Whether who fires it says what the inputs are: the flow need not.
    CALLED: ClassVar[bool] = False
    #: What of its OUTPUTS somebody outside has written. Without OUTPUTS `trigger.*` may hold anything.
    OUTSIDE: ClassVar[frozenset[str]] = frozenset()


class Schedulable(TriggerType):
    """Fires by the clock."""

    KIND: ClassVar[str] = "schedule"

    def next_after(self, moment: datetime) -> datetime | None:
        """The first planned instant after `moment` (both aware, UTC out); None when there is none any more."""
        raise NotImplementedError

    def variables(self, planned: datetime) -> Mapping[str, Any]:
        """What `trigger.*` holds for the execution of this instant."""
        raise NotImplementedError


class GitTrigger(TriggerType):
    """Fires when a ref moves."""

    KIND: ClassVar[str] = "git"

    def matches(self, head: Head) -> bool:
        """Whether this push is one to run for. Skip marks in the message are not its business."""
        raise NotImplementedError
