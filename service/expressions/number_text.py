"""Numbers by a pattern, digit for digit as Java's DecimalFormat writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from service.expressions.double_digits import Digits, double_digits
from service.expressions.number_pattern import Affix, NumberPattern
from service.expressions.operators import as_decimal

#: Java writes no more digits than these, before and behind the point, of what isn't a big number.
_MOST, _MOST_DECIMALS = 309, 340
_LONG = 2**63
_HALF = "5"
_SHIFTS = {1: 0, 100: 2, 1000: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """The signs of a locale. `signs` is what `-`, `%`, `‰`, `¤` and `¤¤` stand for; `money` is the point and the comma of amounts."""

    point: str = "."
    comma: str = ","
    money: tuple[str, str] = (".", ",")
    exponent: str = "E"
    infinity: str = "∞"
    nan: str = "NaN"
    zero: str = "0"
    signs: Mapping[str, str]


def number_text(number: int | float | Decimal, pattern: NumberPattern, symbols: Symbols) -> str:
    """The number as the pattern says."""
    if isinstance(number, float):
        number *= pattern.multiplier
        if math.isnan(number):
            return symbols.nan
    negative = math.copysign(1, number) < 0 if isinstance(number, float) else number < 0
    before, after = pattern.negative if negative else pattern.positive
    body = _body(number.copy_abs() if isinstance(number, Decimal) else abs(number), pattern, symbols)
    return _affix(before, symbols) + body.translate(_localised(symbols.zero)) + _affix(after, symbols)


def _affix(affix: Affix, symbols: Symbols) -> str:
    return "".join(symbols.signs[sign] if special else sign for sign, special in affix)


def _localised(zero: str) -> Mapping[int, str]:
    return {ord("0") + digit: chr(ord(zero) + digit) for digit in range(10)} if zero != "0" else {}


def _body(number: int | float | Decimal, pattern: NumberPattern, symbols: Symbols) -> str:
    if isinstance(number, float) and math.isinf(number):
        return symbols.infinity
    if isinstance(number, float) or (isinstance(number, int) and number <= _LONG):
        pattern = _limited(pattern)
    digits, whole = _digits(number, pattern.multiplier), isinstance(number, int)
    point, comma = symbols.money if pattern.money else (symbols.point, symbols.comma)
    if pattern.exponent:
        most = None if pattern.most_decimals is None else (pattern.most or 0) + pattern.most_decimals
        return _scientific(_rounded(digits, most), pattern, point, symbols)
    kept = None if whole or pattern.most_decimals is None else pattern.most_decimals + digits.point
    return _plain(_rounded(digits, kept), pattern, point, comma, whole)


def _limited(pattern: NumberPattern) -> NumberPattern:
    most = pattern.most_decimals
    return replace(
        pattern,
        fewest=min(pattern.fewest, _MOST),
        most=None if pattern.most is None else min(pattern.most, _MOST),
        fewest_decimals=min(pattern.fewest_decimals, _MOST_DECIMALS),
        most_decimals=_MOST_DECIMALS if most is None else min(most, _MOST_DECIMALS),
    )


def _digits(number: int | float | Decimal, multiplier: int) -> Digits:
    """The digits, without zeros at either end; none for zero. A double has been multiplied before, with its own errors."""
    if isinstance(number, float):
        found = double_digits(number) if number else Digits("", 0)
        return found._replace(text=found.text.rstrip("0"))
    _, digits, exponent = (as_decimal(number) if isinstance(number, Decimal) else Decimal(number)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    return Digits(text.rstrip("0"), len(text) + int(exponent) + _SHIFTS[multiplier]) if text else Digits("", 0)


def _rounded(digits: Digits, kept: int | None) -> Digits:
    """To this many digits, half to even. What seems to be the half of a double may be more or less than it."""
    if kept is None or kept >= len(digits.text):
        return digits
    if kept < 0:
        return Digits("", 0)
    head, rest = digits.text[:kept], digits.text[kept:]
    up = rest > _HALF if rest != _HALF else _half_is_more(head, digits)
    head_, point = _increased(head, digits.point) if up else (head.rstrip("0"), digits.point)
    return Digits(head_, point if head_ else 0)


def _half_is_more(head: str, digits: Digits) -> bool:
    if digits.above or not digits.exact:
        return not digits.above
    return head != "" and int(head[-1]) % 2 == 1


def _increased(head: str, point: int) -> tuple[str, int]:
    """The last digit is one more."""
    rest = head.rstrip("9")
    return (rest[:-1] + str(int(rest[-1]) + 1), point) if rest else ("1", point + 1)


def _plain(digits: Digits, pattern: NumberPattern, point: str, comma: str, whole: bool) -> str:
    text, place = digits.text, digits.point
    before = (text[:place].ljust(place, "0") if place > 0 else "").rjust(pattern.fewest, "0")
    behind = "" if whole else ("0" * -place + text if place < 0 else text[place:])
    behind = behind.ljust(pattern.fewest_decimals, "0")
    if not before and not behind:
        before = "0"
    return _grouped(before, pattern.group, comma) + (point if behind or pattern.always_point else "") + behind


def _grouped(text: str, size: int, comma: str) -> str:
    if not size or len(text) <= size:
        return text
    first = len(text) % size or size
    return comma.join([text[:first], *(text[at : at + size] for at in range(first, len(text), size))])


def _scientific(digits: Digits, pattern: NumberPattern, point: str, symbols: Symbols) -> str:
    """More digits before the point than must be make the exponent a multiple of them; else it follows from how many must be."""
    repeat, before = pattern.most or 0, pattern.fewest
    if repeat > 1 and repeat > pattern.fewest:
        exponent, before = (digits.point - 1) // repeat * repeat, 1
    else:
        exponent = digits.point - before
    if digits.text:
        before = digits.point - exponent
    else:
        exponent = 0
    text = digits.text.ljust(max(pattern.fewest + pattern.fewest_decimals, before), "0")
    mantissa = text[:before] + (point if len(text) > before or pattern.always_point else "") + text[before:]
    sign = symbols.signs["-"] if exponent < 0 else ""
    return mantissa + symbols.exponent + sign + str(abs(exponent)).rjust(pattern.exponent, "0")
