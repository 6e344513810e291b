"""Dates as Java's DateTimeFormatter writes them: patterns (`yyyy-MM-dd'T'HH:mm`), the named formats of the language, and the four styles.

A pattern is a list of fields and literal text (`fields`); a field is a letter and how often it is repeated. Names of months and days are English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from service.expressions.errors import Refused
from service.expressions.values import iso_instant

MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
LONGEST_PATTERN = 200
_NOON = 12

NAMED: Mapping[str, str] = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_milli": "yyyy-MM-dd HH:mm:ss.SSS",
    "sql_sec": "yyyy-MM-dd HH:mm:ss",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
    "iso_date": "yyyy-MM-ddXXX",
    "iso_local_date": "yyyy-MM-dd",
    "iso_ordinal_date": "yyyy-DDDXXX",
    "full": "EEEE, MMMM d, yyyy 'at' h:mm:ss a zzzz",
    "long": "MMMM d, yyyy 'at' h:mm:ss a z",
    "medium": "MMM d, yyyy, h:mm:ss a",
    "short": "M/d/yy, h:mm a",
}


def _local_time(moment: datetime) -> str:
    fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".") if moment.microsecond else ""
    return f"{moment:%H:%M:%S}{fraction}"


def _zone_suffix(moment: datetime) -> str:
    name = getattr(moment.tzinfo, "key", None)
    return f"{_offset(moment, 3, 'X')}[{name}]" if name else _offset(moment, 3, "X")


def _rfc_1123(moment: datetime) -> str:
    offset = _offset(moment, 2, "x")
    day = f"{_DAYS[moment.weekday()][:3]}, {moment.day} {MONTHS[moment.month - 1][:3]} {moment.year:04}"
    return f"{day} {moment:%H:%M:%S} {'GMT' if offset == '+0000' else offset}"


def _week_date(moment: datetime) -> str:
    year, week, day = moment.isocalendar()
    return f"{year:04}-W{week:02}-{day}{_offset(moment, 3, 'X')}"


_COMPUTED: Mapping[str, Callable[[datetime], str]] = {
    "iso_date_time": lambda moment: f"{_iso_date(moment)}T{_local_time(moment)}{_zone_suffix(moment)}",
    "iso_zoned_date_time": lambda moment: f"{_iso_date(moment)}T{_local_time(moment)}{_zone_suffix(moment)}",
    "iso_time": lambda moment: f"{_local_time(moment)}{_offset(moment, 3, 'X')}",
    "iso_offset_time": lambda moment: f"{_local_time(moment)}{_offset(moment, 3, 'X')}",
    "iso_local_time": _local_time,
    "iso_local_date_time": lambda moment: f"{_iso_date(moment)}T{_local_time(moment)}",
    "iso_instant": iso_instant,
    "iso_week_date": _week_date,
    "rfc_1123_date_time": _rfc_1123,
}


def _iso_date(moment: datetime) -> str:
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"


class Field(NamedTuple):
    """A pattern letter and how often it stands in a row; literal text has the letter `'`."""

    letter: str
    width: int
    text: str = ""


@lru_cache(maxsize=512)
def fields(pattern: str) -> tuple[Field, ...]:
    if len(pattern) > LONGEST_PATTERN:
        raise Refused("this date pattern is too long")
    result: list[Field] = []
    index = 0
    while index < len(pattern):
        letter = pattern[index]
        if letter == "'":
            index, text = _quoted(pattern, index)
            result.append(Field("'", 1, text))
        elif letter.isascii() and letter.isalpha():
            end = index
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            result.append(Field(letter, end - index))
            index = end
        elif letter in "[]":
            index += 1  # optional parts: always written
        elif letter in "{}#":
            raise Refused(f"the date pattern `{pattern}` holds `{letter}`, which has no meaning; quote it with `'`")
        else:
            result.append(Field("'", 1, letter))
            index += 1
    return tuple(result)


def _quoted(pattern: str, start: int) -> tuple[int, str]:
    if pattern.startswith("''", start):
        return start + 2, "'"
    end, text = start + 1, ""
    while True:
        close = pattern.find("'", end)
        if close < 0:
            raise Refused(f"in the date pattern `{pattern}` a `'` is not closed")
        text += pattern[end:close]
        if not pattern.startswith("''", close):
            return close + 1, text
        text, end = text + "'", close + 2


def format_date(moment: datetime, pattern: str) -> str:
    """An aware time by a named format, a style or a Java pattern. Raises Refused for a pattern that can't be read."""
    if computed := _COMPUTED.get(pattern):
        return computed(moment)
    return "".join(field.text if field.letter == "'" else _formatted(moment, field, pattern) for field in fields(NAMED.get(pattern, pattern)))


