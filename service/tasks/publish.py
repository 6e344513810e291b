"""Publishes numbers: what an execution counted, measured, or how long something took."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, Model, Text, is_template, parse_duration
from runners.protocol import Metric
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, Wait

_TYPES = ("counter", "timer", "gauge")


class Number(Model):
    """One number."""

    type: Dynamic[Literal["counter", "timer", "gauge"]] = Field(description="What it is: something that adds up, a length of time, or a level.")
    name: Text = Field(description="What it is called.")
    value: Any = Field(description="A number; of a timer an ISO-8601 duration, or seconds.")
    description: Text | None = Field(None, description="What it says.")
    tags: Dynamic[dict[str, Text]] | None = Field(None, description="What it is of: names and values.")


class Publish(InlineTask):
    """Publishes `metrics`, which the API lists by execution, and adds up by flow and task."""

    TYPE = "io.kestra.plugin.core.metric.Publish"

    metrics: Dynamic[list[Number]] | None = Field(None, description="The metrics, or an expression that gives a list of them.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        written = ask.typed(self.metrics) if is_template(self.metrics) else [_written(one) for one in self.metrics or ()]
        if not isinstance(written, list):
            raise TaskFailed("`metrics` must be a list")
        # All are read before the first is published: a list with a mistake in it publishes nothing.
        for metric in [_metric(ask, one, number) for number, one in enumerate(written)]:
            ask.metric(metric)
        return Done()


def _written(one: Number) -> dict[str, Any]:
    return {"type": one.type, "name": one.name, "value": one.value, "description": one.description, "tags": one.tags}


def _metric(ask: InlineAsk, one: Any, number: int) -> Metric:
    where = f"`metrics[{number}]`"
    if not isinstance(one, Mapping):
        raise TaskFailed(f"{where} must be a map of `type`, `name` and `value`")
    kind, name = ask.text(one.get("type") or "").strip().lower(), ask.text(one.get("name") or "").strip()
    if kind not in _TYPES:
        raise TaskFailed(f"{where}: `type` is `{kind[:100]}`; it must be one of {', '.join(_TYPES)}")
    if not name:
        raise TaskFailed(f"{where} has no `name`")
    tags = ask.typed(one.get("tags"))
    if not isinstance(tags, Mapping | None):
        raise TaskFailed(f"{where}: `tags` must be a map")
    description = one.get("description")
    value = _value(ask.typed(one.get("value")), kind, f"{where}: `value`")
    return Metric(name, kind, value, {str(key): ask.text(tag) for key, tag in (tags or {}).items()}, None if description is None else ask.text(description))


def _value(value: Any, kind: str, where: str) -> float:
    """A number; of a timer its seconds."""
    if isinstance(value, str) and kind == "timer" and value.strip()[:1] in ("P", "+", "-"):
        try:
            return parse_duration(value.strip()).total_seconds()
        except PydanticCustomError as wrong:
            raise TaskFailed(f"{where} is `{value[:100]}`: {wrong}") from None
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds())
    try:
        found = float(value) if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not isfinite(found):
        raise TaskFailed(f"{where} must be a number" + (", or a duration" if kind == "timer" else ""))
    return found
