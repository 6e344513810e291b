"""Java's patterns of dates and times, as far as files of rows use them: `yyyy-MM-dd'T'HH:mm[:ss][.SSSSSS][XXX]`, there and back.

Letters: y u (year), M (month, by name from MMM on), d, H, h, a, m, s, S (fraction), n (nanoseconds), E (day of the week), X x Z (offset), V z (zone).
What is in brackets is left out where the value does not have it, and may be missing in a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_DATE_LETTERS, _TIME_LETTERS, _ZONE_LETTERS = "yuMdE", "HhmsSna", "XxZVz"
_TOKEN = re.compile(r"(?P<run>([A-Za-z])\2*)|'(?P<quoted>(?:[^']|'')*)'|(?P<open>\[)|(?P<close>\])|(?P<other>[^A-Za-z'\[\]])")
_LONGEST = 200


class PatternError(ValueError):
    """A pattern that can't be read, or a text that does not match one."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of one letter; text as it stands where `letter` is empty; or an optional section."""

    letter: str
    count: int
    text: str
    section: tuple[_Part, ...] | None = None


@lru_cache(maxsize=64)
def read(text: str) -> Pattern:
    """A pattern. Raises PatternError."""
    if len(text) > _LONGEST:
        raise PatternError(f"a pattern has at most {_LONGEST} characters")
    stack: list[list[_Part]] = [[]]
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PatternError("a quote is not closed")
        at = found.end()
        if found["open"]:
            stack.append([])
        elif found["close"]:
            if len(stack) == 1:
                raise PatternError("a `]` has no `[`")
            section = tuple(stack.pop())
            stack[-1].append(_Part("", 0, "", section))
        else:
            stack[-1].append(_part(found))
    if len(stack) > 1:
        raise PatternError("a `[` is not closed")
    return Pattern(tuple(stack[0]))


def _part(found: re.Match[str]) -> _Part:
    run = found["run"]
    if run is None:
        quoted = found["quoted"]
        return _Part("", 0, found["other"] if quoted is None else quoted.replace("''", "'") or "'")
    if run[0] not in _DATE_LETTERS + _TIME_LETTERS + _ZONE_LETTERS:
        raise PatternError(f"the letter `{run[0]}` is not known here")
    return _Part(run[0], len(run), run)


class Pattern:
    """A pattern that has been read."""

    def __init__(self, parts: tuple[_Part, ...]) -> None:
        self._parts = parts
        self._matching: re.Pattern[str] | None = None

    def format(self, value: date | time) -> str:
        """The text of a date, a time or a moment. Raises PatternError for what the pattern wants and it does not have."""
        return _format(self._parts, value)

    def parse(self, text: str) -> dict[str, str]:
        """The parts of a text by their letter. Raises PatternError."""
        if self._matching is None:
            self._matching = re.compile(_expression(self._parts, set()))
        found = self._matching.fullmatch(text)
        if found is None:
            raise PatternError("does not match the pattern")
        return {name: part for name, part in found.groupdict().items() if part is not None}

    def date(self, text: str) -> date:
        """A text as a date."""
        return _date(self.parse(text))

    def time(self, text: str) -> time:
        """A text as a time of day."""
        return _time(self.parse(text))

    def moment(self, text: str, zone: tzinfo) -> datetime:
        """A text as a moment; in this zone where it names none."""
        parts = self.parse(text)
        return datetime.combine(_date(parts), _time(parts), _zone(parts) or zone)


def _format(parts: tuple[_Part, ...], value: date | time) -> str:
    pieces = []
    for part in parts:
        if part.section is not None:
            if all(_has(value, inner) for inner in part.section):
                pieces.append(_format(part.section, value))
        elif part.letter:
            if not _has(value, part):
                raise PatternError(f"`{part.text}` is nothing that the value has")
            pieces.append(_piece(part, value))
        else:
            pieces.append(part.text)
    return "".join(pieces)


def _has(value: date | time, part: _Part) -> bool:
    if not part.letter:
        return True
    if part.letter in _DATE_LETTERS:
        return isinstance(value, date)
    if part.letter in _TIME_LETTERS:
        return not isinstance(value, date) or isinstance(value, datetime)
    return getattr(value, "tzinfo", None) is not None


