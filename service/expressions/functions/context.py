"""All variables at once. To look at while something is being found out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import json_text, plain


@function("fetchContext")
def fetch_context(call: Run) -> dict[str, Any]:
    """All variables as a map. Secrets are masked.

    {{ fetchContext().inputs.day }} -> Monday
    """
    found: dict[str, Any] = {}
    for name in call.scope:
        with suppress(KeyError):  # one that turns out not to be there when it is asked for
            found[name] = plain(call.scope[name], call.budget)
    masked: dict[str, Any] = call.ports.masked(found)
    return masked


@function("printContext")
def print_context(call: Run) -> str:
    """All variables as JSON text. Secrets are masked.

    {{ fromJson(printContext()).inputs.day }} -> Monday
    """
    return json_text(fetch_context(call), call.budget, nulls=True)
