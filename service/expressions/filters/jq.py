"""The jq language on data."""

from __future__ import annotations

from typing import Any

from service.expressions.arguments import text_of
from service.expressions.errors import Refused
from service.expressions.json_reading import read_json
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import json_text, parse_json

_LONGEST = 10_000
_FIRST, _AGAIN, _SECOND = 4_000, 300, 3_000_000  #: steps: of a program that is new to a value, of each call, and of a second's work
_NO_JSON = "`jq` reads a text as JSON, and this one is not"
_FREE = 0.005  #: seconds that every call may take: what a small one costs must not depend on how busy the machine is


@filter_("jq")
def jq(call: Run, value: Any, expression: Any) -> list[Any] | None:
    """All results of a jq program, always as a list; a text is read as JSON first. Null stays null.

    {{ '{"a": [1, 2.0]}' | jq('.a[]') }} -> [1,2.0]
    {{ {'a': {'b': 'x'}} | jq('.a.b') | first }} -> x
    {{ [3, 1, 2] | jq('sort | reverse') }} -> [[3,2,1]]
    """
    if value is None:
        return None
    program = text_of("jq", expression)
    if len(program) > _LONGEST:
        raise Refused("this jq program is too long")
    call.budget.once(("jq", program), _FIRST, _AGAIN)
    data = read_json(value, call.budget, _NO_JSON) if isinstance(value, str) else value
    text = json_text(data, call.budget, nulls=isinstance(value, str))
    results, seconds = call.ports.jq(program, text, 0.05 + 1.5 * call.budget.left / _SECOND)
    call.budget.spend(int(max(0.0, seconds - _FREE) * _SECOND))
    call.budget.items(len(results))
    call.budget.text(sum(map(len, results)))
    call.budget.spend(sum(map(len, results)) >> 2)
    try:
        return [parse_json(result) for result in results]
    except (ValueError, RecursionError):
        raise Refused("the jq program's results are nested too deeply") from None
