"""Numbers in a row, and the largest and smallest of some."""

from __future__ import annotations

from typing import Any

from service.expressions.errors import Refused
from service.expressions.operators import between, compare
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind


@function("range", also={"step": "increment"})
def range_(call: Run, start: Any, end: Any, increment: Any = 1) -> list[Any]:
    """The numbers or characters from start to end, both of them included.

    {{ range(1, 3) }} -> [1,2,3]
    {{ range(0, 10, 5) }} -> [0,5,10]
    {{ range('a', 'c') | join(',') }} -> a,b,c
    """
    return between(start, end, increment, call.budget)


@function("max")
def largest(call: Run, *values: Any) -> Any:
    """The largest of its arguments.

    {{ max(3, 12, 7) }} -> 12
    {{ max(null, 3) }} -> 3
    """
    return _best(call, ">", values)


@function("min")
def smallest(call: Run, *values: Any) -> Any:
    """The smallest of its arguments.

    {{ min(3, 12, 7) }} -> 3
    """
    return _best(call, "<", values)


def _best(call: Run, symbol: str, values: tuple[Any, ...]) -> Any:
    """Null is passed over; nothing but numbers is compared."""
    best = None
    for value in values:
        if best is None:
            best = value
        elif isinstance(best, str) or isinstance(value, str):
            raise Refused(f"`max` and `min` compare numbers, not {kind(best)} with {kind(value)}")
        elif compare(symbol, value, best, call.budget):
            best = value
    return best
