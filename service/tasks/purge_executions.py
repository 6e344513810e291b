"""Takes away what old executions have left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed, Wanted
from service.engine.state import State
from service.tasks import Done, ServerTask, flag, moment, optional_text, texts

_MOST = 1_000  #: executions in one batch


class PurgeExecutions(ServerTask):
    """Takes away executions that have ended and were created before `endDate`, with their logs, metrics and stored files; or only these. What still runs stays,
    whatever `states` says, and so does what belongs to another repository. Done a batch at a time; one that is cut off goes on where it was."""

    TYPE = "io.kestra.plugin.core.execution.PurgeExecutions"
    ALIASES: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.tasks.storages.Purge",
        "io.kestra.plugin.core.storage.Purge",
        "io.kestra.plugin.core.execution.PurgeExecution",
    )
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "executionsCount": "Executions that are gone.",
        "logsCount": "Log entries that are gone.",
        "metricsCount": "Metrics that are gone.",
        "storagesCount": "Stored files that are gone.",
    }

    namespace: Text | None = Field(None, description="Those of this namespace; without a `flowId`, and of the namespaces below it. All when absent.")
    flow_id: Text | None = Field(None, description="Those of this flow of the namespace.")
    start_date: Text | None = Field(None, description="Those created at this time or later.")
    end_date: Text = Field(description="Those created before this time.")
    states: Dynamic[list[Text]] | None = Field(None, description="Those that ended so; all that have ended when absent.")
    purge_execution: Dynamic[bool] = Field(True, description="The executions themselves.")
    purge_log: Dynamic[bool] = Field(True, description="Their logs; where the executions go, these go in any case.")
    purge_metric: Dynamic[bool] = Field(True, description="Their metrics.")
    purge_storage: Dynamic[bool] = Field(True, description="Their stored files.")
    batch_size: Dynamic[int] = Field(100, description="How many at a time.")

    def run(self, ask: ServerAsk) -> Done:
        namespace, flow = optional_text(ask, self.namespace), optional_text(ask, self.flow_id)
        if flow is not None and namespace is None:
            raise TaskFailed("`flowId` needs the `namespace` that the flow is of")
        until = moment(ask, "endDate", self.end_date)
        if until is None:
            raise TaskFailed("`endDate` renders to nothing")
        states = tuple(_ended(text) for text in texts(ask, "states", self.states))
        wanted = Wanted(namespace, flow, flow is None, states, moment(ask, "startDate", self.start_date), until)
        parts = {"execution": self.purge_execution, "log": self.purge_log, "metric": self.purge_metric, "storage": self.purge_storage}
        chosen = [name for name, written in parts.items() if flag(ask, f"purge{name.title()}", written)]
        gone = ask.records.purge(wanted, chosen, self._batch(ask))
        return Done({f"{name}sCount": gone.get(name, 0) for name in parts})

    def _batch(self, ask: ServerAsk) -> int:
        text = ask.text(self.batch_size).strip()
        if not text.isdecimal() or not 0 < int(text) <= _MOST:
            raise TaskFailed(f"`batchSize` is `{text[:20]}`; it must be a whole number from 1 to {_MOST:,}")
        return int(text)


def _ended(text: str) -> State:
    try:
        return State(text.strip().upper())
    except ValueError:
        raise TaskFailed(f"`states`: there is no state `{text[:100]}`") from None
