"""Dates as Java's DateTimeFormatter writes them: patterns (`yyyy-MM-dd'T'HH:mm`), the named formats of the language, and the four styles.

Versions of Java differ; followed is the newest. `F` is the week in the month (19 and later); words and styles are those of CLDR as babel has it, English ones
too: no `at` between date and time, and a narrow no-break space (U+202F) in front of AM and PM of a style. A pattern's own spaces stay as they are.
The default locale is `en_US` (`locales`): `YYYY`, `w`, `W`, `e` and `c` count weeks from Sunday unless another locale is named; `iso_week_date` is ISO's
always. Named formats and styles may be written in upper case too. Years are 1 to 9999; nanoseconds are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from service.expressions import weeks
from service.expressions.date_patterns import Field, Text, flat, nodes
from service.expressions.errors import Refused
from service.expressions.locales import ENGLISH, Language, Names
from service.expressions.moments import Moment
from service.expressions.zone_text import generic_zone_name, localized_offset, offset, z_offset, zone_key, zone_name
from service.expressions.zones import region_of

_NOON = 12
MODIFIED_JULIAN = 678_576  #: the ordinal of the day 0 of letter `g`, 17 November 1858

NAMED: Mapping[str, str] = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_milli": "yyyy-MM-dd HH:mm:ss.SSS",
    "sql_sec": "yyyy-MM-dd HH:mm:ss",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
    "iso_date": "yyyy-MM-ddXXXXX",
    "iso_local_date": "yyyy-MM-dd",
    "iso_ordinal_date": "yyyy-DDDXXXXX",
}


def _local_time(moment: Moment) -> str:
    fraction = f".{moment.nano:09}".rstrip("0") if moment.nano else ""
    return f"{moment.at:%H:%M:%S}{fraction}"


def _iso_date(moment: Moment) -> str:
    return f"{moment.at.year:04}-{moment.at.month:02}-{moment.at.day:02}"


def _zoned_date_time(moment: Moment) -> str:
    name = region_of(moment.at.tzinfo)
    return f"{_iso_date(moment)}T{_local_time(moment)}{offset(moment, 5, 'X')}{f'[{name}]' if name else ''}"


def _rfc_1123(moment: Moment) -> str:
    at, shift = moment.at, offset(moment, 2, "x")
    day = f"{ENGLISH.days[3, False][at.weekday()]}, {at.day} {ENGLISH.months[3, False][at.month - 1]} {at.year:04}"
    return f"{day} {at:%H:%M:%S} {'GMT' if shift == '+0000' else shift}"


def _week_date(moment: Moment) -> str:
    year, week, day = moment.at.isocalendar()
    return f"{year:04}-W{week:02}-{day}{offset(moment, 5, 'X')}"


def _instant(moment: Moment) -> str:
    utc = moment.to(UTC)
    fraction = f".{utc.nano:09}" if utc.nano else ""
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{_iso_date(utc)}T{utc.at:%H:%M:%S}{fraction}Z"


COMPUTED: Mapping[str, Callable[[Moment], str]] = {
    "iso_date_time": _zoned_date_time,
    "iso_zoned_date_time": _zoned_date_time,
    "iso_time": lambda moment: f"{_local_time(moment)}{offset(moment, 5, 'X')}",
    "iso_offset_time": lambda moment: f"{_local_time(moment)}{offset(moment, 5, 'X')}",
    "iso_local_time": _local_time,
    "iso_local_date_time": lambda moment: f"{_iso_date(moment)}T{_local_time(moment)}",
    "iso_instant": _instant,
    "iso_week_date": _week_date,
    "rfc_1123_date_time": _rfc_1123,
}

Write = Callable[[Moment, int, Language], str]


def _number(value: Callable[[Moment, Language], int]) -> Write:
    """At least as many digits as letters; only `g` may be negative."""

    def write(moment: Moment, width: int, language: Language) -> str:
        number = value(moment, language)
        return str(number).zfill(width) if number >= 0 else f"-{str(-number).zfill(width)}"

    return write


def _year(value: Callable[[Moment, Language], int]) -> Write:
    """Two letters are the year in its century."""

    def write(moment: Moment, width: int, language: Language) -> str:
        year = value(moment, language)
        return f"{year % 100:02}" if width == 2 else str(year).zfill(width)

    return write


def _named(names: Callable[[Language], Names], alone: bool, index: Callable[[Moment], int], number: Callable[[Moment, Language], int] | None = None) -> Write:
    """One letter or two are a number where there is one, else the short name; three to five are names."""

    def write(moment: Moment, width: int, language: Language) -> str:
        if width < 3 and number is not None:
            return str(number(moment, language)).zfill(width)
        return names(language)[max(width, 3), alone][index(moment)]

    return write


def _quarter(moment: Moment) -> int:
    return (moment.at.month - 1) // 3


def _minute_of_day(moment: Moment) -> int:
    return moment.at.hour * 60 + moment.at.minute


def _nano_of_day(moment: Moment) -> int:
    return (_minute_of_day(moment) * 60 + moment.at.second) * 1_000_000_000 + moment.nano


def _part_of_day(moment: Moment, width: int, language: Language) -> str:
    """`B`: a part of the day, AM or PM where the language has no name for it."""
    part = language.part_of_day(_minute_of_day(moment)) or ""
    name = language.periods[max(width, 3)].get(part) or language.periods[4].get(part)
    return name or language.halves[max(width, 3), False][moment.at.hour >= _NOON]


def _day_of_week(moment: Moment, language: Language) -> int:
    return weeks.day_of_week(moment.at, language.first_day)


#: What the letters of numbers stand for; reading checks dates by it too.
NUMBERS: Mapping[str, Callable[[Moment, Language], int]] = {
    "y": lambda moment, _: moment.at.year,
    "u": lambda moment, _: moment.at.year,
    "Y": lambda moment, language: weeks.week_of_year(moment.at, language.first_day, language.min_days)[0],
    "w": lambda moment, language: weeks.week_of_year(moment.at, language.first_day, language.min_days)[1],
    "W": lambda moment, language: weeks.week_of_month(moment.at, language.first_day, language.min_days),
    "Q": lambda moment, _: _quarter(moment) + 1,
    "M": lambda moment, _: moment.at.month,
    "D": lambda moment, _: moment.at.timetuple().tm_yday,
    "d": lambda moment, _: moment.at.day,
    "F": lambda moment, _: (moment.at.day - 1) // 7 + 1,
    "E": lambda moment, _: moment.at.isoweekday(),
    "e": _day_of_week,
    "g": lambda moment, _: moment.at.toordinal() - MODIFIED_JULIAN,
    "H": lambda moment, _: moment.at.hour,
    "k": lambda moment, _: moment.at.hour or 24,
    "h": lambda moment, _: moment.at.hour % 12 or 12,
    "K": lambda moment, _: moment.at.hour % 12,
    "m": lambda moment, _: moment.at.minute,
    "s": lambda moment, _: moment.at.second,
    "n": lambda moment, _: moment.nano,
    "A": lambda moment, _: _nano_of_day(moment) // 1_000_000,
    "N": lambda moment, _: _nano_of_day(moment),
}

_WRITERS: Mapping[str, Write] = {
    **{letter: _number(NUMBERS[letter]) for letter in "wWDdFgHkhKmsnAN"},
    **{letter: _year(NUMBERS[letter]) for letter in "yuY"},
    "Q": _named(lambda language: language.quarters, False, _quarter, NUMBERS["Q"]),
    "q": _named(lambda language: language.quarters, True, _quarter, NUMBERS["Q"]),
    "M": _named(lambda language: language.months, False, lambda moment: moment.at.month - 1, NUMBERS["M"]),
    "L": _named(lambda language: language.months, True, lambda moment: moment.at.month - 1, NUMBERS["M"]),
    "E": _named(lambda language: language.days, False, lambda moment: moment.at.weekday()),
    "e": _named(lambda language: language.days, False, lambda moment: moment.at.weekday(), _day_of_week),
    "c": _named(lambda language: language.days, True, lambda moment: moment.at.weekday(), _day_of_week),
    "G": _named(lambda language: language.eras, False, lambda _: 1),
    "a": _named(lambda language: language.halves, False, lambda moment: int(moment.at.hour >= _NOON)),
    "B": _part_of_day,
    "S": lambda moment, width, _: f"{moment.nano:09}"[:width],
    "X": lambda moment, width, _: offset(moment, width, "X"),
    "x": lambda moment, width, _: offset(moment, width, "x"),
    "Z": z_offset,
    "O": localized_offset,
    "z": zone_name,
    "v": generic_zone_name,
    "V": zone_key,
}


@lru_cache(maxsize=512)
def _plan(pattern: str) -> tuple[str | tuple[Write, Field], ...]:
    return tuple(node.text if isinstance(node, Text) else (_WRITERS[node.letter], node) for node in flat(nodes(pattern)))


def pattern_of(name: str, language: Language) -> str:
    """The pattern behind the name of a format or a style; any other text is a pattern itself."""
    known = name if name in NAMED else name.lower()
    return NAMED.get(known) or language.styles.get(known) or name


def format_date(moment: Moment | datetime, pattern: str, language: Language = ENGLISH) -> str:
    """An aware time by a named format, a style or a Java pattern. Raises Refused for a pattern that can't be read."""
    moment = moment if isinstance(moment, Moment) else Moment(moment)
    if computed := COMPUTED.get(pattern) or COMPUTED.get(pattern.lower()):
        return computed(moment)
    return "".join(part if isinstance(part, str) else _written(moment, *part, language) for part in _plan(pattern_of(pattern, language)))


def _written(moment: Moment, write: Write, field: Field, language: Language) -> str:
    text = write(moment, field.width, language)
    if field.pad and len(text) > field.pad:
        raise Refused(f"`{text}` is longer than the {field.pad} places that `{'p' * field.pad}` gives it")
    return text.rjust(field.pad)
