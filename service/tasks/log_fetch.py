"""Makes a file of an execution's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask, optional_text, texts

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


class Fetch(ServerTask):
    """Stores the log of an execution as a file of rows, to be sent on or searched: each has `timestamp`, `level`, `message`, and of which task it is."""

    TYPE = "io.kestra.plugin.core.log.Fetch"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Fetch", "io.kestra.plugin.kestra.logs.Fetch")
    OUTPUTS: ClassVar[Mapping[str, str]] = {"size": "The number of entries.", "uri": "The file, in Ion."}

    execution_id: Text | None = Field(None, description="The execution; this one when absent.")
    namespace: Text | None = Field(None, description="The execution's namespace.")
    flow_id: Text | None = Field(None, description="The execution's flow.")
    tasks_id: Dynamic[list[Text]] | None = Field(None, description="Only entries of these tasks.")
    level: Dynamic[Text] = Field("INFO", description="The lowest level that is taken.")

    def run(self, ask: ServerAsk) -> Done:
        level = ask.text(self.level).strip().upper()
        if level not in _LEVELS:
            raise TaskFailed(f"`level` is `{level[:100]}`; it must be one of {', '.join(_LEVELS)}")
        rows = ask.records.log_of(optional_text(ask, self.execution_id), texts(ask, "tasksId", self.tasks_id), level)
        uri, size = ask.files.write("logs.ion", rows)
        return Done({"size": size, "uri": uri})
