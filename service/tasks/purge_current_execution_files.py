"""Takes away what this execution has stored so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from service.asks import ServerAsk
from service.tasks import Done, ServerTask

_SHOWN = 1_000  #: URIs in the outputs: they are no list of files


class PurgeCurrentExecutionFiles(ServerTask):
    """Takes away all files that this execution has stored. What names them then leads nowhere, so it is one of the last tasks."""

    TYPE = "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"
    ALIASES: ClassVar[tuple[str, ...]] = (
        "io.kestra.plugin.core.storage.PurgeExecution",
        "io.kestra.core.tasks.storages.PurgeExecution",
    )
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uris": "The files that are gone; the first thousand of them."}

    def run(self, ask: ServerAsk) -> Done:
        return Done({"uris": list(ask.files.remove()[:_SHOWN])})
