"""Stores a text as a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask, optional_text


class Write(ServerTask):
    """Stores a text as a file."""

    TYPE = "io.kestra.plugin.core.storage.Write"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "The new file."}

    content: Text = Field(description="The text.")
    extension: Text | None = Field(None, description="The extension of the file: .txt.")

    def run(self, ask: ServerAsk) -> Done:
        extension = optional_text(ask, self.extension) or ""
        return Done({"uri": ask.files.put(f"file{extension}", io.BytesIO(ask.text(self.content).encode("utf-8", "replace")))})
