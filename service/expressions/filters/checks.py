"""Tests: `value is name`. (`is defined`, which forgives unknown names, is the parser's.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.expressions.arguments import is_empty
from service.expressions.errors import Refused
from service.expressions.json_reading import first_json
from service.expressions.registry import test
from service.expressions.run import Run
from service.expressions.values import is_list, is_number, kind


@test("empty")
def empty(value: Any) -> bool:
    """Null, blank text, an empty list or map.

    {{ '  ' is empty }} -> true
    {{ 0 is empty }} -> false
    """
    return is_empty(value)


@test("null")
def null(value: Any) -> bool:
    """Null.

    {{ null is null }} -> true
    """
    return value is None


@test("iterable")
def iterable(value: Any) -> bool:
    """What `for` goes over item by item: a list.

    {{ [1] is iterable }} -> true
    {{ 'a' is iterable }} -> false
    """
    return is_list(value)


@test("map")
def map_(value: Any) -> bool:
    """A map.

    {{ {'a': 1} is map }} -> true
    """
    return isinstance(value, Mapping)


@test("even")
def even(value: Any) -> bool:
    """An even number.

    {{ 2 is even }} -> true
    """
    return _remainder("even", value) == 0


@test("odd")
def odd(value: Any) -> bool:
    """An odd number.

    {{ 2 is odd }} -> false
    """
    return _remainder("odd", value) != 0


def _remainder(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(f"only a whole number can be {name}, not {value if is_number(value) else kind(value)}")
    return value % 2


@test("json")
def is_json(call: Run, value: Any) -> bool:
    """A map, a list, or text that `fromJson` can read.

    {{ '{"a": 1}' is json }} -> true
    {{ '{a' is json }} -> false
    {{ [1] is json }} -> true
    """
    if not isinstance(value, str):
        return isinstance(value, Mapping) or is_list(value)
    call.budget.spend(len(value) >> 2)
    try:
        first_json(value)
    except (ValueError, RecursionError):
        return False
    return True
