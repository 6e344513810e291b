"""Plain values to Ion text, as Amazon's Java library writes it: compact, one value on one line."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from runners.ion.errors import IonError

DEEPEST = 100

_NAME = re.compile(r"(?!(?:null|true|false|nan)\Z|\$[0-9]+\Z)[A-Za-z_$][A-Za-z0-9_$]*")
_SPECIAL = re.compile('["\\\\\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_SPECIAL_IN_SYMBOL = re.compile("['\\\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES = {
    **{'"': '\\"', "'": "\\'", "\\": "\\\\", "\0": "\\0", "\a": "\\a", "\b": "\\b"},
    **{"\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\v": "\\v"},
}
#: A decimal smaller than that is written with an exponent.
_MOST_ZEROS = -6
#: Names of that length are not kept.
_LONG_NAME = 100
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7


def _free(_length: int) -> None:
    pass


def _no_text(value: Any) -> str:
    raise IonError(f"Ion has no form for {'a duration' if isinstance(value, timedelta) else 'a value of another kind'}")


def write(value: Any, depth: int = DEEPEST, pay: Callable[[int], None] = _free, text_of: Callable[[Any], str] = _no_text) -> str:
    """The value as Ion text, without a line end. `pay` is called with the length of each piece of it, and may raise. What Ion has no form for is written as
    its `text_of`. Raises IonError for what has none, and for what is nested deeper than `depth`."""
    parts: list[str] = []
    _Writer(parts, pay, text_of).value(value, depth)
    return "".join(parts)


class _Writer:
    """Where the pieces go, and what is known of the rest."""

    def __init__(self, parts: list[str], pay: Callable[[int], None], text_of: Callable[[Any], str]) -> None:
        self._out, self._pay, self._text_of = parts.append, pay, text_of

    def value(self, value: Any, levels: int) -> None:
        writer = _SCALARS.get(type(value))
        if writer is None and isinstance(value, Mapping):
            self._struct(value, _deeper(levels))
        elif writer is None and isinstance(value, list | tuple):
            self._list(value, _deeper(levels))
        else:
            text = writer(value) if writer else self._other(value)
            self._pay(len(text))
            self._out(text)

    def _struct(self, value: Mapping[Any, Any], levels: int) -> None:
        self._pay(2)
        before = "{"
        for key, item in value.items():
            name = field_name(key) if type(key) is str and len(key) < _LONG_NAME else _symbol(self._key(key))
            writer = _SCALARS.get(type(item))
            if writer is not None:
                text = writer(item)
                self._pay(len(name) + len(text))
                self._out(f"{before}{name}:{text}")
            else:
                self._pay(len(name))
                self._out(f"{before}{name}:")
                self.value(item, levels)
            before = ","
        self._out("}" if before == "," else "{}")

    def _list(self, value: list[Any] | tuple[Any, ...], levels: int) -> None:
        self._pay(2)
        before = "["
        for item in value:
            self._out(before)
            self.value(item, levels)
            before = ","
        self._out("]" if before == "," else "[]")

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return key
        if isinstance(key, float):
            return _double(key) if math.isfinite(key) else _float(key)
        return str(key) if isinstance(key, Decimal) else self._other(key).strip('"')

    def _other(self, value: Any) -> str:
        """Whatever is not exactly of a known type: a subclass of one, or nothing that Ion has."""
        for known, writer in _SCALARS.items():
            if isinstance(value, known):
                return writer(value)
        return _text(self._text_of(value))


def _deeper(levels: int) -> int:
    if levels <= 0:
        raise IonError("maps and lists are nested too deeply")
    return levels - 1


def _symbol(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    return f"'{_SPECIAL_IN_SYMBOL.sub(_escaped, name)}'"


#: The names of rows are few and come again in every row.
field_name = lru_cache(maxsize=1024)(_symbol)


def _text(value: str) -> str:
    if _SPECIAL.search(value):
        value = _SPECIAL.sub(_escaped, value)
    return f'"{value}"'


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _ESCAPES.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")


def _float(value: float) -> str:
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf"
    text = _double(value)
    if "E" in text:
        return text
    return f"{text.removesuffix('.0')}e0"


def _double(value: float) -> str:
    """Java's `Double.toString` of a finite number."""
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return repr(float(value))
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{digits[0]}.{''.join(map(str, digits[1:])) or '0'}E{power}"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return _float(float(value))
    sign, digits, power = value.as_tuple()
    unscaled, exponent = "".join(map(str, digits)), int(power)
    minus = "-" if sign else ""
    if exponent == 0:
        return f"{minus}{unscaled}."
    if exponent > 0:
        return f"{minus}{unscaled}d{exponent}"
    whole = len(unscaled) + exponent
    if whole > 0:
        return f"{minus}{unscaled[:whole]}.{unscaled[whole:]}"
    if whole - 1 >= _MOST_ZEROS:
        return f"{minus}0.{'0' * -whole}{unscaled}"
    return f"{minus}{unscaled}d{exponent}"


def _moment(value: datetime) -> str:
    text = value.isoformat()
    if value.tzinfo is None:
        return f"{text}-00:00"
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _bytes(value: bytes) -> str:
    return f"{{{{{base64.b64encode(value).decode()}}}}}"


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    str: _text,
    bool: {True: "true", False: "false"}.__getitem__,  # before int, of which it is one
    int: str,
    type(None): lambda _: "null",
    float: _float,
    Decimal: _decimal,
    datetime: _moment,
    date: date.isoformat,
    time: lambda value: f'"{value.isoformat()}"',
    bytes: _bytes,
}
