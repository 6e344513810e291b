"""Time zones by the names that Java takes: `Europe/Paris`, `UTC`, `Z`, `+02:00`, `UTC+2`.

`Z` and `+02:00` are offsets, `UTC` and `UTC+2` are regions with an id of their own, as in Java: it shows where zones are written (`VV`, `iso_date_time`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.expressions.errors import Refused

_OFFSET = re.compile(r"(UTC|GMT|UT)?(?:([+-])(\d{1,2})(?::?([0-5]\d)(?::?([0-5]\d))?)?)?", re.ASCII)
_LONGEST = 64
_MOST_SECONDS = 18 * 3600
#: Not zones, or zones that count leap seconds: what an operating system keeps beside them.
_NO_ZONES = frozenset(["localtime", "posix", "posixrules", "right", "Factory"])


class PrefixedOffset(tzinfo):
    """A region that is an offset with a prefix: `UTC+02:00`."""

    def __init__(self, key: str, offset: timedelta) -> None:
        self.key = key
        self._offset = offset

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        return self._offset

    def dst(self, _moment: datetime | None) -> timedelta:
        return timedelta()

    def tzname(self, _moment: datetime | None) -> str:
        return self.key


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The zone of that name. Raises Refused for one that doesn't exist."""
    if name == "Z":
        return UTC
    match = _OFFSET.fullmatch(name) if name not in ("UTC", "GMT", "") else None
    if match and (zone := _fixed(*match.groups(default=""))):
        return zone
    try:
        if 0 < len(name) <= _LONGEST and name.split("/")[0] not in _NO_ZONES:
            return _region(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise Refused(f"there is no time zone `{name[:_LONGEST]}`; write for example `Europe/Paris` or `+02:00`")


@lru_cache(maxsize=1024)  # all there are; offsets, of which there are more, don't push them out
def _region(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _fixed(prefix: str, sign: str, hours: str, minutes: str, seconds: str) -> tzinfo | None:
    length = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    if length > _MOST_SECONDS:
        return None
    offset = timedelta(seconds=-length if sign == "-" else length)
    if prefix:
        return PrefixedOffset(f"{prefix}{offset_text(offset)}" if length else prefix, offset)
    return timezone(offset) if length else UTC


def offset_text(offset: timedelta) -> str:
    """`+02:00`, with seconds where there are some."""
    seconds = int(offset.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    text = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def region_of(zone: tzinfo | None) -> str | None:
    """The id of a region; None for an offset."""
    key = getattr(zone, "key", None)
    return key if isinstance(key, str) else None


def zone_id(moment: datetime) -> str:
    """What Java calls the zone of this time: a region's id, an offset, `Z`."""
    offset = moment.utcoffset() or timedelta()
    return region_of(moment.tzinfo) or (offset_text(offset) if offset else "Z")
