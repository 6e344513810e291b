"""How large a stored file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask


class Size(ServerTask):
    """Tells the size of a file."""

    TYPE = "io.kestra.plugin.core.storage.Size"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Size",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"size": "Its bytes."}

    uri: Text = Field(description="The file: a URI.")

    def run(self, ask: ServerAsk) -> Done:
        return Done({"size": ask.files.size(ask.text(self.uri).strip())})
