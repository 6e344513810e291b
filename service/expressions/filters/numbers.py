"""Numbers and their text."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from service.expressions.arguments import text_of
from service.expressions.errors import Refused
from service.expressions.operators import as_decimal
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import Single, is_number, java_text, kind

_WHOLE = re.compile(r"([+-]?)(?:(0[xX]|#)([0-9a-fA-F]{1,400})|([0-9]{1,400}))")
_DECIMALS_OF_A_FLOAT, _LARGEST_FLOAT = 7, 3.4e38
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?")


@filter_("abs")
def absolute(value: Any) -> Any:
    """Without its sign.

    {{ -7 | abs }} -> 7
    {{ -1.5 | abs }} -> 1.5
    """
    if not is_number(value):
        raise Refused(f"`abs` takes a number, not {kind(value)}")
    return abs(value)


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
    try:
        return as_decimal(Decimal(text))
    except InvalidOperation:
        raise Refused(f"`{text[:40]}` is not a number") from None


def _double(text: str) -> float:
    return float(_decimal(text.rstrip("dDfF")))


def _float(text: str) -> Single:
    try:
        single: float = struct.unpack("f", struct.pack("f", _double(text)))[0]
    except OverflowError:
        return Single(math.inf)
    # The shortest decimal that is the same 32-bit number, as Java prints it.
    return next(Single(f"{single:.{digits}g}") for digits in range(1, 18) if struct.pack("f", float(f"{single:.{digits}g}")) == struct.pack("f", single))


def _automatic(text: str) -> Any:
    """Whole where it looks so; else a double, if that holds all its digits. A letter at the end names the type, as in Java's source."""
    kind_ = "" if _WHOLE.fullmatch(text) else text[-1:].upper()
    if kind_ in ("L", "F", "D"):
        return {"L": lambda digits: _whole(digits, 64), "F": _float, "D": _double}[kind_](text[:-1])
    if _WHOLE.fullmatch(text):
        return _whole(text, None)
    exact = _decimal(text)
    double = float(exact)
    if as_decimal(double) != exact:
        return exact
    # As in Java: a number of up to seven decimals is a float if it fits.
    short = len(text.partition(".")[2]) <= _DECIMALS_OF_A_FLOAT
    return Single(double) if short and abs(double) < _LARGEST_FLOAT else double


_TYPES: Mapping[str, Callable[[str], Any]] = {
    "INT": lambda text: _whole(text, 32),
    "LONG": lambda text: _whole(text, 64),
    "BIGINTEGER": lambda text: _whole(text, None),
    "FLOAT": _float,
    "DOUBLE": _double,
    "BIGDECIMAL": _decimal,
    "": _automatic,
}


@filter_("number")
def number(value: Any, type_: str = "") -> Any:
    """The number in a text: as it looks, or as INT, LONG, FLOAT, DOUBLE, BIGDECIMAL or BIGINTEGER. With a 0 in front a whole number is octal, as in Kestra.

    {{ ('12' | number) + 1 }} -> 13
    {{ '1.5' | number }} -> 1.5
    {{ '3' | number('DOUBLE') }} -> 3.0
    """
    if value is None:
        return None
    read = _TYPES.get(type_ or "")
    if read is None:
        raise Refused(f"`number` knows {', '.join(name for name in _TYPES if name)}, not `{type_}`")
    return read(text_of("number", value))


@filter_("string")
def string(call: Run, value: Any) -> str | None:
    """The text of a value.

    {{ (12 | string) + 1 }} -> 121
    {{ 1.50 | string }} -> 1.5
    {{ (true | string) == 'true' }} -> true
    """
    return None if value is None else java_text(value, call.budget)
