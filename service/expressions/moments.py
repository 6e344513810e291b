"""A time with a zone and nanoseconds, and how it is moved: Java's ZonedDateTime between the years 1 and 9999.

A local time that a clock change leaves out is moved forward by the length of the change; one that comes twice is the earlier. What is added in days or longer
is added on the calendar of the zone, what is shorter on the line of instants.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from service.expressions.errors import Refused, nearest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_SECOND, _BILLION = 1_000_000_000, 1_000_000_000
_LEAVES = "the date leaves the years 1 to 9999"

#: Units of the instant line, in nanoseconds; those of the calendar, in days and in months.
_EXACT: Mapping[str, int] = {
    "NANOS": 1,
    "MICROS": 1_000,
    "MILLIS": 1_000_000,
    "SECONDS": _SECOND,
    "MINUTES": 60 * _SECOND,
    "HOURS": 3_600 * _SECOND,
    "HALF_DAYS": 43_200 * _SECOND,
}
_DAYS: Mapping[str, int] = {"DAYS": 1, "WEEKS": 7}
_MONTHS: Mapping[str, int] = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1_200, "MILLENNIA": 12_000}
_UNITS = (*_EXACT, *_DAYS, *_MONTHS)


class Moment(NamedTuple):
    """An aware time, and the nanoseconds (0 to 999) after its microsecond."""

    at: datetime
    nanos: int = 0

    @property
    def nano(self) -> int:
        """Nanoseconds of the second."""
        return self.at.microsecond * 1000 + self.nanos

    @property
    def epoch_nanos(self) -> int:
        """Nanoseconds since 1970."""
        return (self.at - _EPOCH) // _MICRO * 1000 + self.nanos

    def to(self, zone: tzinfo) -> Moment:
        """The same instant in a zone. Raises Refused outside of the years 1 to 9999."""
        if self.at.tzinfo is zone:
            return self
        try:
            return Moment(self.at.astimezone(zone), self.nanos)
        except (OverflowError, ValueError):
            raise Refused(_LEAVES) from None

    def plus(self, amount: int, unit: str) -> Moment:
        """Moved by an amount of a unit of Java's ChronoUnit. Raises Refused for an unknown unit and outside of the years 1 to 9999."""
        try:
            if unit in _EXACT:
                return from_nanos(self.epoch_nanos + amount * _EXACT[unit], self.at.tzinfo or UTC)
            if unit in _DAYS:
                return self._at_local(self.at.replace(tzinfo=None, fold=0) + timedelta(days=amount * _DAYS[unit]))
            if unit in _MONTHS:
                return self._at_local(_months_later(self.at.replace(tzinfo=None, fold=0), amount * _MONTHS[unit]))
        except (OverflowError, ValueError):
            raise Refused(_LEAVES) from None
        if unit == "ERAS" and amount:
            raise Refused(_LEAVES)
        if unit == "ERAS":
            return self
        meant = nearest(unit, _UNITS)
        raise Refused(f"there is no unit `{unit[:40]}` of time; " + (f"did you mean `{meant}`?" if meant else f"known are {', '.join(_UNITS)}"))

    def _at_local(self, local: datetime) -> Moment:
        return Moment(zoned(local, self.at.tzinfo or UTC, self.at.utcoffset()), self.nanos)


def _months_later(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    if not 0 < year < 10_000:
        raise OverflowError
    return local.replace(year=year, month=month + 1, day=min(local.day, calendar.monthrange(year, month + 1)[1]))


def zoned(local: datetime, zone: tzinfo, preferred: timedelta | None = None) -> datetime:
    """A local time in a zone; of two that are meant by it the one with the preferred offset, else the earlier."""
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    if before == after:
        return first
    if before > after:
        return second if preferred == after else first
    return first.astimezone(UTC).astimezone(zone)


def from_nanos(nanos: int, zone: tzinfo) -> Moment:
    """The time that many nanoseconds after 1970. Raises Refused outside of the years 1 to 9999."""
    micros, rest = divmod(nanos, 1000)
    try:
        return Moment((_EPOCH + timedelta(microseconds=micros)).astimezone(zone), rest)
    except (OverflowError, ValueError):
        raise Refused(_LEAVES) from None
