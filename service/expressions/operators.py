"""Operators with Java's semantics. Each takes values that are there (unknown names have been reported before) and raises Refused for what it can't do."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from service.expressions.access import as_key
from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.units import units
from service.expressions.values import equal, is_list, is_number, java_text, kind

_MOST, _LEAST = 2**63 - 1, -(2**63)
_DECIMAL128 = Context(prec=34, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[DivisionByZero, InvalidOperation, Overflow])
_LONGEST_EXPONENT = 10_000


def truth(value: Any) -> bool:
    """`if`, `and`, `or`, `not`: booleans, numbers other than 0, text that isn't empty (so the text "false" is true)."""
    if value is True or value is False:
        return bool(value)
    if isinstance(value, str):
        return value != ""
    if is_number(value):
        return bool(value) and not math.isnan(value)
    if value is None:
        raise Refused("null is neither true nor false; compare it, or give a default with `??`")
    raise Refused(f"{kind(value)} is neither true nor false; test it with `is empty`")


def add(left: Any, right: Any, budget: Budget) -> Any:
    """Joins when either side is text, appends to a list, else adds."""
    if isinstance(left, str) or isinstance(right, str):
        text = java_text(left, budget) + java_text(right, budget)
        budget.text(len(text))
        return text
    if is_list(left):
        more = list(right) if is_list(right) else [right]
        budget.items(len(left) + len(more))
        return [*left, *more]
    return _arithmetic("+", left, right)


def subtract(left: Any, right: Any, budget: Budget) -> Any:
    """Takes items out of a list, all that are in another list or the first one that equals a value; else subtracts."""
    if is_list(left):
        budget.spend(len(left) * (len(right) if is_list(right) else 1))
        if is_list(right):
            return [item for item in left if not any(equal(item, other, budget) for other in right)]
        first = next((index for index, item in enumerate(left) if equal(item, right, budget)), len(left))
        return [*left[:first], *left[first + 1 :]]
    return _arithmetic("-", left, right)


def multiply(left: Any, right: Any, _budget: Budget) -> Any:
    """Numbers only: text and lists are not repeated."""
    return _arithmetic("*", left, right)


def divide(left: Any, right: Any, _budget: Budget) -> Any:
    """Between whole numbers the fraction is cut off."""
    return _arithmetic("/", left, right)


def modulo(left: Any, right: Any, _budget: Budget) -> Any:
    """The remainder has the dividend's sign."""
    return _arithmetic("%", left, right)


def negative(value: Any) -> Any:
    """Unary minus."""
    if not is_number(value):
        raise Refused(f"`-` works with numbers, not with {kind(value)}")
    return _arithmetic("*", -1, value)


def positive(value: Any) -> Any:
    """Unary plus."""
    if not is_number(value):
        raise Refused(f"`+` works with numbers, not with {kind(value)}")
    return value


def _arithmetic(symbol: str, left: Any, right: Any) -> Any:
    for side in (left, right):
        if not is_number(side):
            raise Refused(f"`{symbol}` works with numbers, not with {kind(side)}")
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _decimal(symbol, left, right)
    if isinstance(left, float) or isinstance(right, float):
        return _DOUBLE[symbol](float(left), float(right))
    result = _WHOLE[symbol](left, right)
    if not _LEAST <= result <= _MOST:
        raise Refused(f"the result of `{symbol}` does not fit into 64 bits")
    return result


