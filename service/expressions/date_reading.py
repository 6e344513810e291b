"""Dates out of text, numbers and dates: ISO without being asked, other forms by their Java pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from service.expressions.dates import LONGEST_PATTERN, MONTHS, NAMED, fields
from service.expressions.errors import Refused
from service.expressions.values import kind
from service.expressions.zones import zone_of

_OFFSET_PATTERN = r"(?:Z|[+-]\d{2}(?::?\d{2})?(?::?\d{2})?)"
_READERS: Mapping[str, str] = {
    "y": r"\d{4,9}",
    "u": r"\d{4,9}",
    "d": r"\d{1,2}",
    "D": r"\d{1,3}",
    "H": r"\d{1,2}",
    "h": r"\d{1,2}",
    "K": r"\d{1,2}",
    "k": r"\d{1,2}",
    "m": r"\d{1,2}",
    "s": r"\d{1,2}",
    "S": r"\d{1,9}",
    "n": r"\d{1,9}",
    "a": r"[AaPp][Mm]",
    "E": r"[A-Za-z]+",
    "X": _OFFSET_PATTERN,
    "x": _OFFSET_PATTERN,
    "Z": rf"(?:GMT)?{_OFFSET_PATTERN}",
    "z": r"[A-Za-z][A-Za-z0-9_+\-/]*",
    "V": r"[A-Za-z][A-Za-z0-9_+\-/]*",
}
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?(?:\[([A-Za-z0-9_+\-/]+)\])?",
)


@lru_cache(maxsize=256)
def _reader(pattern: str) -> re.Pattern[str]:
    parts = []
    seen: set[str] = set()
    for field in fields(NAMED.get(pattern, pattern)):
        if field.letter == "'":
            parts.append(re.escape(field.text))
            continue
        letter = {"u": "y", "L": "M"}.get(field.letter, field.letter)
        if letter != "M" and letter not in _READERS:
            raise Refused(f"dates can't be read by the letter `{field.letter}` of the pattern `{pattern}`")
        expression = _field_expression(letter, field.width)
        parts.append(f"(?P<{letter}>{expression})" if letter not in seen else f"(?:{expression})")
        seen.add(letter)
    return re.compile("".join(parts), re.ASCII)


def _field_expression(letter: str, count: int) -> str:
    if letter == "M":
        return r"\d{1,2}" if count == 1 else r"\d{2}" if count == 2 else r"[A-Za-z]+"
    if letter == "y" and count == 2:
        return r"\d{2}"
    if letter in "dDHhKkmsS" and count >= 2:
        return rf"\d{{{count}}}"
    return _READERS[letter]


def parse_date(value: Any, zone: tzinfo, existing: str | None = None) -> datetime:
    """An aware time out of a date, a number (seconds, milliseconds or nanoseconds by its digits) or text.

    Text is read by the pattern `existing`, else as ISO: with a zone, without one (then it is in `zone`), or a date alone. Raises Refused.
    """
    match value:
        case datetime():
            return value if value.tzinfo is not None else value.replace(tzinfo=zone)
        case date():
            return datetime.combine(value, time(), zone)
        case bool():
            pass
        case int():
            return _from_number(value, zone)
        case str():
            return _from_pattern(value, existing, zone) if existing else _from_iso(value, zone)
        case float() | Decimal():
            return _from_number(int(value), zone)
    raise Refused(f"{kind(value)} is not a date")


def _from_number(value: int, zone: tzinfo) -> datetime:
    digits = len(str(abs(value)))
    scale = 1_000_000_000 if digits > 16 else 1_000 if digits > 11 else 1
    seconds, rest = divmod(value, scale)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // scale)
        return moment.astimezone(zone)
    except OverflowError:
        raise Refused(f"the number {value} is no time between the years 1 and 9999") from None


def _from_iso(text: str, zone: tzinfo) -> datetime:
    match = _ISO.fullmatch(text.strip()) if len(text) <= LONGEST_PATTERN else None
    if not match:
        raise Refused(f"`{text[:40]}` can't be read as a date; name its pattern with `existingFormat`")
    year, month, day, hour, minute, second, fraction, offset, region = match.groups()
    there = zone_of(region) if region else zone_of(offset) if offset else zone
    parts = [int(part or 0) for part in (year, month, day, hour, minute, second)]
    return _build(parts, _micros(fraction), there, text).astimezone(zone if offset or region else there)


def _micros(fraction: str | None) -> int:
    return int((fraction or "0").ljust(6, "0")[:6])


def _build(parts: list[int], micros: int, zone: tzinfo, text: str) -> datetime:
    year, month, day, hour, minute, second = parts
    try:
        return datetime(year, month, day, hour, minute, second, micros, tzinfo=zone)
    except (ValueError, OverflowError):
        raise Refused(f"`{text[:40]}` is no date that exists") from None


def _from_pattern(text: str, pattern: str, zone: tzinfo) -> datetime:
    match = _reader(pattern).fullmatch(text) if len(text) <= LONGEST_PATTERN else None
    if not match:
        raise Refused(f"`{text[:40]}` does not look like the pattern `{pattern}`")
    got = {letter: value for letter, value in match.groupdict().items() if value is not None}
    there = next((zone_of(got[letter].removeprefix("GMT") or "Z") for letter in "XxZVz" if letter in got), zone)
    year = int(got.get("y", 1970))
    if len(got.get("y", "1970")) == 2:
        year += 2000
    micros = int(got["n"]) // 1000 if "n" in got else _micros(got.get("S"))
    moment = _build([year, _month_number(got, text), int(got.get("d", 1)), _hour(got), int(got.get("m", 0)), int(got.get("s", 0))], micros, there, text)
    return moment + timedelta(days=int(got["D"]) - 1) if "D" in got else moment


def _month_number(got: Mapping[str, str], text: str) -> int:
    month = got.get("M", "1")
    if month.isdigit():
        return int(month)
    for number, name in enumerate(MONTHS, 1):
        if month.lower() in (name.lower(), name[:3].lower()):
            return number
    raise Refused(f"`{text[:40]}` names no month")


def _hour(got: Mapping[str, str]) -> int:
    if "H" in got:
        return int(got["H"])
    if "k" in got:
        return int(got["k"]) % 24
    if "h" in got or "K" in got:
        return int(got.get("h", got.get("K", "0"))) % 12 + (12 if got.get("a", "am").lower() == "pm" else 0)
    return 0
