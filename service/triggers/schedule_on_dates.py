"""Starts a flow at named instants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic
from runners.times import Instant, ZoneName
from service.triggers import TriggerType


class ScheduleOnDates(TriggerType):
    """Fires at each of its dates, and never again after the last."""

    TYPE = "io.kestra.plugin.core.trigger.ScheduleOnDates"
    KIND = "schedule"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"date": "The date.", "next": "The date after it.", "previous": "The date before it."}
    RUN = False

    dates: Dynamic[list[Dynamic[Instant]]] = Field(description="Dates with time, ISO-8601.", examples=[["2026-01-31T06:00:00Z"]])
    timezone: ZoneName | None = Field(None, description="An IANA name, for dates without an offset; UTC when absent.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field("ALL", description="What is made up for after the service was down.")
