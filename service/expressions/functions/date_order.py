"""Comparing dates. They are compared as instants; a date without an offset is in UTC here, whatever the service's zone."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.expressions.registry import function
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import days
else:
    days = Later("service.expressions.days")


@function("isDateAfter")
def is_date_after(date: Any, reference: Any) -> bool:
    """Whether it lies after another date, as an instant.

    {{ isDateAfter('2024-03-05T12:00:00Z', '2024-03-05T12:00:00+01:00') }} -> true
    {{ isDateAfter('2024-03-05', '2024-03-05') }} -> false
    """
    return _instant(date) > _instant(reference)


@function("isDateBefore")
def is_date_before(date: Any, reference: Any) -> bool:
    """Whether it lies before another date, as an instant.

    {{ isDateBefore('2024-03-05', '2024-03-06') }} -> true
    """
    return _instant(date) < _instant(reference)


@function("isDateBetween")
def is_date_between(date: Any, after: Any, before: Any) -> bool:
    """Whether it lies after one date and before another, as an instant; the two do not count.

    {{ isDateBetween('2024-03-05', '2024-03-01', '2024-04-01') }} -> true
    {{ isDateBetween('2024-03-01', '2024-03-01', '2024-04-01') }} -> false
    """
    return _instant(after) < _instant(date) < _instant(before)


def _instant(date: Any) -> datetime:
    return days.local(date, "UTC")
