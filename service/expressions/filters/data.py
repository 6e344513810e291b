"""Data to text."""

from __future__ import annotations

from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text, json_text
from service.expressions.yaml_writing import yaml_text
from service.ion import IonError, write


@filter_("toJson", "json", "jsonEncode")
def to_json(call: Run, value: Any) -> str:
    """As compact JSON.

    {{ {'a': [1, 2.0, true, null]} | toJson }} -> {"a":[1,2.0,true,null]}
    {{ 'a"b' | toJson }} -> "a\\"b"
    {{ null | toJson }} -> null
    """
    return json_text(value, call.budget)


@filter_("yaml")
def yaml(call: Run, value: Any) -> str:
    """As YAML, in blocks and with a line end. Lists stand at the column of their key.

    {{ {'a': {'b': [1, 'x']}} | yaml | split('\\n') }} -> ["a:","  b:","  - 1","  - x"]
    {{ ['yes', 'a, b', ' x', '12', 'a b'] | yaml | split('\\n') | join(' ') }} -> - "yes" - "a, b" - ' x' - "12" - a b
    {{ null | yaml }} -> null
    """
    return "null" if value is None else yaml_text(value, call.budget)


@filter_("toIon")
def to_ion(call: Run, value: Any) -> str:
    """As compact Ion text, on one line.

    {{ {'a': 1, 'b': 'x', 'c': [1.5, null]} | toIon }} -> {a:1,b:"x",c:[1.5e0,null]}
    {{ 'a"b' | toIon }} -> "a\\"b"
    {{ null | toIon }} -> null
    """
    budget = call.budget

    def pay(length: int) -> None:
        budget.spend(2)
        budget.text(length)

    try:
        text = write(value, budget.limits.nesting, pay, lambda other: java_text(other, budget))
    except IonError as wrong:
        raise Refused(f"`toIon`: {wrong}") from None
    budget.text(len(text))
    return text
