"""The same tasks for each of a list of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Natural, Spelling
from service.flowables import FlowableTask, Joined


class ForEach(FlowableTask):
    """Runs its tasks in order for each distinct value, for `concurrencyLimit` values at a time. The value is `taskrun.value`."""

    TYPE = "io.kestra.plugin.core.flow.ForEach"
    SPELLINGS: ClassVar[Mapping[str, Spelling]] = {
        name: Spelling(renamed={"value": "values"}, fixed={"concurrencyLimit": 1})
        for name in ("io.kestra.plugin.core.flow.EachSequential", "io.kestra.core.tasks.flows.EachSequential")
    }
    JOINED = Joined("chain", "dynamic", "each value")
    RUN = False

    values: Dynamic[list[Any]] = Field(description="A list, JSON text that holds one, or an expression that renders to one.")
    concurrency_limit: Dynamic[Natural] = Field(1, description="How many values at once; 0: all.")
