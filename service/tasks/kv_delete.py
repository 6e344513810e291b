"""Takes a key out of the KV store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, KvDelete, Wait, flag


class Delete(InlineTask):
    """Deletes `key` of exactly this namespace; `outputs.<task>.deleted` says whether there was one."""

    TYPE = "io.kestra.plugin.core.kv.Delete"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"deleted": "Whether there was such a key."}

    key: Text = Field(description="The key.")
    namespace: Text = Field(
        "{{ flow.namespace }}", description="Where: the flow's own namespace, another one of its repository, or one that belongs to nobody."
    )
    error_on_missing: Dynamic[bool] = Field(False, description="Fails when there is no such key.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        key, namespace = ask.text(self.key), ask.text(self.namespace)
        needed = flag(ask, "errorOnMissing", self.error_on_missing)
        try:
            ask.keys.get(key, namespace)
        except KeyError:
            if needed:
                raise TaskFailed(f"there is no key `{key}` in the namespace `{namespace}`, and `errorOnMissing` is true") from None
            return Done({"deleted": False})
        return Done({"deleted": True}, effect=KvDelete(namespace, key))
