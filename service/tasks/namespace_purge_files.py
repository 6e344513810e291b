"""Old versions of the files of namespaces, which are Git's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Model, Positive, Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask, flag, matching, moment, optional_text, texts


class Behavior(Model):
    """Which versions would go."""

    type: Literal["version", "io.kestra.plugin.core.namespace.Version"] = Field("version", description="Versions.")
    before: Text | None = Field(None, description="Those written before this time.")
    keep_amount: Dynamic[Positive] | None = Field(None, description="So many of the newest stay.")


class PurgeFiles(ServerTask):
    """Would take away old versions of the files of namespaces. Here each of them is a commit, and history stays as it was written, so there is nothing to take
    away: the task checks what it is asked for and says so."""

    TYPE = "io.kestra.plugin.core.namespace.PurgeFiles"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTPUTS: ClassVar[Mapping[str, str]] = {"size": "How many versions are gone: 0."}

    namespaces: Dynamic[list[Text]] | None = Field(None, description="Namespaces.")
    namespace_pattern: Text | None = Field(None, description="Namespaces that this glob matches.")
    file_pattern: Text | None = Field(None, description="Only files that this glob matches.")
    behavior: Behavior = Field(default_factory=Behavior, description="Which versions.")
    include_child_namespaces: Dynamic[bool] = Field(True, description="The namespaces below those, too.")

    def run(self, ask: ServerAsk) -> Done:
        texts(ask, "namespaces", self.namespaces)
        flag(ask, "includeChildNamespaces", self.include_child_namespaces)
        matching("filePattern", [optional_text(ask, self.file_pattern) or "**"])
        moment(ask, "behavior.before", self.behavior.before)
        ask.log("INFO", "versions of files are commits, and no commit is ever taken away: nothing is purged")
        return Done({"size": 0})
