"""Values as the language sees them: their kinds, and how they print.

Two text forms exist, as in Java: what `{{ }}` writes (JSON for maps and lists, nothing for null), and what text operators see
(`String.valueOf`: `null`, `[1, 2]`, `{a=1}`). Numbers print as Java prints them in both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring as _quote
from typing import Any

from service.expressions.entry import Entry
from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.stack import roomy

_NUMBERS, _LISTS = (int, float, Decimal), (list, tuple)
_SCALARS = (str, bytes, bool, int, float, Decimal, datetime, date, time, timedelta, type(None))
_PAGE, _FEW, _NESTING = 4_096, 32, frozenset({dict, list, tuple})
_JAVA_PLAIN_FROM, _JAVA_PLAIN_TO = 1e-3, 1e7
_WORDS = {True: "true", False: "false"}


def is_number(value: object) -> bool:
    """Whether arithmetic takes it; booleans are none."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    """Lists and tuples; text is none."""
    return isinstance(value, _LISTS)


def is_long(value: object) -> bool:
    """Whether going through it may take so many calls that `roomy` is worth its price: a page of text, more than a few items, or lists and maps inside."""
    if value is None or isinstance(value, _NUMBERS):
        return False
    if isinstance(value, str):
        return len(value) > _PAGE
    if isinstance(value, dict | list | tuple):
        return len(value) > _FEW or not _NESTING.isdisjoint(map(type, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Mapping)


def _walk(budget: Budget, value: Any, step: Callable[..., Any], *args: Any) -> Any:
    if not is_long(value):
        return step(value, *args)
    budget.room()
    return roomy(step, value, *args)


def kind(value: object) -> str:
    """What a message calls it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "a map"
        case list() | tuple():
            return "a list"
        case datetime() | date() | time():
            return "a date"
        case timedelta():
            return "a duration"
        case _:
            return "a value of another kind"


def java_double(value: float) -> str:
    """`Double.toString`: at least one decimal, an `E` outside 0.001 … 10 000 000."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _JAVA_PLAIN_FROM <= abs(value) < _JAVA_PLAIN_TO:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = int(exponent) + len(digits) - 1
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{power}"


def iso_fraction(microsecond: int) -> str:
    """Java's `Instant.toString`: no fraction, three digits or six."""
    if not microsecond:
        return ""
    return f".{microsecond // 1000:03}" if microsecond % 1000 == 0 else f".{microsecond:06}"


