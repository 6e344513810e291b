"""Metrics added up over time: by minutes, hours, days, weeks or months, whichever suits the time that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from service.errors import Invalid
from service.store import metrics
from service.store.codec import from_epoch, iso
from service.store.database import Session
from service.store.metrics import Part, Series

#: What is made of all values in a stretch of time.
AGGREGATIONS: Mapping[str, Callable[[Sequence[Part]], float]] = {
    "avg": lambda parts: sum(part.total for part in parts) / sum(part.count for part in parts),
    "sum": lambda parts: sum(part.total for part in parts),
    "min": lambda parts: min(part.least for part in parts),
    "max": lambda parts: max(part.most for part in parts),
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MOST = 4_000  #: stretches in one answer


def aggregated(session: Session, series: Series, since: datetime, until: datetime, aggregation: str) -> dict[str, Any]:
    """Each stretch of time between two moments with what the metric came to in it, 0 where it was not published. Raises Invalid for too long a time."""
    group, seconds = _grouping(until - since)
    stretches = list(_stretches(group, since, until))
    found: dict[datetime, list[Part]] = {start: [] for start in stretches}
    for part in metrics.parts(session, series, since.timestamp(), until.timestamp(), seconds):
        found[_start(group, from_epoch(part.start * seconds))].append(part)
    values = {start: AGGREGATIONS[aggregation](parts) if parts else 0.0 for start, parts in found.items()}
    return {"groupBy": group, "aggregations": [{"name": series.name, "value": value, "date": iso(start)} for start, value in values.items()]}


def _grouping(length: timedelta) -> tuple[str, int]:
    """How a time of this length is cut up, and the seconds of the parts that such a stretch is made of."""
    if length > timedelta(days=365):
        return "month", _DAY
    if length > timedelta(days=180):
        return "week", _DAY
    if length > timedelta(days=1):
        return "day", _DAY
    return ("hour", _HOUR) if length > timedelta(hours=6) else ("minute", _MINUTE)


def _stretches(group: str, since: datetime, until: datetime) -> Iterator[datetime]:
    at = _start(group, since)
    for _ in range(_MOST):
        if at > until:
            return
        yield at
        at = _next(group, at)
    raise Invalid("the time between startDate and endDate is too long")


def _start(group: str, moment: datetime) -> datetime:
    """Where the stretch begins that a moment is in."""
    minute = moment.astimezone(UTC).replace(second=0, microsecond=0)
    if group == "minute":
        return minute
    hour = minute.replace(minute=0)
    if group == "hour":
        return hour
    day = hour.replace(hour=0)
    if group == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group == "month" else day


def _next(group: str, start: datetime) -> datetime:
    if group == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[group]
