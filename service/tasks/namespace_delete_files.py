"""Takes files of a namespace away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk
from service.tasks import Done, ServerTask, flag, matching, texts


class DeleteFiles(ServerTask):
    """Takes files of a namespace away: one commit on the live branch, whose author names the execution; it starts nothing. Flows are none of these files."""

    TYPE = "io.kestra.plugin.core.namespace.DeleteFiles"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTPUTS: ClassVar[Mapping[str, str]] = {"files": "The files that are gone: path → URI of what they were."}

    namespace: Text = Field(description="The namespace; it must be of the flow's repository, or of none.")
    files: Dynamic[list[Text]] | Text = Field(description="Globs of the files, or one.")
    delete_parent_folder: Dynamic[bool] = Field(False, description="Whether folders go that become empty. Git keeps no empty folder: they go in any case.")

    def run(self, ask: ServerAsk) -> Done:
        flag(ask, "deleteParentFolder", self.delete_parent_folder)
        meant = matching("files", texts(ask, "files", self.files))
        gone = ask.tree(ask.text(self.namespace).strip()).delete(meant)
        if not gone:
            ask.log("WARN", "files: nothing matches")
        return Done({"files": dict(gone)})
