"""Other flows, for the inputs of a flow: what can be chosen, or what stands there when nobody gives a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from service.expressions.arguments import text_of
from service.expressions.errors import Refused
from service.expressions.ports import FlowCall
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import is_list, is_number, java_text, json_text, kind, plain

_PRICE = 20_000  #: steps that a call costs


@function("subflow")
def subflow(  # noqa: PLR0913, PLR0917 - the arguments are those of the language
    call: Run, namespace: Any, id: Any, inputs: Any = None, revision: Any = None, labels: Any = None, timeout: Any = None
) -> dict[str, Any]:
    """Starts another flow, waits for its end, and gives a map of its execution: `outputs`, `state` (`SUCCESS`, `FAILED`, …), `id` and `labels`. An execution
    that fails is no error: look at its `state`.

    Works in `defaults`, `expression` and `dependsOn` of a flow's inputs, where somebody starts, fills in or replays the flow through the API, as the UI and
    `headgate flow execute` do; where a value is given, the default calls nothing. Filling in a form starts the flow, too, at every change: let it be one that
    only looks. Where a trigger or a Subflow task starts the flow, or `headgate run` does, nobody waits, and the input has to be given a value.

    `revision` is the newest where nothing is said; `labels` are a map or a list of `key` and `value`; `timeout` is a duration such as PT1M or a number of
    seconds: 30 seconds where nothing is said, at most five minutes, which is also what all calls of one request have together. After that the input is
    refused, and the other execution goes on. In one request the same call is made once, and at most 50 are made; flows whose inputs call flows stand at most
    20 deep, or less, by the setting `most_depth`.

    {{ subflow('company.team', 'cities').outputs.names }} -> ["Bern","Paris"]
    {{ subflow(namespace='company.team', id='cities', inputs={'country': 'CH'}, timeout='PT1M').state }} -> SUCCESS
    """
    call.budget.spend(_PRICE)
    answer = call.ports.subflow(
        FlowCall(
            text_of("subflow", namespace),
            text_of("subflow", id),
            _inputs(call, inputs),
            dict(_labels(call, labels)),
            _revision(revision),
            _timeout(timeout),
        )
    )
    found = {"id": answer.id, "state": answer.state, "outputs": dict(answer.outputs), "labels": dict(answer.labels)}
    call.budget.text(len(json_text(found, call.budget, nulls=True)))
    return found


def _inputs(call: Run, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refused(f"`inputs` of `subflow` is a map, not {kind(value)}")
    found: Mapping[str, Any] = {java_text(name, call.budget): part for name, part in plain(value, call.budget).items()}
    return found


def _labels(call: Run, value: Any) -> list[tuple[str, str]]:
    """In either form; one without a value is left out."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif is_list(value) and all(isinstance(entry, Mapping) and "key" in entry for entry in value):
        pairs = [(entry["key"], entry.get("value")) for entry in value]
    else:
        raise Refused("`labels` of `subflow` are a map, or a list of `{key, value}`")
    call.budget.spend(16 * len(pairs))
    return [(java_text(key, call.budget), java_text(part, call.budget)) for key, part in pairs if part is not None]


def _revision(value: Any) -> int | None:
    found = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else value  # noqa: PLR2004 - digits
    if found is None or (isinstance(found, int) and not isinstance(found, bool) and found >= 1):
        return found
    raise Refused(f"`revision` of `subflow` is a whole number from 1, not {found if isinstance(found, int) else kind(value)}")


def _timeout(value: Any) -> Any:
    if value is None or isinstance(value, str | timedelta) or is_number(value):
        return value
    raise Refused(f"`timeout` of `subflow` is a duration such as PT30S, or a number of seconds, not {kind(value)}")
