"""Times and lengths of time as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def moment(text: Any) -> datetime | None:
    """An ISO-8601 text of the API; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def clock(text: Any) -> str:
    """The local time of day, with milliseconds."""
    found = moment(text)
    return found.astimezone().strftime("%H:%M:%S.%f")[:-3] if found else "--:--:--.---"


def date_and_time(text: Any) -> str:
    """The local date and time, to the second."""
    found = moment(text)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else ""


def length(seconds: float | None) -> str:
    """`0.8 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def duration(state: Mapping[str, Any]) -> float | None:
    """Seconds between the start and the end of a state of the API; None while it runs."""
    start, end = moment(state.get("startDate")), moment(state.get("endDate"))
    return (end - start).total_seconds() if start and end else None
