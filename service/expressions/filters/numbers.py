"""Numbers and their text. A short decimal has 32 bits, as in Kestra, and counts with them: `'0.1' | number` and `'0.2' | number` make 0.3."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from service.expressions.arguments import JAVA_SPACE, text_of
from service.expressions.errors import Refused
from service.expressions.operators import as_decimal
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.singles import Single, single
from service.expressions.values import is_number, java_double, java_text, kind

_WHOLE = re.compile(r"([+-]?)(?:(0[xX]|#)([0-9a-fA-F]{1,400})|([0-9]{1,400}))")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?")
_LONG = re.compile(r"(-?[0-9]{1,400})[lL]")
_FRACTION = re.compile(r"[.eE]")
_STEPS = 12
_LETTERS = frozenset(["F", "D"])
_WORDS = re.compile(r"([+-]?)(NaN|Infinity)")


@filter_("abs")
def absolute(value: Any) -> Any:
    """Without its sign.

    {{ -7 | abs }} -> 7
    {{ -1.5 | abs }} -> 1.5
    """
    if not is_number(value):
        raise Refused(f"`abs` takes a number, not {kind(value)}")
    return type(value)(abs(value))


def _whole(text: str, bits: int | None) -> int:
    match = _WHOLE.fullmatch(text)
    if not match:
        raise Refused(f"`{text[:40]}` is not a whole number")
    sign, _, hexadecimal, digits = match.groups()
    try:
        number = int(hexadecimal, 16) if hexadecimal else int(digits, 8 if digits[0] == "0" else 10)
    except ValueError:
        raise Refused(f"`{text[:40]}` is not a whole number: with a 0 in front it is octal") from None
    number = -number if sign == "-" else number
    if bits is not None and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise Refused(f"`{text[:40]}` does not fit into {bits} bits")
    return number


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise Refused(f"`{text[:40]}` is not a number")
    return as_decimal(Decimal(text))


def _double(text: str) -> float:
    """As Java reads one: with white space around it, a letter for the type behind it, `NaN` and `Infinity`."""
    bare = text.strip(JAVA_SPACE)
    if words := _WORDS.fullmatch(bare):
        return float(f"{words[1]}{words[2]}")
    digits = bare[:-1] if bare[-1:] in ("d", "D", "f", "F") else bare
    if not _DECIMAL.fullmatch(digits):
        raise Refused(f"`{text[:40]}` is not a number")
    return float(digits)


def _float(text: str) -> Single:
    return single(_double(text))


def _automatic(text: str) -> Any:
    """Whole where it looks so; else the shortest type that holds it: 32 bits if they print like 64, 64 bits if they hold all digits. A letter at the end
    names the type, as in Java's source."""
    if _WHOLE.fullmatch(text):
        return _whole(text, None)
    if long := _LONG.fullmatch(text):
        return _whole(long[1], None)
    letter = text[-1:].upper()
    digits = text[:-1] if letter in _LETTERS else text
    if not _DECIMAL.fullmatch(digits.lstrip(JAVA_SPACE)) or (digits is text and not _FRACTION.search(text)):
        raise Refused(f"`{text[:40]}` is not a number")
    double = _double(digits)
    short = single(double)
    if letter != "D" and _held(short, digits) and (letter == "F" or java_double(short) == java_double(double)):
        return short
    return double if _held(double, digits) and (letter in _LETTERS or as_decimal(double) == _decimal(digits)) else _decimal(digits)


def _held(number: float, digits: str) -> bool:
    """Whether it is not endless, nor zero for something that isn't."""
    return math.isfinite(number) and (number != 0 or not _decimal(digits.strip(JAVA_SPACE)))


_TYPES: Mapping[str, Callable[[str], Any]] = {
    "INT": lambda text: _whole(text, 32),
    "LONG": lambda text: _whole(text, 64),
    "BIGINTEGER": lambda text: _whole(text, None),
    "FLOAT": _float,
    "DOUBLE": _double,
    "BIGDECIMAL": _decimal,
}


@filter_("number")
def number(call: Run, value: Any, type_: Any = None) -> Any:
    """The number in a text: as it looks, or as INT, LONG, FLOAT, DOUBLE, BIGDECIMAL or BIGINTEGER. With a 0 in front a whole number is octal, as in Kestra.
    Any other type counts as none.

    {{ ('12' | number) + 1 }} -> 13
    {{ '1.5' | number }} -> 1.5
    {{ '3' | number('DOUBLE') }} -> 3.0
    {{ '0x1F' | number }} -> 31
    """
    if value is None:
        return None
    call.budget.spend(_STEPS)
    read = _automatic if type_ is None else _TYPES.get(text_of("number", type_), _automatic)
    return read(text_of("number", value))


@filter_("string")
def string(call: Run, value: Any) -> str | None:
    """The text of a value.

    {{ (12 | string) + 1 }} -> 121
    {{ 1.50 | string }} -> 1.5
    {{ (true | string) == 'true' }} -> true
    """
    return None if value is None else java_text(value, call.budget)
