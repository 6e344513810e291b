"""Counts executions, to decide by how many there were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Model, Text
from service.asks import ServerAsk, TaskFailed, Wanted
from service.engine.state import State
from service.expressions import truthy
from service.tasks import Done, ServerTask, moment, texts


class FlowName(Model):
    """A flow."""

    namespace: Text = Field(description="Its namespace.")
    flow_id: Text = Field(description="Its id.")


class Count(ServerTask):
    """Counts the executions of `flows`, or of all flows of `namespaces`; without either, of the flow's own namespace. `expression` is asked for each flow, with
    `count`, and only those flows are in `outputs.<task>.results` for which it holds: `{{ count == 0 }}` finds flows that did not run."""

    TYPE = "io.kestra.plugin.core.execution.Count"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Counts", "io.kestra.plugin.kestra.executions.Count")
    ELSEWHERE: ClassVar[frozenset[str]] = frozenset({"expression"})
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "results": "Of each flow that `expression` holds for: `namespace`, `flowId` and `count`.",
        "total": "The counts of these added up.",
    }

    flows: list[FlowName] | None = Field(None, description="The flows.")
    namespaces: Dynamic[list[Text]] | None = Field(None, description="Namespaces, whose flows are counted that have run at all.")
    states: Dynamic[list[Text]] | None = Field(None, description="Only executions in these states.")
    start_date: Text | None = Field(None, description="Only those created at this time or later.")
    end_date: Text | None = Field(None, description="Only those created before this time.")
    expression: Text = Field("{{ true }}", description="What must hold for a flow to be counted; it sees `count`.")

    def run(self, ask: ServerAsk) -> Done:
        counts = {name: number for name, number in self._counts(ask).items() if self._holds(ask, number)}
        results = [{"namespace": namespace, "flowId": flow, "count": number} for (namespace, flow), number in counts.items()]
        return Done({"results": results, "total": sum(counts.values())})

    def _counts(self, ask: ServerAsk) -> dict[tuple[str, str], int]:
        wanted: dict[str, Any] = {
            "states": tuple(_state(text) for text in texts(ask, "states", self.states)),
            "since": moment(ask, "startDate", self.start_date),
            "until": moment(ask, "endDate", self.end_date),
        }
        counts: dict[tuple[str, str], int] = {}
        for flow in self.flows or ():
            name = ask.text(flow.namespace), ask.text(flow.flow_id)
            counts[name] = ask.records.count(Wanted(*name, **wanted)).get(name, 0)
        namespaces = texts(ask, "namespaces", self.namespaces) or ([] if self.flows else [ask.namespace])
        for namespace in namespaces:
            counts |= ask.records.count(Wanted(namespace, **wanted))
        return counts

    def _holds(self, ask: ServerAsk, number: int) -> bool:
        return truthy(str(ask.typed(self.expression, {"count": number})).lower())


def _state(text: str) -> State:
    try:
        return State(text.strip().upper())
    except ValueError:
        raise TaskFailed(f"`states`: there is no state `{text[:100]}`") from None
