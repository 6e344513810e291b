"""A task type with all sorts of limits."""

from __future__ import annotations

from pydantic import Field

from runners.fields import Duration, Model
from service.tasks import InlineTask


class Part(Model):
    """A map within a task."""

    wait: Duration
    known: str | None = None


class Limited(InlineTask):
    """Takes little."""

    TYPE = "test.Limited"

    count: int = Field(gt=0)
    rate: float = Field(le=1.0)
    name: str = Field(min_length=1)
    many: list[int] = Field(max_length=2)
    nested: Part
    list: tuple[Part, ...]
