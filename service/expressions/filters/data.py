"""Data to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.expressions.arguments import boolean_of
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text, json_text
from service.later import Later

if TYPE_CHECKING:
    import runners.ion as ion_text
    from service.expressions import yaml_writing
else:
    yaml_writing = Later("service.expressions.yaml_writing")
    ion_text = Later("runners.ion")


@filter_("toJson", "json", "jsonEncode")
def to_json(call: Run, value: Any, include_nulls: Any = False) -> str:
    """As compact JSON. As in Kestra, entries of maps that are null are left out, unless `includeNulls` is true; items of lists stay.

    {{ {'a': [1, 2.0, true, null]} | toJson }} -> {"a":[1,2.0,true,null]}
    {{ 'a"b' | toJson }} -> "a\\"b"
    {{ null | toJson }} -> null
    {{ {'a': 1, 'b': null} | toJson }} -> {"a":1}
    {{ {'a': 1, 'b': null} | toJson(includeNulls=true) }} -> {"a":1,"b":null}
    """
    return json_text(value, call.budget, nulls=boolean_of("toJson", include_nulls, False))


@filter_("yaml")
def yaml(call: Run, value: Any) -> str:
    """As YAML, in blocks and with a line end. Lists stand one column to the right of their key.

    {{ {'a': {'b': [1, 'x']}} | yaml | split('\\n') }} -> ["a:","  b:","   - 1","   - x"]
    {{ [{'a': 1, 'b': 2}] | yaml | split('\\n') }} -> [" -","  a: 1","  b: 2"]
    {{ ['yes', 'a, b', ' x', '12', 'a b'] | yaml | split('\\n') | join }} ->  - "yes" - "a, b" - ' x' - "12" - a b
    {{ null | yaml }} -> null
    """
    if value is None:
        return "null"
    text: str = yaml_writing.yaml_text(value, call.budget)
    return text


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
        text: str = ion_text.write(value, budget.limits.nesting, pay, lambda other: java_text(other, budget))
    except ion_text.IonError as wrong:
        raise Refused(f"`toIon`: {wrong}") from None
    budget.text(len(text))
    return text
