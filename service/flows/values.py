"""Values as people give them, read: text from forms and command lines, or JSON. What can't be read raises BadValue."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from runners.fields import is_template
from runners.times import microseconds

#: The longest text that one value may be, in characters.
LONGEST = 1_048_576
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})", re.ASCII)


class BadValue(ValueError):
    """The value is not one for this input; the text says why."""


def as_text(value: Any) -> str:
    """Text, of a scalar; raises BadValue."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise BadValue("must be text")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise BadValue("holds half of a character")
    if len(value) > LONGEST:
        raise BadValue(f"is longer than {LONGEST:,} characters")
    return value


def structured(value: Any) -> Any:
    """Text that holds JSON, read; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(as_text(value), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadValue("is not JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def in_range(value: Any, low: Any, high: Any, shown: Callable[[Any], str] = str, words: tuple[str, str] = ("more than", "less than")) -> Any:
    """The value, if it lies between the bounds that there are, which are values themselves; raises BadValue in the language's words."""
    if low is not None and value < low:
        raise BadValue(f"must be {words[0]} `{shown(low)}`")
    if high is not None and value > high:
        raise BadValue(f"must be {words[1]} `{shown(high)}`")
    return value


def as_list(value: Any) -> list[Any]:
    """A list, JSON text that holds one, or one value alone (a form field that was sent once)."""
    if isinstance(value, str):
        value = structured(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list | tuple):
        raise BadValue("must be a list")
    return list(value)


def read_instant(value: Any) -> datetime:
    """An instant with its offset; raises BadValue."""
    text = as_text(value).strip()
    if not _INSTANT.fullmatch(text):
        raise BadValue("must be a date and time with an offset, such as 2026-01-31T06:00:00Z")
    try:
        return datetime.fromisoformat(microseconds(text).upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadValue("is a date that does not exist") from None


def read_date(value: Any) -> date:
    """A calendar date; raises BadValue."""
    text = as_text(value).strip()
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        raise BadValue("is a date that does not exist") from None
    raise BadValue("must be a date such as 2026-01-31")


def read_time(value: Any) -> time:
    """A time of day; raises BadValue."""
    text = as_text(value).strip()
    try:
        if _TIME.fullmatch(text):
            return time.fromisoformat(microseconds(text))
    except ValueError:
        raise BadValue("is a time that does not exist") from None
    raise BadValue("must be a time such as 06:30:00")


def has_template(value: Any) -> bool:
    """Whether there is something to render anywhere in a value."""
    if isinstance(value, dict):
        return any(has_template(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(has_template(entry) for entry in value)
    return is_template(value)
