"""Plain YAML scalars as YAML 1.2 core reads them, and whether a YAML 1.1 reader would see something else."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

#: Only text that begins with one of these can be anything but text, in 1.2 or in 1.1.
_FIRST = frozenset("0123456789+-.~nNtTfFyYoO")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
#: Booleans of 1.1. Its `y` and `n` are left out: no reader in use takes them.
_OLD_WORDS = frozenset(form for word in ("yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper()))
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
#: What 1.1 reads as a number and 1.2 as another one or as text. Dates are left out: the readers flows are written for keep them as text.
_OLD_NUMBER = re.compile(
    r"[-+]?0[0-7_]+"  # octal
    r"|[-+]?0b[01_]+"
    r"|[-+]0x[0-9a-fA-F_]+|0x[0-9a-fA-F]*_[0-9a-fA-F_]*"
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"  # base 60
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*",
)
#: A number in 1.2 that is text in 1.1: its exponent needs a dot before it and a sign in it there, and `0o` is unknown.
_OLD_TEXT = re.compile(r"0o[0-7]+|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)[eE][0-9]+")
_LONGEST = 2**63
#: Keys up to this length are few, and come again and again.
_SHORT_KEY = 32


class OutOfRange(ValueError):
    """A number that can't be kept as one."""


def plain(text: str) -> Any:
    """The value of a plain scalar. Raises OutOfRange for numbers that JSON and databases could not carry."""
    if text[:1] not in _FIRST and text:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _finite(float(text))
    if _SPECIAL.fullmatch(text):
        raise OutOfRange
    return text


def _integer(text: str) -> int:
    # Digits are counted first: Python refuses to read very long numbers, with words of its own.
    if len(text) > 40:
        raise OutOfRange
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base)
    if not -_LONGEST <= number < _LONGEST:
        raise OutOfRange
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise OutOfRange
    return number


def reads_differently(text: str) -> bool:
    """Whether a YAML 1.1 reader takes this plain scalar for another value."""
    if text[:1] not in _FIRST:
        return False
    if text in _OLD_WORDS:
        return True
    if _OLD_TEXT.fullmatch(text):
        return True
    return bool(_OLD_NUMBER.fullmatch(text)) and not _same_in_both(text)


def _same_in_both(text: str) -> bool:
    """`0`, `00` and the like: octal or not, the number is the same."""
    digits = text.lstrip("+-")
    return digits.isdigit() and int(digits[:20]) < 8


def reads_as_value(text: str) -> bool:
    """Whether a plain key is no text: a number, true, false, null."""
    return _is_short_value(text) if len(text) <= _SHORT_KEY else _is_read_as_value(text)


def _is_read_as_value(text: str) -> bool:
    try:
        return not isinstance(plain(text), str)
    except OutOfRange:
        return True


_is_short_value = lru_cache(maxsize=4096)(_is_read_as_value)
