"""Questions about a date. A date is what the `date` filter reads without a pattern. The offset in its text decides which day it is; without one it is the
service's zone.
"""

from __future__ import annotations

import datetime
import re
from calendar import monthrange
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from service.expressions.arguments import text_of
from service.expressions.errors import Refused, did_you_mean
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import is_list
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import days
else:
    days = Later("service.expressions.days")

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WORKING, _WEEK = 5, 7
_POSITIONS = {"FIRST": 1, "SECOND": 2, "THIRD": 3, "FOURTH": 4}
_LAST = "LAST"
_SEPARATORS = re.compile(r"[,\s]+")

#: What looking for a day in a month costs, in steps.
_MONTH = 25


@function("dayOfWeek")
def day_of_week(call: Run, date: Any) -> str:
    """The day's English name in capitals.

    {{ dayOfWeek('2024-03-05') }} -> TUESDAY
    {{ dayOfWeek('2024-03-05T23:30:00-05:00') }} -> TUESDAY
    """
    return _DAYS[_local(call, date).weekday()]


@function("dayOfMonth")
def day_of_month(call: Run, date: Any) -> int:
    """The day in its month, from 1.

    {{ dayOfMonth('2024-03-05') }} -> 5
    """
    return _local(call, date).day


@function("monthOfYear")
def month_of_year(call: Run, date: Any) -> int:
    """The month in its year, from 1.

    {{ monthOfYear('2024-03-05') }} -> 3
    """
    return _local(call, date).month


@function("hourOfDay")
def hour_of_day(call: Run, date: Any) -> int:
    """The hour, from 0 to 23. A day alone has none.

    {{ hourOfDay('2024-03-05T14:07:09Z') }} -> 14
    {{ hourOfDay('2024-03-05T14:07:09+02:00') }} -> 14
    """
    moment = _local(call, date)
    if type(date) is datetime.date or (isinstance(date, str) and date.strip()[len("2024-03-05") :][:1] not in ("T", " ")):
        raise Refused(f"`hourOfDay` takes a date with a time, not the day {moment:%Y-%m-%d}")
    return moment.hour


@function("isWeekend")
def is_weekend(call: Run, date: Any) -> bool:
    """Whether it is a Saturday or a Sunday.

    {{ isWeekend('2024-03-09') }} -> true
    {{ isWeekend('2024-03-08T23:00:00Z') }} -> false
    """
    return _local(call, date).weekday() >= _WORKING


@function("isDayWeekInMonth")
def is_day_week_in_month(call: Run, date: Any, day: Any = None, position: Any = None, day_of_week: Any = None) -> bool:
    """Whether it is that day of the week, the FIRST, SECOND, THIRD, FOURTH or LAST in its month. `dayOfWeek` is another name of `day`.

    {{ isDayWeekInMonth('2024-03-04', 'MONDAY', 'FIRST') }} -> true
    {{ isDayWeekInMonth('2024-03-25', 'MONDAY', 'LAST') }} -> true
    {{ isDayWeekInMonth('2024-03-25', 'MONDAY', 'SECOND') }} -> false
    """
    moment, weekday = _local(call, date), _weekday("isDayWeekInMonth", day_of_week if day is None else day)
    place = _known("isDayWeekInMonth", position, (*_POSITIONS, _LAST), "position")
    if moment.weekday() != weekday:
        return False
    return moment.day + _WEEK > _length(moment) if place == _LAST else (moment.day - 1) // _WEEK + 1 == _POSITIONS[place]


@function("isLastWorkingDay")
def is_last_working_day(call: Run, date: Any, working_days: Any = None) -> bool:
    """Whether no other working day follows in its month. `workingDays` names the days of the week that count, as a list or as
    text with commas or blanks between them; Monday to Friday when absent.

    {{ isLastWorkingDay('2024-03-29') }} -> true
    {{ isLastWorkingDay('2024-03-31') }} -> false
    {{ isLastWorkingDay('2024-03-30', 'MONDAY,SATURDAY') }} -> true
    """
    call.budget.spend(_MONTH)
    moment, working = _local(call, date), _working(working_days)
    last = next(day for day in range(_length(moment), 0, -1) if moment.replace(day=day).weekday() in working)
    return moment.day == last


def _local(call: Run, date: Any) -> datetime.datetime:
    return days.local(date, call.ports.zone)


def _length(moment: datetime.datetime) -> int:
    """How many days its month has."""
    return monthrange(moment.year, moment.month)[1]


def _weekday(name: str, day: Any) -> int:
    return _DAYS.index(_known(name, day, _DAYS, "day of the week"))


def _known(name: str, word: Any, words: Iterable[str], what: str) -> str:
    """One of some words, in any case."""
    written = text_of(name, word).strip().upper()
    if written not in words:
        raise Refused(f"there is no {what} `{written[:20]}`{did_you_mean(written, words)}")
    return written


def _working(days: Any) -> frozenset[int]:
    listed = _SEPARATORS.split(days.strip(" ,")) if isinstance(days, str) else days
    if days is None or listed == [""]:
        return frozenset(range(_WORKING))
    if not is_list(listed) or not listed:
        raise Refused("`isLastWorkingDay` takes days such as 'MONDAY,TUESDAY' or ['MONDAY', 'TUESDAY']")
    return frozenset(_weekday("isLastWorkingDay", day) for day in listed)