def _formatted(moment: datetime, field: Field, pattern: str) -> str:
    write = _WRITERS.get(field.letter)
    if write is None:
        raise Refused(f"the date pattern `{pattern}` holds the letter `{field.letter}`, which has no meaning here; quote text with `'`")
    return write(moment, field.width)


def _padded(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: str(value(moment)).zfill(count)


def _year(moment: datetime, count: int) -> str:
    return f"{moment.year % 100:02}" if count == 2 else str(moment.year).zfill(count)


def _week_year(moment: datetime, count: int) -> str:
    year = moment.isocalendar().year
    return f"{year % 100:02}" if count == 2 else str(year).zfill(count)


def _name(names: list[str], index: int, count: int) -> str:
    """Three letters: short; four: full; five: the first letter."""
    return {3: names[index][:3], 4: names[index], 5: names[index][0]}.get(count, names[index][:3])


def _month(moment: datetime, count: int) -> str:
    return str(moment.month).zfill(count) if count <= 2 else _name(MONTHS, moment.month - 1, count)


def _day_number(moment: datetime, count: int) -> str:
    """Localised day of the week: the week begins on Sunday in English."""
    return str(moment.isoweekday() % 7 + 1).zfill(count) if count <= 2 else _name(_DAYS, moment.weekday(), count)


def _quarter(moment: datetime, count: int) -> str:
    number = (moment.month + 2) // 3
    return {3: f"Q{number}", 4: f"{('1st', '2nd', '3rd', '4th')[number - 1]} quarter"}.get(count, str(number).zfill(count))


def _fraction(moment: datetime, count: int) -> str:
    return f"{moment.microsecond:06}000".ljust(count, "0")[:count]


def _offset(moment: datetime, count: int, letter: str) -> str:
    """`X` and `x`: one to three letters are `+02`, `+0200`, `+02:00`; `X` writes zero as `Z`."""
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and letter == "X":
        return "Z"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    colon = ":" if count in (3, 5) else ""
    text = f"{sign}{hours:02}" if count == 1 and not minutes else f"{sign}{hours:02}{colon}{minutes:02}"
    return f"{text}{colon}{rest:02}" if rest and count >= 4 else text


def _z_offset(moment: datetime, count: int) -> str:
    if count <= 3:
        return _offset(moment, 2, "x")
    if count == 4:
        offset = _offset(moment, 3, "x")
        return "GMT" if offset == "+00:00" else f"GMT{offset}"
    return _offset(moment, 3, "X")


def _zone_name(moment: datetime, count: int) -> str:
    if moment.tzinfo is UTC:
        return "Coordinated Universal Time" if count == 4 else "UTC"
    short = moment.tzname() or ""
    if count != 4 and short and short[0] not in "+-":
        return short if not short.startswith("UTC") else _offset(moment, 3, "X")
    return _zone_id(moment, 2)


def _zone_id(moment: datetime, _count: int) -> str:
    if moment.tzinfo is UTC:
        return "UTC"
    return str(getattr(moment.tzinfo, "key", "") or _offset(moment, 3, "X"))


_WRITERS: Mapping[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "u": _year,
    "Y": _week_year,
    "Q": _quarter,
    "q": _quarter,
    "M": _month,
    "L": _month,
    "w": _padded(lambda moment: moment.isocalendar().week),
    "D": _padded(lambda moment: moment.timetuple().tm_yday),
    "d": _padded(lambda moment: moment.day),
    "F": _padded(lambda moment: (moment.day - 1) // 7 + 1),
    "E": lambda moment, count: _name(_DAYS, moment.weekday(), max(count, 3)),
    "e": _day_number,
    "c": _day_number,
    "a": lambda moment, _count: "AM" if moment.hour < _NOON else "PM",
    "H": _padded(lambda moment: moment.hour),
    "k": _padded(lambda moment: moment.hour or 24),
    "h": _padded(lambda moment: moment.hour % 12 or 12),
    "K": _padded(lambda moment: moment.hour % 12),
    "m": _padded(lambda moment: moment.minute),
    "s": _padded(lambda moment: moment.second),
    "S": _fraction,
    "n": _padded(lambda moment: moment.microsecond * 1000),
    "A": _padded(lambda moment: ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000),
    "N": _padded(lambda moment: (((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1_000_000 + moment.microsecond) * 1000),
    "X": lambda moment, count: _offset(moment, count, "X"),
    "x": lambda moment, count: _offset(moment, count, "x"),
    "Z": _z_offset,
    "O": lambda moment, _count: _z_offset(moment, 4),
    "z": _zone_name,
    "V": _zone_id,
    "G": lambda _moment, count: "Anno Domini" if count == 4 else "AD",
}


def check_locale(name: str | None) -> None:
    """Names of months and days are English in this version. Raises Refused for another language."""
    if name and name.replace("-", "_").split("_")[0].lower() not in ("en", "root"):
        raise Refused(f"dates in the language `{name[:20]}` are part of the language, but this version of Headgate does not have them yet")
