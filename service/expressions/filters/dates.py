"""Dates: formatting, adding, timestamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import kind
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import date_texts
else:
    date_texts = Later("service.expressions.date_texts")

_SECOND, _MILLI, _MICRO = 1_000_000_000, 1_000_000, 1_000


@filter_("date")
def date(
    call: Run, value: Any, format_: str | None = "iso", time_zone: str | None = None, existing_format: str | None = None, locale: str | None = None
) -> str | None:
    """A date as text: by a named format, a style or a Java pattern, in the default zone or in `timeZone`, in the words of `locale` (`fr`, `pt-BR`).

    Named formats are `iso`, `iso_milli`, `iso_sec`, `sql`, `sql_milli`, `sql_sec`, `iso_date`, `iso_time`, `iso_date_time`, `iso_local_date`,
    `iso_local_time`, `iso_local_date_time`, `iso_offset_time`, `iso_zoned_date_time`, `iso_instant`, `iso_ordinal_date`, `iso_week_date` and
    `rfc_1123_date_time`; styles `full`, `long`, `medium` and `short`.

    Numbers are seconds since 1970, or milliseconds (13 digits), microseconds (16), nanoseconds (19). Text is read as ISO, else by `existingFormat`.

    {{ '2024-03-05T14:07:09Z' | date('yyyy-MM-dd') }} -> 2024-03-05
    {{ '2024-03-05T14:07:09Z' | date('iso_sec', timeZone='America/New_York') }} -> 2024-03-05T09:07:09-05:00
    {{ '05/03/2024 08:30' | date('HH:mm', existingFormat='dd/MM/yyyy HH:mm') }} -> 08:30
    {{ 1709647629 | date('EEE d MMM') }} -> Tue 5 Mar
    {{ '2024-03-05' | date('EEEE d MMMM', locale='fr') }} -> mardi 5 mars
    {{ '5 mars 2024' | date('iso_local_date', existingFormat='d MMMM yyyy', locale='fr') }} -> 2024-03-05
    """
    if value is None:
        return None
    return date_texts.write(call, date_texts.read(call, value, time_zone, existing_format, locale), format_, time_zone, locale)


@filter_("dateAdd")
def date_add(
    call: Run,
    value: Any,
    amount: int,
    unit: str,
    format_: str | None = "iso",
    time_zone: str | None = None,
    existing_format: str | None = None,
    locale: str | None = None,
) -> str | None:
    """A date moved by an amount of a unit of Java's ChronoUnit (NANOS … HOURS, HALF_DAYS, DAYS, WEEKS, MONTHS, YEARS … MILLENNIA), as text.

    Days and longer units go by the calendar of the zone: the hour stays when clocks change. Shorter ones go by the time that passes.

    {{ '2024-01-31T00:00:00Z' | dateAdd(1, 'MONTHS', 'yyyy-MM-dd') }} -> 2024-02-29
    {{ '2024-01-31T00:00:00Z' | dateAdd(-1, 'DAYS', 'yyyy-MM-dd') }} -> 2024-01-30
    {{ '2024-03-30T12:00' | dateAdd(1, 'DAYS', 'iso_sec', timeZone='Europe/Berlin') }} -> 2024-03-31T12:00:00+02:00
    {{ '2024-03-30T12:00' | dateAdd(24, 'HOURS', 'iso_sec', timeZone='Europe/Berlin') }} -> 2024-03-31T13:00:00+02:00
    """
    if value is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise Refused(f"`dateAdd` takes a whole number as its amount, not {amount if isinstance(amount, float) else kind(amount)}")
    if not isinstance(unit, str):
        raise Refused(f"`dateAdd` takes the name of a unit such as 'DAYS', not {kind(unit)}")
    moment = date_texts.read(call, value, time_zone, existing_format, locale)
    return date_texts.write(call, moment.plus(amount, unit), format_, time_zone, locale)


@filter_("timestamp")
def timestamp(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Seconds since 1970.

    {{ '2024-03-05T14:07:09Z' | timestamp }} -> 1709647629
    {{ '2024-03-05 14:07' | timestamp('Europe/Paris', 'yyyy-MM-dd HH:mm') }} -> 1709644020
    """
    return None if value is None else date_texts.read(call, value, time_zone, existing_format).epoch_nanos // _SECOND


@filter_("timestampMilli")
def timestamp_milli(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Milliseconds since 1970.

    {{ '2024-03-05T14:07:09Z' | timestampMilli }} -> 1709647629000
    """
    return None if value is None else date_texts.read(call, value, time_zone, existing_format).epoch_nanos // _MILLI


@filter_("timestampMicro")
def timestamp_micro(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Microseconds since 1970.

    {{ '2024-03-05T14:07:09.5Z' | timestampMicro }} -> 1709647629500000
    """
    return None if value is None else date_texts.read(call, value, time_zone, existing_format).epoch_nanos // _MICRO


@filter_("timestampNano")
def timestamp_nano(call: Run, value: Any, time_zone: str | None = None, existing_format: str | None = None) -> int | None:
    """Nanoseconds since 1970.

    {{ '2024-03-05T14:07:09.123456789Z' | timestampNano }} -> 1709647629123456789
    """
    return None if value is None else date_texts.read(call, value, time_zone, existing_format).epoch_nanos
