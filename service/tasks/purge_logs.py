"""Takes old log entries away, and leaves the executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed, Wanted
from service.tasks import Done, ServerTask, moment, optional_text, texts

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


class PurgeLogs(ServerTask):
    """Takes away log entries that were made before `endDate`, of all levels or of some. Those of other repositories stay."""

    TYPE = "io.kestra.plugin.core.log.PurgeLogs"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"count": "How many entries are gone."}

    namespace: Text | None = Field(None, description="Those of this namespace; without a `flowId`, and of the namespaces below it. All when absent.")
    flow_id: Text | None = Field(None, description="Those of this flow of the namespace.")
    log_levels: Dynamic[list[Text]] | None = Field(None, description="Those of exactly these levels; all when absent.")
    start_date: Text | None = Field(None, description="Those made at this time or later.")
    end_date: Text = Field(description="Those made before this time.")

    def run(self, ask: ServerAsk) -> Done:
        namespace, flow = optional_text(ask, self.namespace), optional_text(ask, self.flow_id)
        if flow is not None and namespace is None:
            raise TaskFailed("`flowId` needs the `namespace` that the flow is of")
        until = moment(ask, "endDate", self.end_date)
        if until is None:
            raise TaskFailed("`endDate` renders to nothing")
        levels = [text.strip().upper() for text in texts(ask, "logLevels", self.log_levels)]
        for level in levels:
            if level not in _LEVELS:
                raise TaskFailed(f"`logLevels` has `{level[:100]}`; there are {', '.join(_LEVELS)}")
        wanted = Wanted(namespace, flow, flow is None, (), moment(ask, "startDate", self.start_date), until)
        return Done({"count": ask.records.purge_logs(wanted, levels)})
