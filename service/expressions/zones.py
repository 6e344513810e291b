"""Time zones by the names that Java takes: `Europe/Paris`, `UTC`, `Z`, `+02:00`, `UTC+2`."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.expressions.errors import Refused

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")
_LONGEST = 64
_MOST_HOURS = 18


@lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """The zone of that name. Raises Refused for one that doesn't exist."""
    if name in ("Z", "UTC", "GMT", "UT"):
        return UTC
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes, seconds = match.groups()
        length = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        if length <= timedelta(hours=_MOST_HOURS):
            return timezone(-length if sign == "-" else length)
    try:
        if len(name) <= _LONGEST:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise Refused(f"there is no time zone `{name[:_LONGEST]}`; write for example `Europe/Paris` or `+02:00`")