def iso_instant(moment: datetime) -> str:
    """`2024-01-31T12:00:00.5Z`, as Java prints an instant."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}-{utc.day:02}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}{iso_fraction(utc.microsecond)}Z"


def iso_duration(length: timedelta) -> str:
    """`PT1H30M`, as Java prints a duration."""
    micros = length // timedelta(microseconds=1)
    if micros == 0:
        return "PT0S"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    second = f"{seconds}{f'.{fraction:06}'.rstrip('0') if fraction else ''}"
    parts = [(hours, f"{sign}{hours}H"), (minutes, f"{sign}{minutes}M"), (seconds or fraction, f"{sign}{second}S")]
    return "PT" + "".join(text for there, text in parts if there)


def _scalar(value: Any) -> str | None:
    """The text of anything that isn't null, a map or a list; None for those."""
    match value:
        case str():
            return value
        case bool():
            return _WORDS[value]
        case int():
            return str(value)
        case float():
            return java_double(value)
        case Decimal():
            return str(value)
        case datetime() if value.tzinfo is not None:
            return iso_instant(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return iso_duration(value)
        case _:
            return None


def _known(value: Any) -> str:
    text = _scalar(value)
    if text is None:
        raise Refused(f"{kind(value)} can't be printed")
    return text


def printed(value: Any, budget: Budget) -> str:
    """What `{{ value }}` writes."""
    if value is None:
        return ""
    if isinstance(value, Mapping) or is_list(value):
        return java_text(value, budget) if type(value) is Entry else json_text(value, budget)
    return _known(value)


def json_text(value: Any, budget: Budget, *, nulls: bool = False) -> str:
    """Compact JSON, keys in their order, text unescaped where JSON allows it. As Kestra's writer has it, entries of maps that are null are left out, unless
    `nulls` are wanted; items of lists stay."""
    parts: list[str] = []
    _walk(budget, value, _write_json, parts, budget, nulls, budget.limits.nesting)
    text = "".join(parts)
    budget.text(len(text))
    return text


def _write_json(value: Any, parts: list[str], budget: Budget, nulls: bool, levels: int) -> None:
    if value is None:
        parts.append("null")
    elif isinstance(value, str):
        budget.text(len(value))
        parts.append(_quote(value))
    elif isinstance(value, Mapping):
        _open(value, budget, levels)
        before = "{"
        for key, item in ((value["key"], value["value"]),) if type(value) is Entry else value.items():
            if item is None and not nulls:
                continue
            parts.append(f"{before}{_quote('null' if key is None else _known(key))}:")
            _write_json(item, parts, budget, nulls, levels - 1)
            before = ","
        parts.append("}" if before == "," else "{}")
    elif is_list(value):
        _open(value, budget, levels)
        before = "["
        for item in value:
            parts.append(before)
            _write_json(item, parts, budget, nulls, levels - 1)
            before = ","
        parts.append("]" if before == "," else "[]")
    else:
        parts.append(_json_scalar(value))


def _json_scalar(value: Any) -> str:
    text = _known(value)
    finite = not isinstance(value, float | Decimal) or math.isfinite(value)
    return text if isinstance(value, int | float | Decimal) and finite else _quote(text)


def _open(value: Any, budget: Budget, levels: int) -> None:
    """A level of a map or list is entered. Loops can build values that are small in memory and endless on paper."""
    if levels <= 0:
        raise Refused(f"maps and lists are nested deeper than {budget.limits.nesting} levels")
    budget.spend(16 + 2 * len(value))


def java_text(value: Any, budget: Budget) -> str:
    """`String.valueOf(value)`: what `+`, `~`, `join` and `isIn` work with."""
    if isinstance(value, str):
        return value
    text: str = _walk(budget, value, _java, budget, budget.limits.nesting)
    budget.text(len(text))
    return text


def _java(value: Any, budget: Budget, levels: int) -> str:
    if value is None:
        return "null"
    if type(value) is Entry:
        return f"{_java(value['key'], budget, levels)}={_java(value['value'], budget, levels)}"
    if isinstance(value, Mapping):
        _open(value, budget, levels)
        return "{" + ", ".join(f"{_java(key, budget, levels - 1)}={_java(item, budget, levels - 1)}" for key, item in value.items()) + "}"
    if is_list(value):
        _open(value, budget, levels)
        return "[" + ", ".join(_java(item, budget, levels - 1) for item in value) + "]"
    if isinstance(value, str):
        budget.text(len(value))
    return _known(value)


def parse_json(text: str) -> Any:
    """The data in a JSON text. Raises ValueError (json.JSONDecodeError where there is a place) or RecursionError; `NaN` is no JSON."""
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def plain(value: Any, budget: Budget) -> Any:
    """A copy that shares nothing with the scope: lazy maps are read, tuples become lists."""
    return _walk(budget, value, _plain, budget, budget.limits.nesting)


def _plain(value: Any, budget: Budget, levels: int) -> Any:
    if isinstance(value, Mapping):
        _open(value, budget, levels)
        return {key: _plain(item, budget, levels - 1) for key, item in value.items()}
    if is_list(value):
        _open(value, budget, levels)
        return [_plain(item, budget, levels - 1) for item in value]
    if not isinstance(value, _SCALARS):
        raise Refused(f"{kind(value)} can't be a result")
    return value


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """`==`: numbers by value, booleans only with booleans, maps and lists by content."""
    return bool(_walk(budget, left, _equal, right, budget, budget.limits.nesting))


def _equal(left: Any, right: Any, budget: Budget, levels: int) -> bool:
    if isinstance(left, str):
        if not isinstance(right, str) or len(left) != len(right):
            return False
        budget.look(len(left))
        return left == right
    if is_number(left):
        return is_number(right) and _same_number(left, right)
    if left is right:
        return True
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        _open(left, budget, levels)
        return len(left) == len(right) and _same_items(left, right, budget, levels)
    if is_list(left) and is_list(right):
        _open(left, budget, levels)
        return len(left) == len(right) and _same_items(dict(enumerate(left)), dict(enumerate(right)), budget, levels)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _same_items(left: Mapping[Any, Any], right: Mapping[Any, Any], budget: Budget, levels: int) -> bool:
    # A loop, not all(): each generator would be one more level of Python's stack.
    for key, item in left.items():  # noqa: SIM110  (see above)
        if key not in right or not _equal(item, right[key], budget, levels - 1):
            return False
    return True


def _same_number(left: Any, right: Any) -> bool:
    if isinstance(left, Decimal) != isinstance(right, Decimal):
        return bool(Decimal(str(left)) == Decimal(str(right)))
    return bool(left == right)
