"""Gives the execution labels while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, LabelMap, read_labels
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, NewLabels, Wait

_SYSTEM = "system."


class Labels(InlineTask):
    """Adds `labels` to those of the execution; one that it has already gets the new value. Keys that begin with `system.` are the service's own."""

    TYPE = "io.kestra.plugin.core.execution.Labels"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Labels",)

    labels: Dynamic[LabelMap] = Field(description="A map, a list of `{key, value}`, or text that renders to either in JSON.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        labels = {key: _text(ask, key, value) for key, value in _read(ask.typed(self.labels)).items()}
        if not labels:
            raise TaskFailed("`labels` holds no label")
        for key, value in labels.items():
            if key.startswith(_SYSTEM):
                raise TaskFailed(f"the label `{key}` can't be given: keys that begin with `{_SYSTEM}` are the service's own")
            if not key.strip() or not value.strip():
                raise TaskFailed(f"the label `{key}` has no value" if key.strip() else "a label has no key")
        return Done(effect=NewLabels({**ask.labels, **labels}))


def _read(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise TaskFailed("`labels` is text, and no JSON") from None
    try:
        found = read_labels(value)
    except PydanticCustomError as wrong:
        raise TaskFailed(f"`labels`: {wrong}") from None
    if not isinstance(found, Mapping):
        raise TaskFailed("`labels` must be a map, or a list of `key` and `value`")
    return found


def _text(ask: InlineAsk, key: str, value: Any) -> str:
    """A label's value; what was rendered already is no template again."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float | Decimal):
        raise TaskFailed(f"the label `{key}` has no value" if value is None else f"the value of the label `{key}` must be text, a number or a boolean")
    return ask.text(value)
