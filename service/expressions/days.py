"""Which day and hour it is where a date was written: by the offset in its text, else in the service's zone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from service.expressions.date_reading import parse_date
from service.expressions.zones import zone_of

_OWN_ZONE = re.compile(r"\s*\d{4}-\d{2}-\d{2}(?:[T ][\d:.]{5,18})?\s*(Z|[+-]\d{2}(?::?\d{2}){0,2})?(?:\[([A-Za-z0-9_+\-/]{1,64})\])?\s*")
_LONGEST = 120


def local(value: Any, default: str) -> datetime:
    """A date as its author's calendar and clock show it. An instant (a number, a time that is no text) is looked at in the zone `default`. Raises Refused."""
    zone = zone_of(_written_zone(value) or default)
    return parse_date(value, zone).astimezone(zone)


def _written_zone(value: Any) -> str | None:
    match = _OWN_ZONE.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    return match and (match[2] or match[1])
