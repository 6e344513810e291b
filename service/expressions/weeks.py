"""Weeks as a region counts them: on which day they begin, and how many days of the year the first of them has at least (ISO: Monday and four)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

ISO = (0, 4)


def week_of_year(day: date, first_day: int, min_days: int) -> tuple[int, int]:
    """The week-based year and the week in it."""
    number = day.toordinal()
    year = next(each for each in (day.year + 1, day.year, day.year - 1) if number >= start_of_year(each, first_day, min_days))
    return year, (number - start_of_year(year, first_day, min_days)) // 7 + 1


@lru_cache(maxsize=512)
def start_of_year(year: int, first_day: int, min_days: int) -> int:
    """The ordinal of the first day of the first week."""
    january = 365 * (year - 1) + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 + 1
    before = (january + 6 - first_day) % 7
    return january - before if 7 - before >= min_days else january - before + 7


def week_of_month(day: date, first_day: int, min_days: int) -> int:
    """The week in the month; 0 for the days before the first whole enough one."""
    before = (day.day - day_of_week(day, first_day)) % 7
    offset = 7 - before if before + 1 > min_days else -before
    return (7 + offset + day.day - 1) // 7


def day_of_week(day: date, first_day: int) -> int:
    """1 for the first day of the week."""
    return (day.weekday() - first_day) % 7 + 1