def _whole_divide(left: int, right: int) -> int:
    if right == 0:
        raise Refused("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _whole_modulo(left: int, right: int) -> int:
    return left - right * _whole_divide(left, right)


def _double_divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _double_modulo(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


_WHOLE: Mapping[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": _whole_divide, "%": _whole_modulo}
_DOUBLE: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _double_divide,
    "%": _double_modulo,
}


def _decimal(symbol: str, left: Any, right: Any) -> Decimal:
    one, other = as_decimal(left), as_decimal(right)
    context = _DECIMAL128
    steps = {"+": context.add, "-": context.subtract, "*": context.multiply, "/": context.divide, "%": context.remainder}
    try:
        return steps[symbol](one, other)
    except ArithmeticError:
        raise Refused(f"`{symbol}` has no result for these numbers") from None


def as_decimal(value: Any) -> Decimal:
    """A number with all its digits. An exponent of millions of digits is refused before anything counts with it."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if number.is_finite() and abs(number.adjusted()) > _LONGEST_EXPONENT:
        raise Refused("this number is too large or too small")
    return number


def compare(symbol: str, left: Any, right: Any, budget: Budget) -> bool:
    """`<`, `<=`, `>`, `>=`: null is never less nor more; texts by their characters; anything else but numbers is refused."""
    order = _ORDER[symbol]
    if isinstance(left, str) and isinstance(right, str):
        return bool(order(*_by_units(left, right, budget)))
    if left is None or right is None:
        return False
    if not is_number(left) or not is_number(right):
        raise Refused(f"`{symbol}` can't compare {kind(left)} with {kind(right)}")
    if isinstance(left, Decimal) != isinstance(right, Decimal):
        return bool(order(as_decimal(left), as_decimal(right)))
    return bool(order(left, right))


def _by_units(left: str, right: str, budget: Budget) -> tuple[Any, Any]:
    """Two texts in a form that has Java's order, that of UTF-16 units."""
    if left.isascii() and right.isascii():
        budget.look(min(len(left), len(right)))
        return left, right
    budget.spend((len(left) + len(right)) >> 5)
    return left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass")


_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def contains(left: Any, right: Any, budget: Budget) -> bool:
    """A list has an item (or all of a list's), a map has a key, a text has a part. Null has nothing."""
    if left is None:
        return False
    if is_list(left):
        wanted = right if is_list(right) else [right]
        budget.spend(len(left) * len(wanted))
        return all(any(equal(item, each, budget) for item in left) for each in wanted)
    if isinstance(left, Mapping):
        return isinstance(right, str | int | float | None) and as_key(right) in left
    if isinstance(left, str):
        part = java_text(right, budget)
        budget.spend((len(left) + len(part)) >> 5)
        return part in left
    raise Refused(f"`contains` works with lists, maps and text, not with {kind(left)}")


def is_in(left: Any, right: Any, budget: Budget) -> bool:
    """Whether a list has this item, or a map this key or value, all compared by their text."""
    if left is None or right is None:
        return False
    wanted = java_text(left, budget)
    if isinstance(right, Mapping):
        budget.spend(2 * len(right) * (1 + (len(wanted) >> 8)))
        return any(wanted in (java_text(key, budget), java_text(item, budget)) for key, item in right.items())
    if is_list(right):
        budget.spend(len(right) * (1 + (len(wanted) >> 8)))
        return any(java_text(item, budget) == wanted for item in right)
    return False


def concatenate(values: tuple[Any, ...], budget: Budget) -> str:
    """`~`: null is empty here."""
    text = "".join(["" if value is None else java_text(value, budget) for value in values])
    budget.text(len(text))
    return text


def between(start: Any, end: Any, step: Any, budget: Budget) -> list[Any]:
    """`..` and `range()`: both ends belong to it; whole numbers or single characters."""
    if step is None:
        step = 1
    if not is_number(step):
        raise Refused(f"the step of a range must be a number, not {kind(step)}")
    if int(step) == 0:
        raise Refused("the step of a range must not be 0")
    if isinstance(start, str) and isinstance(end, str) and units(start) == units(end) == 1:
        return [chr(code) for code in _span(ord(start), ord(end), int(step), budget)]
    if is_number(start) and is_number(end):
        return list(_span(_whole(start), _whole(end), int(step), budget))
    raise Refused(f"a range goes from number to number or from character to character, not from {kind(start)} to {kind(end)}")


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (OverflowError, ValueError):
        raise Refused("a range needs finite numbers") from None


def _span(start: int, end: int, step: int, budget: Budget) -> range:
    span = range(start, end + (1 if step > 0 else -1), step)
    try:
        budget.items(len(span))
    except OverflowError:
        budget.items(budget.limits.items + 1)
    return span
