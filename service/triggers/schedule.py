"""Starts a flow by the clock: cron in a time zone.

croniter is used on wall-clock time alone, behind two small functions, and is given lists of numbers only: it reads `5-5` as `*`, and so a step of
which only the last value is left.

**The clock is changed.** *Fixed* jobs, whose minute and hour do not begin with `*`, fire once for each wall-clock time: of times that come twice in
the first pass, and for all those that are left out together once, at the first instant after them. *Wildcard* jobs follow the clock: they fire in
both passes of what is repeated, and not for times that do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from runners.fields import Length, Model, Text
from runners.times import Instant, ZoneName, zone
from service.cron import NICKNAMES, normalized, written, wrong_cron
from service.later import Later
from service.triggers import Schedulable

if TYPE_CHECKING:
    import croniter
else:
    croniter = Later("croniter")  # as it is loaded it starts a command, to learn about the machine, and waits for it

_SECOND = timedelta(seconds=1)
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Backfill(Model):
    """Instants of the past to be made up for."""

    start: Instant = Field(description="The first instant.")
    end: Instant | None = Field(None, description="The last one; now when absent.")
    current_date: Instant | None = Field(None, description="How far it has come.")
    paused: bool = Field(False, description="Stands still.")
    inputs: dict[str, Any] | None = Field(None, description="What its executions are given.")
    labels: dict[str, Text] | list[dict[str, Text]] | None = Field(None, description="Labels of its executions.")


class Schedule(Schedulable):
    """Fires by cron, in a time zone."""

    TYPE = "io.kestra.plugin.core.trigger.Schedule"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Schedule",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "date": "The planned instant.",
        "next": "The planned instant after it.",
        "previous": "The planned instant before it.",
    }
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {"backfill": "a backfill is asked for once, and is no part of the flow"}

    with_seconds: bool = Field(False, description="The first of six fields is the second.")
    cron: Text = Field(
        description="Five fields: minute, hour, day of month, month, day of week; six with `withSeconds`; or @daily and its kin.",
        examples=["0 6 * * *", *NICKNAMES],
    )
    timezone: ZoneName | None = Field(None, description="An IANA name; UTC when absent.")
    late_maximum_delay: Length | None = Field(None, description="An execution that would be later than this is left out.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field("ALL", description="What is made up for after the service was down.")
    backfill: Backfill | None = Field(None, description="Old: instants of the past to be made up for.")

    @field_validator("cron")
    @classmethod
    def _fires(cls, cron: str, info: ValidationInfo) -> str:
        _check(cron, bool(info.data.get("with_seconds")))
        return cron

    def next_after(self, moment: datetime) -> datetime | None:
        candidates = [found for found in (self._later(moment), self._second_pass(moment)) if found is not None]
        return min(candidates, default=None)

    def before(self, moment: datetime) -> datetime | None:
        """The last planned instant before `moment`; None when there was none."""
        candidates = [found for found in (self._earlier(moment), self._first_pass(moment)) if found is not None]
        return max(candidates, default=None)

    def variables(self, planned: datetime) -> Mapping[str, Any]:
        """`trigger.date`, `trigger.next` and `trigger.previous`, as ISO-8601 text in the schedule's zone."""
        dates = {"date": planned, "next": self.next_after(planned), "previous": self.before(planned)}
        return {name: self._shown(date) for name, date in dates.items() if date is not None}

    @cached_property
    def _expression(self) -> str:
        return normalized(self.cron, self.with_seconds)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return zone(self.timezone or "UTC")

    @cached_property
    def _fixed(self) -> bool:
        _, minute, hour, *_ = written(self.cron, self.with_seconds)
        return not minute.startswith("*") and not hour.startswith("*")

    def _shown(self, moment: datetime) -> str:
        text = moment.astimezone(self._zone).isoformat()
        return text.replace("+00:00", "Z") if self._zone.key in ("UTC", "Etc/UTC") else text

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _later(self, moment: datetime) -> datetime | None:
        wall = _next(self._expression, self._wall(moment))
        while wall is not None:
            later = [instant for instant in self._instants(wall) if instant > moment]
            if later:
                return min(later)
            # Over all that is left out or repeated at once: an hour may hold 3,600 such times. Never back, whatever the time-zone database says.
            wall = _next(self._expression, max(wall, self._changed(wall)[1] - _SECOND))
        return None

    def _earlier(self, moment: datetime) -> datetime | None:
        wall = _previous(self._expression, self._wall(moment))
        while wall is not None:
            earlier = [instant for instant in self._instants(wall) if instant < moment]
            if earlier:
                return max(earlier)
            wall = _previous(self._expression, self._changed(wall)[0])
        return None

    def _second_pass(self, moment: datetime) -> datetime | None:
        """In the first pass of a repeated hour, wall-clock times that lie behind come again."""
        local = moment.astimezone(self._zone)
        if local.fold or self._fixed or not _repeated(local):
            return None
        change = self._change(moment, moment + timedelta(days=1))
        wall = _next(self._expression, self._wall(change) - _SECOND)
        return None if wall is None else max(self._instants(wall), default=None)

    def _first_pass(self, moment: datetime) -> datetime | None:
        """In the second pass, wall-clock times that lie ahead have been already."""
        local = moment.astimezone(self._zone)
        if not local.fold:
            return None
        change = self._change(moment - timedelta(days=1), moment)
        wall = _previous(self._expression, self._wall(change - _SECOND) + _SECOND)
        return None if wall is None else min(self._instants(wall), default=None)

    def _instants(self, wall: datetime) -> list[datetime]:
        """When a wall-clock time is: once, twice, or never (the first instant after, for fixed jobs)."""
        found = [instant for fold in (0, 1) if self._wall(instant := wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)) == wall]
        if not found:
            return [self._change(*self._both(wall))] if self._fixed else []
        return found[:1] if self._fixed or found[0] == found[-1] else found

    def _changed(self, wall: datetime) -> tuple[datetime, datetime]:
        """Of the wall-clock times that are left out or come twice together with this one the first, and the first behind them."""
        change = self._change(*self._both(wall))
        first, behind = sorted((self._wall(change - _SECOND) + _SECOND, self._wall(change)))
        return first, behind

    def _both(self, wall: datetime) -> tuple[datetime, datetime]:
        """The two instants that this wall-clock time may mean, the earlier one first."""
        first, second = sorted(wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return first, second

    def _change(self, first: datetime, second: datetime) -> datetime:
        """The second at which the clock is changed, between two instants with different offsets."""
        low, high = first.astimezone(UTC).replace(microsecond=0), second.astimezone(UTC).replace(microsecond=0)
        before = low.astimezone(self._zone).utcoffset()
        while high - low > _SECOND:
            middle = low + ((high - low) // 2 // _SECOND) * _SECOND
            if middle.astimezone(self._zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high


@lru_cache(maxsize=4096)
def _check(cron: str, with_seconds: bool) -> None:
    """Raises PydanticCustomError for what is no schedule, or one that never fires. Kept: the same few schedules stand in most flows."""
    try:
        if _next(normalized(cron, with_seconds), _SOME_DAY) is None:
            raise wrong_cron("no such date ever comes", "this day does not exist in this month")
    except croniter.CroniterError:
        raise wrong_cron("this is not a schedule") from None


def _repeated(local: datetime) -> bool:
    """Whether this wall-clock time comes twice, and this is the first pass."""
    other = local.replace(fold=1)
    return local.utcoffset() != other.utcoffset() and other.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _next(expression: str, wall: datetime) -> datetime | None:
    """The first wall-clock time after this one."""
    return _stepped(expression, wall, forward=True)


def _previous(expression: str, wall: datetime) -> datetime | None:
    return _stepped(expression, wall, forward=False)


def _stepped(expression: str, wall: datetime, forward: bool) -> datetime | None:
    try:
        steps = croniter.croniter(expression, wall.replace(tzinfo=UTC), second_at_beginning=True)
        found: datetime = steps.get_next(datetime) if forward else steps.get_prev(datetime)
    except croniter.CroniterBadDateError:
        return None
    return found.replace(tzinfo=None)
