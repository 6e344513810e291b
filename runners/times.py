"""Field types for time zones, instants, times of day and time windows.

Zones are IANA names, which know when the clocks change. What reads a value raises `PydanticCustomError` with a hint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Length, Model, Text, by_kind, wrong

T = TypeVar("T")

_LONGEST = 40
#: What a JSON Schema calls the name of a time zone.
ZONE = "time-zone"

#: Names that the time-zone database keeps for old systems: they fix an offset or mean this machine.
_OLD_ZONE = re.compile(r"[A-Z]{3}\d[A-Z]{3}|localtime|posixrules|Factory|(?:posix|right)/.*")
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises PydanticCustomError with the nearest one."""
    if len(name) <= 60 and _ZONE_NAME.fullmatch(name) and not _OLD_ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise PydanticCustomError("timezone", "unknown time zone `{name}`", {"name": name[:60], "hint": _zone_hint(name[:60])})


@lru_cache(maxsize=1)
def _known_zones() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """All names by their small letters, and those by their last part."""
    known = {place.lower(): place for place in available_timezones() if not _OLD_ZONE.fullmatch(place)}
    return known, {place.rpartition("/")[2]: place for place in known}


def zone_names() -> list[str]:
    """All names of time zones that are worth to be offered."""
    return sorted(_known_zones()[0].values())


_AMERICAN = {"EST5EDT": "America/New_York", "CST6CDT": "America/Chicago", "MST7MDT": "America/Denver", "PST8PDT": "America/Los_Angeles"}


def _zone_hint(name: str) -> str:
    if name in _AMERICAN:
        return f"write `{_AMERICAN[name]}`"
    if re.match(r"(?:UTC|GMT|Z)?[+-]\d", name):
        return "an offset does not know when the clocks change: name a place, such as Europe/Paris"
    known, last = _known_zones()
    wanted = name.lower().replace(" ", "_")
    near = get_close_matches(wanted, known, n=1, cutoff=0.7) or [last[found] for found in get_close_matches(wanted.rpartition("/")[2], last, n=1, cutoff=0.8)]
    return f"did you mean `{known[near[0]]}`?" if near else "an IANA name, such as Europe/Paris or UTC"


def _zone_name(name: str) -> str:
    zone(name)
    return name


#: The name of a time zone that is known.
ZoneName = Annotated[Text, AfterValidator(_zone_name), WithJsonSchema({"type": "string", "format": ZONE})]

_FRACTION = re.compile(r"(\.\d{6})\d+")


def microseconds(text: str) -> str:
    """A time whose fraction has six digits at most: others write nine, Python reads six."""
    return _FRACTION.sub(r"\1", text)


def read_instant(text: str) -> datetime:
    """A date with its time, ISO-8601; aware where the text has an offset."""
    return _read(text, "T", datetime.fromisoformat, "a date and time", "2026-01-31T06:00:00Z")


def read_time_of_day(text: str) -> time:
    """A time of day, ISO-8601; aware where the text has an offset."""
    return _read(text, ":", time.fromisoformat, "a time of day", "06:30:00")


def _read(text: str, mark: str, read: Callable[[str], T], kind: str, example: str) -> T:
    try:
        if mark in text and len(text) <= _LONGEST:
            return read(microseconds(text))
    except ValueError:
        pass
    raise PydanticCustomError("date", "not {kind}", {"kind": kind, "hint": f"for example `{example}`"})


def _checked_instant(text: str) -> str:
    read_instant(text)
    return text


def _checked_time(text: str) -> str:
    read_time_of_day(text)
    return text


#: Text that is a date with a time, and a time of day: kept as they were written.
Instant = Annotated[Text, AfterValidator(_checked_instant)]
TimeOfDay = Annotated[Text, AfterValidator(_checked_time)]

#: What each kind of time window can't do without.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "DURATION_WINDOW": (),
    "SLIDING_WINDOW": ("window",),
    "DAILY_TIME_DEADLINE": ("deadline",),
    "DAILY_TIME_WINDOW": ("startTime", "endTime"),
}


class TimeWindow(Model):
    """Within which time several executions must all have come to an end."""

    model_config = ConfigDict(json_schema_extra={"allOf": [by_kind("type", kind, needed) for kind, needed in _NEEDED.items() if needed]})

    type: Literal["DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_DEADLINE", "DAILY_TIME_WINDOW"] = Field("DURATION_WINDOW", description="Its kind.")
    window: Length | None = Field(None, description="Its length; one day when absent.")
    window_advance: Duration | None = Field(None, description="How far the window's beginning is moved.")
    deadline: TimeOfDay | None = Field(None, description="For DAILY_TIME_DEADLINE.")
    start_time: TimeOfDay | None = Field(None, description="For DAILY_TIME_WINDOW.")
    end_time: TimeOfDay | None = Field(None, description="For DAILY_TIME_WINDOW.")

    @model_validator(mode="after")
    def _complete(self) -> TimeWindow:  # noqa: N804  # "after" validates an instance
        given = {"deadline": self.deadline, "startTime": self.start_time, "endTime": self.end_time, "window": self.window}
        for name in _NEEDED[self.type]:
            if given[name] is None:
                raise wrong("missing_here", f"a window of the type {self.type} needs `{name}`", f"add `{name}: …`")
        return self
