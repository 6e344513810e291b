"""Adds to a map in the KV store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, KvPut, Wait, merged


class Put(InlineTask):
    """Merges the map `value` into the one under `key`, and maps in it into maps in that one; a new key gets `value` itself. Its end, if it
    has one, stays."""

    TYPE = "io.kestra.plugin.core.kv.Put"

    key: Text = Field(description="The key: letters, digits, `.`, `_` and `-`.")
    value: Dynamic[dict[str, Any]] = Field(description="What is added, of any nesting; what is one expression keeps its type.")
    namespace: Text = Field(
        "{{ flow.namespace }}", description="Where: the flow's own namespace, another one of its repository, or one that belongs to nobody."
    )

    def run(self, ask: InlineAsk) -> Done | Wait:
        key, namespace, value = ask.text(self.key), ask.text(self.namespace), ask.typed(self.value)
        if not isinstance(value, Mapping):
            raise TaskFailed("`value` must be a map")
        try:
            held = ask.keys.get(key, namespace)
        except KeyError:
            held = {}
        if not isinstance(held, Mapping):
            raise TaskFailed(f"the key `{key}` of the namespace `{namespace}` holds no map that could be added to")
        return Done(effect=KvPut(namespace, key, merged(held, value), keeps=True))
