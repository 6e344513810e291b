"""Numbers in a row, and the largest and smallest of some."""

from __future__ import annotations

from typing import Any

from service.expressions.errors import Refused
from service.expressions.operators import between, compare
from service.expressions.registry import function
from service.expressions.run import Run


@function("range")
def range_(call: Run, start: Any, end: Any, increment: Any = 1) -> list[Any]:
    """The numbers or characters from start to end, both of them included.

    {{ range(1, 3) }} -> [1,2,3]
    {{ range(0, 10, 5) }} -> [0,5,10]
    {{ range('a', 'c') | join(',') }} -> a,b,c
    """
    return between(start, end, increment, call.budget)


@function("max")
def largest(*values: Any) -> Any:
    """The largest of its arguments.

    {{ max(3, 12, 7) }} -> 12
    """
    return _best(">", values)


@function("min")
def smallest(*values: Any) -> Any:
    """The smallest of its arguments.

    {{ min(3, 12, 7) }} -> 3
    """
    return _best("<", values)


def _best(symbol: str, values: tuple[Any, ...]) -> Any:
    if not values:
        raise Refused("there is nothing to choose from")
    best = values[0]
    for value in values[1:]:
        if compare(symbol, value, best):
            best = value
    return best
