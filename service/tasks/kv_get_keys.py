"""Lists keys of the KV store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import InlineAsk
from service.tasks import Done, InlineTask, Wait


class GetKeys(InlineTask):
    """The keys of a namespace, by name, are `outputs.<task>.keys`; those of the namespaces above it are not among them."""

    TYPE = "io.kestra.plugin.core.kv.GetKeys"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"keys": "The list of keys."}

    prefix: Text | None = Field(None, description="Only those that begin so.")
    namespace: Text = Field("{{ flow.namespace }}", description="Where: any namespace that belongs to no other repository.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        prefix = "" if self.prefix is None else ask.text(self.prefix)
        return Done({"keys": [key for key in ask.keys.names(ask.text(self.namespace)) if key.startswith(prefix)]})