def _piece(part: _Part, value: date | time) -> str:  # noqa: PLR0911 - a table of letters, each with its own form
    count = part.count
    if isinstance(value, date):
        match part.letter:
            case "y" | "u":
                return f"{value.year % 100:02}" if count == 2 else f"{value.year:0{count}}"
            case "M":
                name = _MONTHS[value.month - 1]
                return f"{value.month:0{count}}" if count < 3 else name[:3] if count == 3 else name
            case "d":
                return f"{value.day:0{count}}"
            case "E":
                name = _DAYS[value.weekday()]
                return name[:3] if count < 4 else name
    assert isinstance(value, datetime | time)
    if part.letter in _ZONE_LETTERS:
        return _offset(part, value)
    if part.letter == "S":
        return f"{value.microsecond:06}000000"[:count]
    if part.letter == "a":
        return "AM" if value.hour < 12 else "PM"
    number = {"H": value.hour, "h": value.hour % 12 or 12, "m": value.minute, "s": value.second, "n": value.microsecond * 1000}[part.letter]
    return f"{number:0{count}}"


def _offset(part: _Part, value: datetime | time) -> str:
    if part.letter in "Vz" and isinstance(value.tzinfo, ZoneInfo):
        return value.tzinfo.key if part.letter == "V" else value.tzname() or ""
    seconds = int((value.utcoffset() or timedelta()).total_seconds())
    if not seconds and (part.letter in "XVz"):
        return "Z"
    sign, (minutes, _) = "-" if seconds < 0 else "+", divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if part.letter in "Xx" and part.count == 1:
        return f"{sign}{hours:02}" + (f"{minutes:02}" if minutes else "")
    colon = ":" if (part.letter in "Xx" and part.count in (3, 5)) or part.letter in "Vz" else ""
    return f"{sign}{hours:02}{colon}{minutes:02}"


def _expression(parts: tuple[_Part, ...], seen: set[str]) -> str:
    pieces = []
    for part in parts:
        if part.section is not None:
            pieces.append(f"(?:{_expression(part.section, seen)})?")
        elif not part.letter:
            pieces.append(re.escape(part.text))
        elif part.letter in seen:
            raise PatternError(f"`{part.letter}` stands in it twice")
        else:
            seen.add(part.letter)
            pieces.append(f"(?P<{part.letter}>{_digits(part)})")
    return "".join(pieces)


def _digits(part: _Part) -> str:
    letter, count = part.letter, part.count
    if letter in "XxZVz":
        return r"Z|[+-]\d{2}(?::?\d{2})?" + (r"|[A-Za-z]+(?:/[A-Za-z_+-]+\d*)*" if letter in "Vz" else "")
    if (letter == "M" and count >= 3) or letter in "Ea":
        return r"[A-Za-z]+"
    if letter in "yu":
        return r"\d{2}" if count == 2 else r"\d{4}"
    return r"\d{1,9}" if letter in "Sn" else rf"\d{{{count}}}" if count > 1 else r"\d{1,2}"


def _date(parts: dict[str, str]) -> date:
    year = parts.get("y") or parts.get("u")
    month, day = parts.get("M", ""), parts.get("d", "")
    if not year or not month or not day:
        raise PatternError("has no whole date")
    number = int(month) if month.isdigit() else _month(month)
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), number, int(day))
    except ValueError:
        raise PatternError("is no day that exists") from None


def _month(name: str) -> int:
    found = [number for number, full in enumerate(_MONTHS, start=1) if len(name) >= 3 and full.lower().startswith(name.lower())]
    if not found:
        raise PatternError(f"`{name}` is no month")
    return found[0]


def _time(parts: dict[str, str]) -> time:
    hour = int(parts.get("H") or parts.get("h") or 0)
    if "h" in parts:
        hour = hour % 12 + (12 if parts.get("a", "").upper() == "PM" else 0)
    fraction = parts["S"].ljust(6, "0")[:6] if "S" in parts else f"{int(parts.get('n', '0')) // 1000:06}"
    try:
        return time(hour, int(parts.get("m", 0)), int(parts.get("s", 0)), int(fraction))
    except ValueError:
        raise PatternError("is no time that exists") from None


def _zone(parts: dict[str, str]) -> tzinfo | None:
    text = next((parts[letter] for letter in "XxZVz" if letter in parts), None)
    if text is None or text == "Z":
        return UTC if text else None
    if text[0] in "+-":
        hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
        if hours > 18 or minutes > 59:
            raise PatternError(f"`{text}` is no offset")
        return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))
    try:
        return ZoneInfo(text)
    except (LookupError, ValueError, OSError):
        raise PatternError(f"`{text}` is no time zone") from None
