"""What a driver gives, as Ion and JSON have it.

A moment with a zone is told in the zone that was asked for, one without has none. A duration is ISO-8601, a UUID, an address and whatever else has a text
is that text. JSON has fewer kinds: there numbers with a fraction are as exact as a double is, bytes are base64, dates and times ISO-8601.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runners.fields import format_duration
from runners.protocol import Unusable

_AS_THEY_ARE = (str, int, float, bool, type(None), Decimal, bytes, date)
_DEEPEST = 100


def zone(name: str | None) -> tzinfo:
    """The zone of that name, UTC for none; raises Unusable."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise Unusable(f"timeZoneId: {name[:60]!r} is no time zone; for example Europe/Paris, UTC") from problem


def row(columns: Sequence[str], values: Iterable[Any], zone: tzinfo) -> dict[str, Any]:
    """One row, by column; of two columns of one name the last counts."""
    return {column: value if type(value) in _AS_THEY_ARE else plain(value, zone) for column, value in zip(columns, values, strict=True)}


def plain(value: Any, zone: tzinfo, depth: int = _DEEPEST) -> Any:
    """The value as Ion has it."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(zone)
    if isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, time):
        return value.isoformat()
    if depth and isinstance(value, Mapping):
        return {str(plain(key, zone, 0)): plain(item, zone, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [plain(item, zone, depth - 1) for item in value]
    return str(value)


def as_json(value: Any) -> Any:
    """What `plain` gave, as JSON has it."""
    if isinstance(value, Decimal):
        whole = value.is_finite() and abs(value.adjusted()) < 400 and value == value.to_integral_value()
        return int(value) if whole else _finite(float(value))
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
