"""The same tasks for each of a list of values, each in an execution of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from runners.fields import STORED_FILES, Dynamic, Natural, Text, wrong
from service.flowables import Declared, FlowableTask, Joined


def _stored(text: str) -> str:
    if not text.startswith(STORED_FILES):
        raise wrong("stored_file", "not the URI of a stored file")
    return text


StoredFile = Annotated[str, AfterValidator(_stored), WithJsonSchema({"type": "string", "pattern": f"^(?:{'|'.join(STORED_FILES)})"})]


class Loop(FlowableTask):
    """Runs its tasks for each value: `item.value`, `item.index`, for maps `item.key`. Iterations are executions of their own below this one."""

    TYPE = "io.kestra.plugin.core.flow.Loop"
    DECLARES: ClassVar[Mapping[str, Declared]] = {"outputs": "outputs"}
    JOINED = Joined("chain", "dynamic", "each value")
    RUN = False

    values: Dynamic[list[Any] | dict[str, Any] | StoredFile] = Field(
        description="A list, a map, JSON text, or the URI of a stored file, one iteration per record."
    )
    concurrency_limit: Dynamic[Natural] = Field(0, description="How many iterations at once; 0: all.")
    transmit_failed: Dynamic[bool] = Field(True, description="A failed iteration ends the loop and fails it.")
    outputs: list[Any] | None = Field(None, description="What each iteration leaves, in `outputs.<id>.outputs`.")
    fetch_type: Dynamic[Literal["AUTO", "FETCH", "STORE"]] = Field("AUTO", description="Outputs as values, or in a stored file.")
    break_when: Text | None = Field(None, description="No further iteration begins once this holds.")
