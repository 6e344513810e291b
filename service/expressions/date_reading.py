"""Dates out of text, numbers and dates: ISO without being asked, other forms by their Java pattern.

A date keeps the zone that it names itself; what names none is in the zone that is handed in. Numbers are seconds, milliseconds (from 12 digits), microseconds
(from 16) or nanoseconds (from 18) since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from service.expressions.date_fields import ISO_WEEKS, resolved
from service.expressions.date_patterns import LONGEST_PATTERN, nodes
from service.expressions.date_scanner import Scanner
from service.expressions.dates import pattern_of
from service.expressions.errors import Refused
from service.expressions.locales import ENGLISH, Language
from service.expressions.moments import Moment, from_nanos, zoned
from service.expressions.values import kind
from service.expressions.zones import zone_of

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{0,9}))?)?)?"
    r"\s*([Zz]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?(?:\[([A-Za-z0-9_+\-/:]+)\])?",
    re.ASCII,
)
#: From how many digits on a number counts which part of a second, in nanoseconds.
_SCALES = ((18, 1), (16, 1_000), (12, 1_000_000), (0, 1_000_000_000))
_MOST_DIGITS = 40
#: The named formats that are read as ISO text is, and those that only write; the others are read by their pattern.
_AS_ISO = frozenset(["iso_date_time", "iso_zoned_date_time", "iso_local_date_time", "iso_instant", "iso_date", "iso_local_date"])
_TIMES = frozenset(["iso_time", "iso_offset_time", "iso_local_time"])
_READ: Mapping[str, str] = {
    "iso_ordinal_date": "yyyy-DDD[XXXXX]",
    "iso_week_date": "YYYY-'W'ww-e[XXXXX]",
    "rfc_1123_date_time": "[EEE, ]d MMM yyyy H:m[:s] [Z][O]",
}


def parse_date(value: Any, zone: tzinfo, existing: str | None = None, language: Language = ENGLISH) -> datetime:
    """`read_moment` to the microsecond, as Python's datetime."""
    return read_moment(value, zone, existing, language).at


def read_moment(value: Any, zone: tzinfo, existing: str | None = None, language: Language = ENGLISH) -> Moment:
    """A time out of a date, a number or text.

    Text is read by the pattern `existing`, else as ISO: with a zone, without one, or a date alone. Raises Refused.
    """
    match value:
        case datetime():
            return Moment(value if value.tzinfo is not None else zoned(value, zone)).to(zone)
        case date():
            return Moment(zoned(datetime.combine(value, time()), zone))
        case bool():
            pass
        case int() | float() | Decimal():
            return _from_number(value, zone)
        case str():
            return _from_text(value, existing, zone, language) if existing else from_iso(value, zone)
        case time():
            raise Refused("a time of day is not a date")
    raise Refused(f"{kind(value)} is not a date")


def _from_number(value: float | Decimal, zone: tzinfo) -> Moment:
    try:
        number = Decimal(str(value))
        digits = number.adjusted() + 1
        if digits <= _MOST_DIGITS:
            scale = next(nanos for count, nanos in _SCALES if digits >= count or not count)
            return from_nanos(int(number * scale), zone)
    except (ArithmeticError, ValueError, Refused):
        pass
    raise Refused(f"the number {str(value)[:40]} is no time between the years 1 and 9999")


def from_iso(text: str, zone: tzinfo) -> Moment:
    """A time out of ISO text. Raises Refused."""
    match = _ISO.fullmatch(text.strip()) if len(text) <= LONGEST_PATTERN else None
    if not match:
        raise Refused(f"`{text[:40]}` can't be read as a date; name its pattern with `existingFormat`")
    *parts, fraction, offset, region = match.groups()
    nano = int((fraction or "").ljust(9, "0"))
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        local = datetime(year, month, day, hour, minute, second, nano // 1000)  # noqa: DTZ001  (its zone comes below)
        there = zone_of(region) if region else zone_of(offset.upper()) if offset else zone
        at = zoned(local, zone_of(offset.upper())).astimezone(there) if offset else zoned(local, there)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, Refused) else Refused(f"`{text[:40]}` is no date that exists") from None
    return Moment(at, nano % 1000)


def _from_text(text: str, existing: str, zone: tzinfo, language: Language) -> Moment:
    name = existing.lower()
    if name in _AS_ISO:
        return from_iso(text, UTC if name == "iso_instant" else zone)
    if name in _TIMES:
        raise Refused(f"a date can't be read by `{existing}`, which is a time of day alone")
    pattern = _READ.get(name) or pattern_of(existing, language)
    by = ISO_WEEKS if name in _READ else language
    if len(text) > LONGEST_PATTERN:
        raise Refused(f"`{text[:40]}…` is too long for a date")
    scanner = Scanner(text, by, name in _READ)
    if not scanner.whole(nodes(pattern)) or (name == "rfc_1123_date_time" and not scanner.zone):
        raise Refused(f"`{text}` does not look like the pattern `{existing}`: {_where(text, scanner.position)}")
    try:
        return _placed(resolved(scanner.got, scanner.parts, by), scanner.zone, zone)
    except (Refused, OverflowError) as error:
        reason = str(error) if isinstance(error, Refused) else "it leaves the years 1 to 9999"
        raise Refused(f"`{text}` is no date by the pattern `{existing}`: {reason}") from None


def _where(text: str, position: int) -> str:
    if position >= len(text):
        return "it ends too early"
    return f"it differs from character {position + 1} on, `{text[position : position + 20]}`"


def _placed(local: Moment, found: Mapping[str, tzinfo], zone: tzinfo) -> Moment:
    """A local time in the zone that the text names, by the offset that it names, else in the default zone."""
    there = found.get("region") or found.get("offset") or zone
    plain = local.at.replace(tzinfo=None)
    if "offset" in found:
        return Moment(plain.replace(tzinfo=found["offset"]).astimezone(there), local.nanos)
    return Moment(zoned(plain, there), local.nanos)
