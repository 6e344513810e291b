"""What the filters and functions on dates share: their arguments, and what they pay."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from service.expressions.date_patterns import LONGEST_PATTERN
from service.expressions.date_reading import read_moment
from service.expressions.dates import format_date
from service.expressions.errors import Refused
from service.expressions.locales import language_of
from service.expressions.moments import Moment
from service.expressions.run import Run
from service.expressions.values import kind
from service.expressions.zones import zone_of

#: Steps of a date that is written or read, and of each character of a pattern; a pattern that is new has to be understood first.
_WRITING, _WRITTEN, _READING, _READ, _NEW = 20, 4, 40, 12, 8
#: Steps of a zone that is new: it is read from the disk, and its letters are looked up in its years.
_ZONE, _LONGEST_ZONE = 1_000, 64


def zone_for(call: Run, name: Any) -> tzinfo:
    """The zone of that name, or the default one. Raises Refused."""
    zone = _text("timeZone", name)
    if not zone:
        return zone_of(call.ports.zone)
    call.budget.once(("time zone", zone[:_LONGEST_ZONE]), _ZONE, 0)
    return zone_of(zone)


def read(call: Run, value: Any, time_zone: Any, existing_format: Any, locale: Any = None) -> Moment:
    """The time that a value means. Raises Refused."""
    existing = _text("existingFormat", existing_format)
    _pay(call, existing or "", _READING, _READ)
    return read_moment(value, zone_for(call, time_zone), existing, language_of(locale, call.budget))


def write(call: Run, moment: Moment, format_: Any, time_zone: Any, locale: Any) -> str:
    """A time as text in a zone. Raises Refused."""
    pattern = _text("format", format_)
    pattern = "iso" if pattern is None else pattern
    _pay(call, pattern, _WRITING, _WRITTEN)
    text = format_date(moment.to(zone_for(call, time_zone)), pattern, language_of(locale, call.budget))
    call.budget.text(len(text))
    return text


def _pay(call: Run, pattern: str, base: int, each: int) -> None:
    length = min(len(pattern), LONGEST_PATTERN)
    call.budget.once(("date pattern", pattern[:LONGEST_PATTERN]), _NEW * length, 0)
    call.budget.spend(base + each * length)


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Refused(f"`{name}` of a date is text, not {kind(value)}")
