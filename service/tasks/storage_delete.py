"""Takes a stored file away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask, flag


class Delete(ServerTask):
    """Takes away a file that this execution has stored, or another one of a namespace that it may write to."""

    TYPE = "io.kestra.plugin.core.storage.Delete"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Delete",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "The file.", "deleted": "Whether there was one."}

    uri: Text = Field(description="The file: a URI.")
    error_on_missing: Dynamic[bool] = Field(False, description="Whether the task fails where there is none.")

    def run(self, ask: ServerAsk) -> Done:
        uri, fails = ask.text(self.uri).strip(), flag(ask, "errorOnMissing", self.error_on_missing)
        deleted = ask.files.delete(uri)
        # Done again after a crash, the task may find nothing where it has deleted the file before.
        if fails and not deleted:
            raise TaskFailed(f"there is no file `{uri[:200]}`")
        return Done({"uri": uri, "deleted": deleted})
