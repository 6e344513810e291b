"""Stores files of a namespace for the tasks that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask, matching, texts


class DownloadFiles(ServerTask):
    """Stores files of a namespace, as they are on the live branch now, for the tasks that follow. Flows are none of them."""

    TYPE = "io.kestra.plugin.core.namespace.DownloadFiles"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTPUTS: ClassVar[Mapping[str, str]] = {"files": "The stored files: path → URI."}

    namespace: Text = Field(description="The namespace; it must be of the flow's repository, or of none.")
    files: Dynamic[list[Text]] | Text = Field(description="Globs of the files, or one.")
    destination: Text | None = Field(None, description="The folder that they are stored in.")

    def run(self, ask: ServerAsk) -> Done:
        meant = matching("files", texts(ask, "files", self.files))
        folder = "" if self.destination is None else ask.text(self.destination).strip().strip("/")
        tree = ask.tree(ask.text(self.namespace).strip())
        stored: dict[str, str] = {}
        for path in sorted(tree.files()):
            if meant(path):
                name = f"{folder}/{path}" if folder else path
                with tree.open(path) as content:
                    stored[name] = ask.files.put(name, content)
        if not stored:
            ask.log("WARN", "files: nothing matches")
        return Done({"files": stored})
