"""Questions about dates, against Python's own calendar."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from service.expressions import ExpressionError, Expressions, Ports
from service.expressions.registry import names

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
POSITIONS = {"FIRST": 0, "SECOND": 1, "THIRD": 2, "FOURTH": 3, "LAST": -1}
ALL = "dayOfMonth dayOfWeek hourOfDay isDateAfter isDateBefore isDateBetween isDayWeekInMonth isLastWorkingDay isPublicHoliday isWeekend monthOfYear".split()

#: A leap February that begins on a Thursday, months of 28, 30 and 31 days, a year's end.
MONTHS = [(2024, 2), (2021, 2), (2023, 4), (2024, 3), (2025, 12)]


def days_of(year: int, month: int) -> list[date]:
    return [date(year, month, day) for day in range(1, calendar.monthrange(year, month)[1] + 1)]


def test_all_of_them_are_there() -> None:
    assert set(ALL) <= set(names("function"))


@pytest.mark.parametrize(("year", "month"), MONTHS)
def test_every_day_of_a_month(typed: Callable[..., Any], year: int, month: int) -> None:
    for day in days_of(year, month):
        asked = "{{ [dayOfWeek(d), dayOfMonth(d), monthOfYear(d), isWeekend(d)] }}"
        assert typed(asked, d=day.isoformat()) == [DAYS[day.weekday()], day.day, day.month, day.weekday() in (5, 6)]


@pytest.mark.parametrize(("year", "month"), MONTHS)
@pytest.mark.parametrize("position", POSITIONS)
def test_a_day_of_the_week_has_its_place_in_the_month(typed: Callable[..., Any], year: int, month: int, position: str) -> None:
    for number, name in enumerate(DAYS):
        same = [day for day in days_of(year, month) if day.weekday() == number]
        for day in days_of(year, month):
            assert typed("{{ isDayWeekInMonth(d, n, p) }}", d=str(day), n=name, p=position) is (day == same[POSITIONS[position]])


@pytest.mark.parametrize(("year", "month"), MONTHS)
@pytest.mark.parametrize("working", [None, ["MONDAY"], ["SATURDAY", "SUNDAY"], "monday, tuesday", "FRIDAY sunday", list(DAYS)])
def test_one_day_of_a_month_is_the_last_working_day(typed: Callable[..., Any], year: int, month: int, working: Any) -> None:
    named = DAYS[:5] if working is None else [name.strip().upper() for name in (working.replace(",", " ").split() if isinstance(working, str) else working)]
    last = [day for day in days_of(year, month) if DAYS[day.weekday()] in named][-1]
    assert [day for day in days_of(year, month) if typed("{{ isLastWorkingDay(d, w) }}", d=str(day), w=working)] == [last]


#: What is looked at, and the day and hour that it is: in UTC, then in Tokyo as the service's zone.
WRITTEN: list[tuple[Any, tuple[int, int], tuple[int, int]]] = [
    ("2024-03-05T23:30:00Z", (5, 23), (5, 23)),
    ("2024-03-05T23:30:00-05:00", (5, 23), (5, 23)),
    ("2024-03-05T00:30:00+0900", (5, 0), (5, 0)),
    ("2024-03-05T00:30:00+09", (5, 0), (5, 0)),
    ("2024-03-05 00:30+09:00", (5, 0), (5, 0)),
    ("2024-03-05T00:30:00.123456789+01:00[Europe/Paris]", (5, 0), (5, 0)),
    ("2024-03-05T23:30:00", (5, 23), (5, 23)),
    ("2024-03-05T23:30", (5, 23), (5, 23)),
    (1709681400, (5, 23), (6, 8)),
    (1709681400000, (5, 23), (6, 8)),
    (1709681400000000000, (5, 23), (6, 8)),
    (datetime(2024, 3, 5, 23, 30, tzinfo=UTC), (5, 23), (6, 8)),
    (datetime(2024, 3, 5, 18, 30, tzinfo=timezone(timedelta(hours=-5))), (5, 23), (6, 8)),
]


@pytest.mark.parametrize(("value", "in_utc", "in_tokyo"), WRITTEN)
def test_the_zone_of_the_text_decides_then_that_of_the_service(value: Any, in_utc: tuple[int, int], in_tokyo: tuple[int, int]) -> None:
    for zone, wanted in (("UTC", in_utc), ("Asia/Tokyo", in_tokyo)):
        ports = Ports(now=lambda: datetime(2024, 1, 1, tzinfo=UTC), secret=lambda key, _namespace: key, zone=zone)
        assert tuple(Expressions().typed("{{ [dayOfMonth(d), hourOfDay(d)] }}", {"d": value}, ports)) == wanted


@pytest.mark.parametrize("value", ["2024-03-05", "2024-03-05Z", "2024-03-05+09:00", date(2024, 3, 5)])
def test_a_day_alone_is_that_day_in_every_zone(value: Any) -> None:
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        ports = Ports(now=lambda: datetime(2024, 1, 1, tzinfo=UTC), secret=lambda key, _namespace: key, zone=zone)
        assert Expressions().typed("{{ dayOfMonth(d) }}", {"d": value}, ports) == 5


def test_arguments_have_the_names_of_the_documentation(typed: Callable[..., Any]) -> None:
    assert typed("{{ isDayWeekInMonth('2024-03-04', dayOfWeek='monday', position='first') }}") is True
    assert typed("{{ isDateAfter(date='2024-03-05', reference='2024-03-04') }}") is True
    assert typed("{{ isLastWorkingDay(date='2024-03-29', workingDays='') }}") is True


def test_dates_without_an_offset_are_compared_in_utc() -> None:
    ports = Ports(now=lambda: datetime(2024, 1, 1, tzinfo=UTC), secret=lambda key, _namespace: key, zone="Asia/Tokyo")
    compared = "{{ [isDateBefore(a, b), isDateAfter(a, b), isDateBetween(a, '2024-03-05T11:00:00', b)] }}"
    assert Expressions().typed(compared, {"a": "2024-03-05T12:00:00", "b": "2024-03-05T12:00:01Z"}, ports) == [True, False, True]


def test_the_hour_follows_the_clock_of_a_zone_that_is_changed(typed: Callable[..., Any]) -> None:
    hours = [typed("{{ hourOfDay(d) }}", d=f"2024-03-31T0{hour}:00:00Z[Europe/Paris]") for hour in (0, 1, 2)]
    assert hours == [1, 3, 4]


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("2024-03-05", "2024-03-05", 0),
        ("2024-03-05", "2024-03-06", -1),
        ("2024-03-05T12:00:00Z", "2024-03-05T13:00:00+01:00", 0),
        ("2024-03-05T12:00:00Z", "2024-03-05T12:00:00+01:00", 1),
        ("2024-03-05T00:00:00", 1709596800, 0),
        ("2024-03-05T00:00:00.001Z", "2024-03-05", 1),
    ],
)
def test_dates_are_compared_as_instants(typed: Callable[..., Any], one: Any, other: Any, order: int) -> None:
    assert typed("{{ [isDateBefore(a, b), isDateAfter(a, b)] }}", a=one, b=other) == [order < 0, order > 0]


@pytest.mark.parametrize(("day", "wanted"), [(1, False), (2, True), (3, True), (4, False), (5, False)])
def test_what_lies_between_leaves_the_bounds_out(typed: Callable[..., Any], day: int, wanted: bool) -> None:
    assert typed("{{ isDateBetween(d, '2024-03-01', before='2024-03-04') }}", d=f"2024-03-0{day}") is wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("'2024-07-14', 'FR'", True),
        ("'2024-07-14', 'fr'", True),
        ("'2024-07-14', 'FRA'", True),
        ("'2024-07-15', 'FR'", False),
        ("'2024-12-26', 'FR'", False),
        ("'2024-12-26', 'FR', 'Alsace'", True),
        ("'2024-01-06', 'DE'", False),
        ("'2024-01-06', 'DE', 'BY'", True),
        ("'2024-01-06', 'de', 'by'", True),
        ("'2024-01-06', 'DE', 'DE-BY'", True),
        ("'2024-01-06', 'DEU', 'DE-BE'", False),
        ("'2024-01-06', country='DE', subDivision='Bayern'", True),
        ("'2024-07-14', countryCode='FR'", True),
        ("'2024-11-28', 'US', null", True),
        ("'2024-11-28', 'US', ''", True),
        ("'2024-11-28', 'CA'", False),
        ("'2024-01-02', 'UK', 'SCT'", True),
        ("'2024-01-02', 'GB', 'ENG'", False),
        ("'2024-12-25T23:00:00-05:00', 'US'", True),
        ("'2024-12-26T03:00:00Z', 'US'", False),
        ("1735084800, 'US'", True),
    ],
)
def test_public_holidays(typed: Callable[..., Any], arguments: str, wanted: bool) -> None:
    assert typed(f"{{{{ isPublicHoliday({arguments}) }}}}") is wanted


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("isWeekend(null)", "null is not a date"),
        ("isWeekend(true)", "a boolean is not a date"),
        ("isWeekend([])", "a list is not a date"),
        ("isWeekend('')", "can't be read as a date"),
        ("isWeekend('2024-02-30')", "no date that exists"),
        ("hourOfDay('25:00')", "can't be read as a date"),
        ("hourOfDay('2024-03-05')", "takes a date with a time, not the day 2024-03-05"),
        ("hourOfDay(day)", "takes a date with a time"),
        ("dayOfWeek('2024-03-05T10:00:00[Europe/Pariss]')", "no time zone `Europe/Pariss`"),
        ("isDateAfter('2024-02-03', null)", "null is not a date"),
        ("isDateBetween('2024-02-03', null, '2024-02-04')", "null is not a date"),
        ("isDayWeekInMonth('2024-02-03', 'MODAY', 'FIRST')", "no day of the week `MODAY`; did you mean `MONDAY`?"),
        ("isDayWeekInMonth('2024-02-03', 'MONDAY', 'FIFTH')", "no position `FIFTH`; did you mean `FIRST`?"),
        ("isDayWeekInMonth('2024-02-03')", "takes text, not null"),
        ("isDayWeekInMonth('2024-02-03', 'MONDAY')", "takes text, not null"),
        ("isDayWeekInMonth('2024-02-03', 1, 'FIRST')", "takes text, not a number"),
        ("isLastWorkingDay('2024-02-03', [])", "takes days such as"),
        ("isLastWorkingDay('2024-02-03', 5)", "takes days such as"),
        ("isLastWorkingDay('2024-02-03', ['MONTAG'])", "no day of the week `MONTAG`"),
        ("isPublicHoliday('2024-12-25', 'Germany')", "no country `Germany` whose holidays are known; did you mean `DE`?"),
        ("isPublicHoliday('2024-12-25', 'FRX')", "no country `FRX` whose holidays are known; did you mean"),
        ("isPublicHoliday('2024-12-25', '__class__')", "no country `__class__`"),
        ("isPublicHoliday('2024-12-25', '')", "no country ``"),
        ("isPublicHoliday('2024-12-25', 49)", "takes text, not a number"),
        ("isPublicHoliday('2024-12-25', 'DE', 'Bayer')", "`DE` has no part `Bayer` with holidays of its own; did you mean `BAYERN`?"),
        ("isPublicHoliday('2024-12-25')", "needs a country"),
        ("isPublicHoliday('2024-12-25', null, 'BY')", "needs a country"),
        ("isPublicHoliday('2024-12-25', 'US', 'BY')", "`US` has no part `BY`"),
        ("isPublicHoliday('1901-12-25', 'DE')", "the holidays of `DE` are known from 1991 to 2100, not in 1901"),
    ],
)
def test_what_is_no_date_or_no_name_is_said(text: Callable[..., str], template: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message.replace("?", r"\?").replace("[", r"\[")) as failure:
        text(f"a\n {{{{ {template} }}}}", day=date(2024, 3, 5))
    assert (failure.value.line, failure.value.column) == (2, 5)


COUNTRIES = "AT AU BE BR CA CH CN CZ DE DK ES FI FR GB GR IE IL IT JP MX NL NO NZ PL PT SE TR UA US ZA".split()


def test_a_year_of_days_is_affordable_and_a_thousand_years_are_not(text: Callable[..., str]) -> None:
    year = "{% for day in 0..365 %}{% if isPublicHoliday(1704067200 + day * 86400, 'FR') %}x{% endif %}{% endfor %}"
    assert text(year) == "x" * 11
    with pytest.raises(ExpressionError, match="too much work"):
        text("{% for c in countries %}{% for y in 0..74 %}{{ isPublicHoliday((2025 + y) ~ '-12-25', c) }}{% endfor %}{% endfor %}", countries=COUNTRIES)
