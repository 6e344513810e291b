"""Inputs whose values are dates, times and lengths of time. What comes out is ISO-8601 text, instants in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runners.fields import Duration, format_duration, parse_duration
from service.flows.inputs.definition import Input
from service.flows.values import BadValue, as_text, in_range, read_date, read_instant, read_time


def _bound(read: Callable[[Any], Any]) -> Any:
    def check(value: Any) -> Any:
        try:
            return read(value)
        except BadValue as bad:
            raise PydanticCustomError("input", "the bound {reason}", {"reason": str(bad)}) from None

    return BeforeValidator(check)


class DatetimeInput(Input):
    """An instant."""

    TYPES = ("DATETIME",)
    RANGE = ("after", "before")

    after: Annotated[datetime, _bound(read_instant)] | None = Field(None, description="The earliest value.")
    before: Annotated[datetime, _bound(read_instant)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any) -> str:
        instant = in_range(read_instant(value), self.after, self.before, _shown_instant, self.RANGE)
        return _shown_instant(instant)


def _shown_instant(instant: datetime) -> str:
    return instant.isoformat().removesuffix("+00:00") + "Z"


class DateInput(Input):
    """A calendar date."""

    TYPES = ("DATE",)
    RANGE = ("after", "before")

    after: Annotated[date, _bound(read_date)] | None = Field(None, description="The earliest value.")
    before: Annotated[date, _bound(read_date)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any) -> str:
        return str(in_range(read_date(value), self.after, self.before, words=self.RANGE).isoformat())


class TimeInput(Input):
    """A time of day."""

    TYPES = ("TIME",)
    RANGE = ("after", "before")

    after: Annotated[time, _bound(read_time)] | None = Field(None, description="The earliest value.")
    before: Annotated[time, _bound(read_time)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any) -> str:
        return str(in_range(read_time(value), self.after, self.before, words=self.RANGE).isoformat())


class DurationInput(Input):
    """A length of time, kept as the ISO-8601 text that was given."""

    TYPES = ("DURATION",)

    min: Duration | None = Field(None, description="The shortest value.")
    max: Duration | None = Field(None, description="The longest value.")

    def parse(self, value: Any) -> str:
        text = as_text(value).strip()
        try:
            length = parse_duration(text)
        except PydanticCustomError as bad:
            hint = str((bad.context or {}).get("hint", ""))
            raise BadValue(f"is {bad.message().removesuffix(f': {hint}')} ({hint})") from None
        in_range(length, self.min, self.max, format_duration)
        return text
