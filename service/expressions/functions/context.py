"""All variables at once, to look at while something is being found out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import json_text, plain

_PRICE = 1_000  #: steps that a look at all variables costs, however little is in them


@function("fetchContext")
def fetch_context(call: Run) -> dict[str, Any]:
    """All variables as a map. Secrets are masked.

    {{ fetchContext().inputs.day }} -> Monday
    """
    found: dict[str, Any] = {}
    for name in call.scope:
        with suppress(KeyError):  # one that turns out not to be there when it is asked for
            found[name] = plain(call.scope[name], call.budget)
    call.budget.spend(_PRICE + _weight(found))
    masked: dict[str, Any] = call.ports.masked(found)
    return masked


@function("printContext")
def print_context(call: Run) -> str:
    """All variables as JSON text. Secrets are masked.

    {{ fromJson(printContext()).inputs.day }} -> Monday
    """
    return json_text(fetch_context(call), call.budget)


def _weight(value: Any) -> int:
    """Steps that it costs to look for secrets in all texts of a value."""
    if isinstance(value, str):
        return 16 + (len(value) >> 3)
    if isinstance(value, dict):
        return sum(16 + (len(str(key)) >> 3) + _weight(item) for key, item in value.items())
    return sum(map(_weight, value)) if isinstance(value, list) else 1
