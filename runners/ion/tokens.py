"""Ion's single tokens to values: numbers, timestamps, text with escapes, bytes."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

#: Python refuses to read a number of more digits, and nobody means one.
MOST_DIGITS = 4_000
#: Beyond it, counting with a decimal would need gigabytes.
LARGEST_EXPONENT = 10_000

SPACE = r"[ \t\n\r\v\f]"
#: White space and comments. Atomic: nothing is read twice. (Early Pythons 3.11 lose their place in a possessive group, so groups are never possessive here.)
GAP = re.compile(rf"(?>(?:{SPACE}++|//[^\n\r]*+|/\*(?>(?:[^*]++|\*(?!/))*)\*/)*)")
#: What may follow a number; a name or quoted text needs nothing.
END = r"(?=[ \t\n\r\v\f{}\[\](),\"']|//|/\*|\Z)"
NAME = r"[A-Za-z_$][A-Za-z0-9_$]*+"
PLAIN = r'[^"\\\x00-\x1f]*+'
_DIGITS = r"[0-9]++(?>(?:_[0-9]++)*)"
_INT = r"(?:0(?![0-9_])|[1-9][0-9]*+(?>(?:_[0-9]++)*))"
_EXPONENT = r"[+-]?[0-9]++"
INTEGER = rf"-?{_INT}(?![.eEdD0-9_-])"
FLOAT = rf"-?{_INT}(?>(?:\.(?>(?:{_DIGITS})?))?)[eE]{_EXPONENT}"
DECIMAL = rf"-?{_INT}(?:\.(?>(?:{_DIGITS})?)(?![eE])(?>(?:[dD]{_EXPONENT})?)|[dD]{_EXPONENT})"
TIMESTAMP = r"[0-9]{4}(?:T|-[0-9]{2}(?:T|-[0-9]{2}(?:T(?:[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-5][0-9]))?)?(?![0-9T:])))"
_BASED = rf"-?0(?:[xX][0-9a-fA-F](?>(?:_?[0-9a-fA-F])*)|[bB][01](?>(?:_?[01])*)){END}"
#: A number of any type, by the name of its group.
NUMBER = re.compile(
    rf"(?P<integer>{INTEGER}{END})|(?P<based>{_BASED})|(?P<float>{FLOAT}{END})|(?P<decimal>{DECIMAL}{END})|(?P<timestamp>{TIMESTAMP}{END})"
    rf"|(?P<infinite>[+-]inf{END})"
)
SHORT_TEXT = re.compile(r'"((?>(?:[^"\\\x00-\x08\x0a\x0d-\x1f]++|\\(?:\r\n|.))*))"', re.DOTALL)
LONG_TEXT = re.compile(r"'''((?>(?:[^'\\]++|\\(?:\r\n|.)|'(?!''))*))'''", re.DOTALL)
SYMBOL = re.compile(r"'((?>(?:[^'\\\x00-\x08\x0a\x0d-\x1f]++|\\(?:\r\n|.))*))'", re.DOTALL)
OPERATORS = re.compile(r"(?>(?:[!#%&*+\-.;<=>?@^`|~]|/(?![/*]))+)")
BLOB = re.compile(r"\{\{([A-Za-z0-9+/= \t\n\r\v\f]*+)\}\}")
NULL_TYPES = frozenset("null bool int float decimal timestamp symbol string clob blob list sexp struct".split())
KEYWORDS = frozenset(["null", "true", "false", "nan"])

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\r\n|[\s\S]))|\r\n?",
)
_SIMPLE: Mapping[str, str] = {
    **{"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v"},
    **{'"': '"', "'": "'", "?": "?", "\\": "\\", "/": "/", "\n": "", "\r": "", "\r\n": ""},
}
_PAIRS = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def whole(token: str) -> int:
    """`1_000`, `-0x1F`, `0b101`."""
    if len(token) > MOST_DIGITS:
        raise ValueError(f"a number of more than {MOST_DIGITS:,} digits")
    digits = token.replace("_", "")
    head = digits.lstrip("-")[:2].lower()
    return int(digits, {"0x": 16, "0b": 2}.get(head, 10))


def double(token: str) -> float:
    """`1e0`, `2.5E-3`."""
    return float(token.replace("_", ""))


def decimal(token: str) -> Decimal:
    """`1.50`, `12d-1`: every digit is kept."""
    if len(token) > MOST_DIGITS:
        raise ValueError(f"a number of more than {MOST_DIGITS:,} digits")
    number, _, exponent = token.replace("_", "").replace("D", "d").partition("d")
    if abs(int(exponent or 0)) > LARGEST_EXPONENT:
        raise ValueError(f"a decimal with an exponent beyond {LARGEST_EXPONENT:,}")
    return Decimal(f"{number}e{exponent}" if exponent else number)


def infinite(token: str) -> float:
    """`+inf`, `-inf`."""
    return -math.inf if token[0] == "-" else math.inf


def timestamp(token: str) -> date | datetime:
    """A date where there is no time of day, else a datetime: without a zone where the offset is `-00:00`."""
    day, _, clock = token.partition("T")
    try:
        if not clock:
            year, month, number = (*map(int, day.split("-")), 1, 1)[:3]
            return date(year, month, number)
        moment = datetime.fromisoformat(token)
    except ValueError:
        raise ValueError(f"`{token[:40]}` is no time that exists") from None
    return moment.replace(tzinfo=None) if token.endswith("-00:00") else moment


NUMBERS: Mapping[str, Callable[[str], Any]] = {
    "integer": whole,
    "based": whole,
    "float": double,
    "decimal": decimal,
    "timestamp": timestamp,
    "infinite": infinite,
}


def unescaped(body: str) -> str:
    """The text between quotes: escapes resolved, line ends made `\\n`."""
    if "\\" not in body and "\r" not in body:
        return body
    text = _ESCAPE.sub(_character, body)
    return _PAIRS.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _character(match: re.Match[str]) -> str:
    if match[0][0] == "\r":
        return "\n"
    code = match[1] or match[2] or match[3]
    if code:
        return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else _no_escape(match[0])
    return _SIMPLE[match[4]] if match[4] in _SIMPLE else _no_escape(match[0])


def _no_escape(escape: str) -> str:
    raise ValueError(f"there is no escape `{escape[:10]}`")


def clob(body: str) -> bytes:
    """The bytes that the text of a clob stands for."""
    try:
        return unescaped(body).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a clob holds only characters of one byte") from None


def blob(body: str) -> bytes:
    """The bytes that Base64 stands for."""
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a blob holds Base64") from None
