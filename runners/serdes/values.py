"""A row's value as text: in a cell, and as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Unusable
from runners.serdes import patterns
from runners.serdes.patterns import Pattern, PatternError

DATE, TIME, MOMENT = "yyyy-MM-dd", "HH:mm:ss[XXX]", "yyyy-MM-dd'T'HH:mm:ss.SSS[XXX]"


def zone_of(name: str) -> tzinfo:
    """The zone of a name. Raises Unusable."""
    try:
        return ZoneInfo(name.strip())
    except (LookupError, ValueError, OSError):
        raise Unusable(f"`timeZoneId` is `{name[:60]}`: there is no time zone of that name; Europe/Paris and Etc/UTC are some") from None


class Cells:
    """Values as text of cells. Raises Unusable for a pattern that is none."""

    def __init__(self, date_format: str, time_format: str, moment_format: str, zone: str) -> None:
        self._zone = zone_of(zone)
        self._date = _pattern("dateFormat", date_format)
        self._time = _pattern("timeFormat", time_format)
        self._moment = _pattern("dateTimeFormat", moment_format)

    def text(self, value: Any) -> str:
        """What stands in a cell: nothing for null, JSON for maps and lists."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float | Decimal):
            return number_text(value)
        if isinstance(value, datetime):
            return self._moment.format(value if value.tzinfo else value.replace(tzinfo=self._zone))
        if isinstance(value, date):
            return self._date.format(value)
        if isinstance(value, time):
            return self._time.format(value)
        return base64.b64encode(value).decode() if isinstance(value, bytes) else json_text(value, self._zone)


def _pattern(name: str, text: str) -> Pattern:
    try:
        return patterns.read(text)
    except PatternError as wrong:
        raise Unusable(f"`{name}` is `{text[:60]}`: {wrong}") from None


def number_text(value: float | Decimal) -> str:
    """A number with all of its digits, and none that it does not have."""
    if isinstance(value, Decimal) and value.is_finite():
        _, digits, exponent = value.as_tuple()
        # Beyond that, zeros alone would fill the cell.
        return format(value, "f") if isinstance(exponent, int) and abs(exponent) + len(digits) < 400 else str(value)
    return str(value)


def json_text(value: Any, zone: tzinfo) -> str:
    """A value as JSON on one line; decimals keep their digits. Raises Unusable for what is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_slowly)
    except (_Slowly, ValueError):
        return _json(value, zone)
    except RecursionError:
        raise Unusable("a value is nested too deeply") from None


class _Slowly(Exception):
    """The value holds what the quick way does not know."""


def _slowly(_value: Any) -> Any:
    raise _Slowly


def _json(value: Any, zone: tzinfo) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quoted(str(key))}:{_json(item, zone)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_json(item, zone) for item in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return _quoted("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Decimal):
        return number_text(value) if value.is_finite() else _json(float(value), zone)
    if isinstance(value, datetime):
        return _quoted((value if value.tzinfo else value.replace(tzinfo=zone)).isoformat().replace("+00:00", "Z"))
    if isinstance(value, date | time):
        return _quoted(value.isoformat())
    return _quoted(base64.b64encode(value).decode()) if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)


_quoted: Callable[[str], str] = json.encoder.encode_basestring

# properties

CHARSET: Any = Field("UTF-8", description="The charset of the text file.")
ZONE: Any = Field("Etc/UTC", description="The time zone of times that name none.")
Charset = Dynamic[Text]
