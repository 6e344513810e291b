"""Takes away stored files of old executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed, Wanted
from service.tasks import Done, ServerTask, flag, moment, optional_text


class PurgeStorage(ServerTask):
    """Takes away the stored files of executions that have ended, where the newest of them is older than `endDate`; the executions themselves stay. What belongs
    to another repository stays, too. A dry run, which it is unless `dryRun` is false, only counts."""

    TYPE = "io.kestra.plugin.core.storage.PurgeStorage"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "scannedCount": "Executions that were looked at.",
        "purgedCount": "Those of them whose files go.",
        "deletedFilesCount": "Files that are gone; none in a dry run.",
    }

    namespace: Text | None = Field(None, description="Those of this namespace; without a `flowId`, and of the namespaces below it. All when absent.")
    flow_id: Text | None = Field(None, description="Those of this flow of the namespace.")
    start_date: Text | None = Field(None, description="Where the newest file was stored at this time or later.")
    end_date: Text = Field(description="Where the newest file was stored before this time.")
    dry_run: Dynamic[bool] = Field(True, description="Whether it is only counted.")

    def run(self, ask: ServerAsk) -> Done:
        namespace, flow = optional_text(ask, self.namespace), optional_text(ask, self.flow_id)
        if flow is not None and namespace is None:
            raise TaskFailed("`flowId` needs the `namespace` that the flow is of")
        until = moment(ask, "endDate", self.end_date)
        if until is None:
            raise TaskFailed("`endDate` renders to nothing")
        wanted = Wanted(namespace, flow, flow is None, (), moment(ask, "startDate", self.start_date), until)
        scanned, purged, deleted = ask.records.purge_files(wanted, dry=flag(ask, "dryRun", self.dry_run))
        return Done({"scannedCount": scanned, "purgedCount": purged, "deletedFilesCount": deleted})
