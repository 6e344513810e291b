"""Dates: formatting, adding, timestamps."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from service.expressions.date_reading import parse_date
from service.expressions.dates import check_locale, format_date
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.zones import zone_of

_UNITS = {
    "NANOS": timedelta(0),
    "MICROS": timedelta(microseconds=1),
    "MILLIS": timedelta(milliseconds=1),
    "SECONDS": timedelta(seconds=1),
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "HALF_DAYS": timedelta(hours=12),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
}
_MONTHS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(call: Run, value: Any, time_zone: str | None, existing_format: str | None) -> datetime:
    return parse_date(value, zone_of(time_zone or call.ports.zone), existing_format)


@filter_("date")
def date(
    call: Run, value: Any, format_: str = "iso", time_zone: str | None = None, existing_format: str | None = None, locale: str | None = None
) -> str | None:
    """A date as text: by a named format, a style or a Java pattern, in the default zone or in `timeZone`.

    {{ '2024-03-05T14:07:09Z' | date('yyyy-MM-dd') }} -> 2024-03-05
    {{ '2024-03-05T14:07:09Z' | date('iso_sec', timeZone='America/New_York') }} -> 2024-03-05T09:07:09-05:00
    {{ '05/03/2024 08:30' | date('HH:mm', existingFormat='dd/MM/yyyy HH:mm') }} -> 08:30
    {{ 1709647629 | date('EEE d MMM') }} -> Tue 5 Mar
    """
    if value is None:
        return None
    check_locale(locale)
    return format_date(_moment(call, value, time_zone, existing_format).astimezone(zone_of(time_zone or call.ports.zone)), format_)


@filter_("dateAdd")
def date_add(
    call: Run,
    value: Any,
    amount: Any,
    unit: str,
    format_: str = "iso",
    time_zone: str | None = None,
    existing_format: str | None = None,
    locale: str | None = None,
) -> str | None:
    """A date moved by an amount of a unit (DAYS, HOURS, MONTHS, …), as text.

    {{ '2024-01-31T00:00:00Z' | dateAdd(1, 'MONTHS', 'yyyy-MM-dd') }} -> 2024-02-29
    {{ '2024-01-31T00:00:00Z' | dateAdd(-1, 'DAYS', 'yyyy-MM-dd') }} -> 2024-01-30
    """
    if value is None:
        return None
    check_locale(locale)
    zone = zone_of(time_zone or call.ports.zone)
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise Refused("`dateAdd` takes a whole number as its amount")
    try:
        moved = _moved(parse_date(value, zone, existing_format), amount, str(unit))
        return format_date(moved.astimezone(zone), format_)
    except (OverflowError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("the date leaves the years 1 to 9999") from None


def _moved(moment: datetime, amount: int, unit: str) -> datetime:
    if months := _MONTHS.get(unit):
        total = moment.year * 12 + moment.month - 1 + amount * months
        year, month = divmod(total, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)
    if unit not in _UNITS:
        raise Refused(f"there is no unit `{unit[:40]}`; known are {', '.join([*_UNITS, *_MONTHS])}")
    if unit == "NANOS":
        return moment + timedelta(microseconds=amount // 1000)
    if unit in ("DAYS", "WEEKS"):
        return moment + amount * _UNITS[unit]  # by the calendar of the zone: the hour stays
    return (moment.astimezone(UTC) + amount * _UNITS[unit]).astimezone(moment.tzinfo)


def _since_epoch(call: Run, value: Any, time_zone: str | None, existing_format: str | None) -> timedelta:
    return _moment(call, value, time_zone, existing_format).astimezone(UTC) - _EPOCH


@filter_("timestamp")
def timestamp(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Seconds since 1970.

    {{ '2024-03-05T14:07:09Z' | timestamp }} -> 1709647629
    """
    return None if value is None else _since_epoch(call, value, time_zone, existing_format) // timedelta(seconds=1)


@filter_("timestampMilli")
def timestamp_milli(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Milliseconds since 1970.

    {{ '2024-03-05T14:07:09Z' | timestampMilli }} -> 1709647629000
    """
    return None if value is None else _since_epoch(call, value, time_zone, existing_format) // timedelta(milliseconds=1)


@filter_("timestampMicro")
def timestamp_micro(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Microseconds since 1970.

    {{ '2024-03-05T14:07:09.5Z' | timestampMicro }} -> 1709647629500000
    """
    return None if value is None else _since_epoch(call, value, time_zone, existing_format) // timedelta(microseconds=1)


@filter_("timestampNano")
def timestamp_nano(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Nanoseconds since 1970.

    {{ '2024-03-05T14:07:09Z' | timestampNano }} -> 1709647629000000000
    """
    return None if value is None else _since_epoch(call, value, time_zone, existing_format) // timedelta(microseconds=1) * 1000
