"""What an execution gives back: the flow's outputs, rendered at its end and read by their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runners.masking import STARS
from service.actions.scope import Rendering
from service.engine.program import RenderFailed
from service.engine.record import Gave
from service.flows.outputs import SECRETS, TEXTS, parse_output
from service.flows.policies import Output
from service.flows.problems import escaped
from service.flows.resolve import put
from service.flows.values import BadValue
from service.store.codec import from_json, to_json
from service.store.executions import OUTPUT_LIMIT


def outputs_of(declared: tuple[Output, ...], rendering: Rendering) -> Gave:
    """The values by name, dotted names nested. One that can't be had is missing where it is required, and null where it is not."""
    values: dict[str, Any] = {}
    lacks: list[str] = []
    notices: list[str] = []
    for output in declared:
        value, wrong = _value(output, rendering)
        if wrong is None or not output.required:
            put(values, output.id, value)
        if wrong is not None:
            (lacks if output.required else notices).append(wrong)
    if (size := len(to_json(values))) > OUTPUT_LIMIT:
        return Gave({}, (*lacks, f"the outputs of the flow are {size:,} bytes of JSON; the limit is {OUTPUT_LIMIT:,}"), tuple(notices))
    return Gave(values, tuple(lacks), tuple(notices))


def _value(output: Output, rendering: Rendering) -> tuple[Any, str | None]:
    """The value without its secrets, and why there is none."""
    try:
        value = _rendered(output, rendering)
    except RenderFailed as failure:
        return None, str(failure)
    if value is None:
        return None, f"the output `{output.id}` has no value, and is required" if output.required else None
    try:
        read = parse_output(output.type, value)
        return rendering.sealed(read) if output.type in SECRETS else rendering.masked(from_json(to_json(read))), None
    except BadValue as bad:
        value = value if output.type not in SECRETS else STARS
        return None, rendering.masked(f"the output `{output.id}` is of the type {output.type}; it {bad}, but is `{escaped(value)}`")


def _rendered(output: Output, rendering: Rendering) -> Any:
    value = rendering.typed(output.value)
    is_nested = isinstance(value, Mapping | list | tuple)
    return rendering.text(output.value) if is_nested and output.type in TEXTS and isinstance(output.value, str) else value
