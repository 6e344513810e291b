"""What the fields of a date that was read mean together, as Java's smart resolver sees it.

The 31st of a short month is its last day, `24:00` is the next midnight; a missing minute or second is zero, a missing time is midnight. A field that says
something else than the date does (a Monday that is a Tuesday) is a mistake, as is a text without a whole date or with an hour of half a day that names no half.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from service.expressions import weeks
from service.expressions.dates import MODIFIED_JULIAN, NUMBERS
from service.expressions.errors import Refused
from service.expressions.locales import ENGLISH, Language
from service.expressions.moments import Moment

_SECOND = 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_HALF = 12
#: What a field can be at all, and what a message calls it.
_FIELDS: Mapping[str, tuple[int, int, str]] = {
    **{"y": (1, 9999, "year"), "Y": (1, 9999, "year"), "Q": (1, 4, "quarter"), "M": (1, 12, "month"), "w": (1, 53, "week"), "W": (0, 6, "week of a month")},
    **{"d": (1, 31, "day of a month"), "D": (1, 366, "day of a year"), "F": (1, 5, "week of a month"), "E": (1, 7, "day of a week")},
    **{"e": (1, 7, "day of a week"), "g": (1 - MODIFIED_JULIAN, date.max.toordinal() - MODIFIED_JULIAN, "day between the years 1 and 9999")},
    **{"H": (0, 24, "hour"), "k": (0, 24, "hour"), "h": (0, 12, "hour of half a day"), "K": (0, 11, "hour of half a day"), "m": (0, 59, "minute")},
    **{"s": (0, 59, "second"), "n": (0, _SECOND - 1, "nanosecond"), "A": (0, 86_399_999, "millisecond of a day"), "N": (0, _DAY - 1, "nanosecond of a day")},
}
#: Weeks as ISO counts them.
ISO_WEEKS = replace(ENGLISH, first_day=weeks.ISO[0], min_days=weeks.ISO[1])


def resolved(got: Mapping[str, int], parts: frozenset[str], language: Language) -> Moment:
    """The local time that the fields mean, as if it were UTC. Raises Refused with the reason alone."""
    _check(got)
    day, used = _date(got, language)
    length, spent = _time(got, parts, language)
    midnight = datetime.combine(day, time(), UTC)
    _agree(got, used + spent, Moment(midnight + timedelta(microseconds=length % _DAY // 1000), length % 1000), language)
    try:
        return Moment(midnight + timedelta(microseconds=length // 1000), length % 1000)
    except OverflowError:
        raise Refused("it lies after the year 9999") from None


def _check(got: Mapping[str, int]) -> None:
    for letter, (least, most, name) in _FIELDS.items():
        if not least <= got.get(letter, least) <= most:
            raise Refused("years are 1 to 9999 here" if letter in "yY" else f"{got[letter]} is no {name}")
    if got.get("G") == 0:
        raise Refused("years before Christ are not known here")


def _date(got: Mapping[str, int], language: Language) -> tuple[date, str]:
    """The day, and the letters that made it."""
    there = got.keys()
    if "g" in there:
        return date.fromordinal(got["g"] + MODIFIED_JULIAN), "g"
    if there >= set("yMd"):
        return date(got["y"], got["M"], min(got["d"], calendar.monthrange(got["y"], got["M"])[1])), "yMd"
    if there >= set("yD"):
        if got["D"] > 365 + calendar.isleap(got["y"]):
            raise Refused(f"{got['y']} has no day {got['D']}")
        return date.fromordinal(date(got["y"], 1, 1).toordinal() + got["D"] - 1), "yD"
    if there & {"E", "e"}:
        weekday = got["E"] - 1 if "E" in there else (got["e"] - 1 + language.first_day) % 7
        if found := _by_week(got, weekday, language):
            return found
    raise Refused("it names no whole date")


def _by_week(got: Mapping[str, int], weekday: int, language: Language) -> tuple[date, str] | None:
    there = got.keys()
    position = (weekday - language.first_day) % 7
    try:
        if there >= set("Yw"):
            start = weeks.start_of_year(got["Y"], language.first_day, language.min_days)
            last = (weeks.start_of_year(got["Y"] + 1, language.first_day, language.min_days) - start) // 7
            if got["w"] > last and language is ISO_WEEKS:
                raise Refused(f"{got['Y']} has no week {got['w']}")
            return date.fromordinal(start + 7 * (min(got["w"], last) - 1) + position), "Yw"
        if there >= set("yMW"):
            first = date(got["y"], got["M"], 1)
            days = 7 * (got["W"] - weeks.week_of_month(first, language.first_day, language.min_days)) + position
            return first + timedelta(days=days - (first.weekday() - language.first_day) % 7), "yMW"
        if there >= set("yMF"):
            first = date(got["y"], got["M"], 1)
            return first + timedelta(days=7 * (got["F"] - 1) + (weekday - first.weekday()) % 7), "yMF"
    except (OverflowError, ValueError) as error:
        raise error if isinstance(error, Refused) else Refused("it lies outside of the years 1 to 9999") from None
    return None


def _time(got: Mapping[str, int], parts: frozenset[str], language: Language) -> tuple[int, str]:
    """Nanoseconds of the day, and the letters that made them."""
    for letter, unit in (("N", 1), ("A", 1_000_000)):
        if letter in got:
            return got[letter] * unit + (got.get("n", 0) % unit if unit > 1 else 0), letter
    hour = _hour(got, parts, language)
    if hour is None:
        if got.keys() & set("msn") or parts:
            raise Refused("it names a part of the time, but no hour")
        return (6 * _HOUR + 12 * _HOUR * got["a"] if "a" in got else 0), ""  # half a day alone is its middle
    if ("s" in got or "n" in got) and "m" not in got or ("n" in got and "s" not in got):
        raise Refused("its time has a gap between the hour and the smallest part")
    rest = got.get("m", 0) * _MINUTE + got.get("s", 0) * _SECOND + got.get("n", 0)
    if hour == 24 and rest:
        raise Refused("24 is no hour")
    return hour * _HOUR + rest, "Hkh"  # 0 is 12, and 24 is 0


def _hour(got: Mapping[str, int], parts: frozenset[str], language: Language) -> int | None:
    minute = got.get("m", 0)
    if "H" in got or "k" in got:
        hour = got["H"] if "H" in got else got["k"] % 24
        if parts and not language.lasts(parts, hour % 24 * 60 + minute):
            raise Refused(f"{hour} o'clock is not in the part of the day that it names")
        return hour
    if "h" not in got and "K" not in got:
        return None
    hour = got["h"] % _HALF if "h" in got else got["K"]
    if "a" in got:
        return hour + _HALF * got["a"]
    for each in (hour, hour + _HALF):
        if parts and language.lasts(parts, each * 60 + minute):
            return each
    raise Refused(f"{hour or _HALF} o'clock is not in the part of the day that it names" if parts else "it names an hour of half a day, but not AM or PM")


def _agree(got: Mapping[str, int], used: str, moment: Moment, language: Language) -> None:
    """Whether what made no date of it says the same as the date does."""
    for letter, value in got.items():
        if letter in NUMBERS and letter not in used and (found := NUMBERS[letter](moment, language)) != value:
            raise Refused(f"it says that the {_FIELDS[letter][2]} is {value}, but the {_FIELDS[letter][2]} of that date is {found}")
    if "a" in got and got["a"] != (moment.at.hour >= _HALF):
        raise Refused("its hour is not in the half of the day that it names")
