"""Takes keys out of the KV store, many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Model, Positive, Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask, flag, optional_text, texts


class Behavior(Model):
    """What goes: keys, or old versions of their values."""

    type: Literal["key", "version"] = Field("key", description="Keys, or versions.")
    expired_only: Dynamic[bool] = Field(True, description="Of keys: only those whose time is over.")
    before: Text | None = Field(None, description="Of versions: those written before this time.")
    keep_amount: Dynamic[Positive] | None = Field(None, description="Of versions: so many of the newest stay.")


class PurgeKV(ServerTask):
    """Takes away the keys of `namespaces` whose time is over, or all of them with `expiredOnly: false`. Of each key only the newest version is kept anyway, so
    a `behavior` of the type `version` finds nothing to do."""

    TYPE = "io.kestra.plugin.core.kv.PurgeKV"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"size": "How many keys are gone."}

    namespaces: Dynamic[list[Text]] | None = Field(None, description="Namespaces, or globs such as `company.*`; all that may be written when absent.")
    key_pattern: Text | None = Field(None, description="Only keys that this glob matches.")
    behavior: Behavior = Field(default_factory=Behavior, description="What goes.")
    include_child_namespaces: Dynamic[bool] = Field(True, description="The namespaces below those, too.")

    def run(self, ask: ServerAsk) -> Done:
        if self.behavior.type == "version":
            return Done({"size": 0})
        namespaces = None if self.namespaces is None else texts(ask, "namespaces", self.namespaces)
        below = flag(ask, "includeChildNamespaces", self.include_child_namespaces)
        expired = flag(ask, "behavior.expiredOnly", self.behavior.expired_only)
        pattern = optional_text(ask, self.key_pattern)
        return Done({"size": ask.records.purge_keys(namespaces, pattern, below=below, expired_only=expired)})
