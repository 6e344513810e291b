"""Reads a value of the KV store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, Wait, as_json, flag


class Get(InlineTask):
    """The value of `key` is `outputs.<task>.value`, null where there is none. In the flow's own namespace it is looked for in those above it, too."""

    TYPE = "io.kestra.plugin.core.kv.Get"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"value": "The value; dates and durations as text."}

    key: Text = Field(description="The key.")
    namespace: Text = Field("{{ flow.namespace }}", description="Where: any namespace that belongs to no other repository.")
    error_on_missing: Dynamic[bool] = Field(False, description="Fails when there is no such key, or it has ended.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        key, namespace = ask.text(self.key), ask.text(self.namespace)
        needed = flag(ask, "errorOnMissing", self.error_on_missing)
        try:
            value = ask.keys.get(key, None if namespace == ask.namespace else namespace)
        except KeyError:
            if needed:
                raise TaskFailed(f"there is no key `{key}` in the namespace `{namespace}`, and `errorOnMissing` is true") from None
            value = None
        return Done({"value": as_json(value)})
