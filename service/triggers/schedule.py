"""Starts a flow by the clock: cron in a time zone.

croniter is used on wall-clock time alone, behind two small functions, and is given lists of numbers only: it reads `5-5` as `*`, and so a step of
which only the last value is left.

**The clock is changed.** *Fixed* jobs, whose minute and hour do not begin with `*`, fire once for each wall-clock time: of times that come twice in
the first pass, and for all those that are left out together once, at the first instant after them. *Wildcard* jobs follow the clock: they fire in
both passes of what is repeated, and not for times that do not exist.

**Days.** A day field that holds `*` leaves the days to the other one; where both name days, either is enough, as in Kestra. A step without an end
runs to the field's last value, which of the days of the week is Saturday: Sunday comes first, as 0 or 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, CroniterError, croniter
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from runners.fields import Length, Model, Text
from runners.times import Instant, ZoneName, zone
from service.triggers import Schedulable

NICKNAMES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
_DAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
#: Name, lowest, highest, names of values.
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_ITEM = re.compile(r"(?P<from>\*|[A-Z]+|\d{1,4})(?:-(?P<to>[A-Z]+|\d{1,4}))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_LAST = 100  #: `L` among the numbers, which are all lower
_LONGEST = 200
_SECOND = timedelta(seconds=1)
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def _wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    # Braces in somebody's text must not be read as the template of the message.
    return PydanticCustomError("cron", "{what}", {"what": message, **({"hint": hint} if hint else {})})


def normalized(cron: str, with_seconds: bool) -> str:
    """The expression as lists of numbers, with seconds first; raises PydanticCustomError that says which field is wrong, and how."""
    return " ".join(_field(text, *field) for text, field in zip(_written(cron, with_seconds), _FIELDS, strict=True))


def _written(cron: str, with_seconds: bool) -> list[str]:
    """The six fields as they were written."""
    text = cron.strip()
    if len(text) > _LONGEST:
        raise _wrong(f"longer than {_LONGEST} characters")
    if text.startswith("@"):
        return ["0", *_nickname(text).split()]
    fields = text.upper().split()
    wanted = 6 if with_seconds else 5
    if len(fields) != wanted:
        raise _wrong(f"expected {wanted} fields, got {len(fields)}", _count_hint(len(fields), with_seconds))
    return fields if with_seconds else ["0", *fields]


def _nickname(text: str) -> str:
    found = NICKNAMES.get(text.lower())
    if found is None:
        near = get_close_matches(text.lower(), NICKNAMES, n=1)
        raise _wrong(f"unknown schedule `{text[:40]}`", f"did you mean `{near[0]}`?" if near else f"one of {', '.join(NICKNAMES)}")
    return found


def _count_hint(count: int, with_seconds: bool) -> str:
    if with_seconds:
        return "second, minute, hour, day of month, month, day of week" if count != 5 else "`withSeconds: true` asks for a field of seconds in front"
    if count == 6:
        return "six fields begin with seconds: add `withSeconds: true`, or drop the first field"
    return "years are not part of a schedule" if count == 7 else "minute, hour, day of month, month, day of week"


def _field(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> str:
    items = text.split(",")
    found = [_item(item, name, low, high, names) for item in items]
    if any(item.startswith("*") and values.step == 1 for item, values in zip(items, found, strict=True)):
        return "*"
    numbers = {value % 7 if name == "day of week" else value for values in found for value in values}
    if _LAST in numbers:
        numbers.discard(31)  # it is `L` already, and a list of 31 entries would be `*` to croniter
    return ",".join("L" if number == _LAST else str(number) for number in sorted(numbers))


def _item(item: str, name: str, low: int, high: int, names: Mapping[str, int]) -> range:
    if item == "L" and name == "day of month":
        return range(_LAST, _LAST + 1)
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _wrong(f"`{item[:40]}` is not a {name}", _item_hint(item, name))
    step = int(match["step"] or 1)
    if not 0 < step <= high:
        raise _wrong(f"the step of the {name} must be 1 to {high}, not {match['step']}")
    end = 6 if name == "day of week" else high
    if match["from"] == "*":
        if match["to"]:
            raise _wrong(f"`{item[:40]}` is not a {name}")
        return range(low, end + 1, step)
    first = _number(match["from"], name, low, high, names)
    if not match["to"]:
        if match["step"] is None:
            return range(first, first + 1)
        return range(0 if first > end else first, end + 1, step)
    last = _number(match["to"], name, low, high, names)
    if name == "day of week" and last == 0 and first > 0:
        last = 7  # a week that ends with Sunday
    if first > last:
        raise _wrong(f"the range `{item[:40]}` of the {name} ends before it begins", f"write two: `{first}-{high},{low}-{last}`")
    return range(first, last + 1, step)


def _item_hint(item: str, name: str) -> str | None:
    if item == "?":
        return "write `*`"
    if re.match(r"[HR](?:$|\W)", item):
        return "times are not drawn by hash or at random here: give a number"
    if "#" in item or "L" in item or "W" in item:
        return "only `L` alone is known, as the last day of the month"
    return "numbers or three-letter names, ranges `a-b`, lists `a,b` and steps `*/n`" if name in ("month", "day of week") else None


def _number(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text) if not text.isdigit() else int(text)
    if number is None or not low <= number <= high:
        raise _wrong(f"the {name} must be {low} to {high}, not `{text[:20]}`", _item_hint(text, name))
    return number


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
    VARIABLES = frozenset({"date", "next", "previous"})
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {"backfill": "a backfill is asked for once, and is no part of the flow"}

    with_seconds: bool = Field(False, description="The first of six fields is the second.")
    cron: Text = Field(description="Five fields: minute, hour, day of month, month, day of week; six with `withSeconds`; or @daily and its kin.")
    timezone: ZoneName | None = Field(None, description="An IANA name; UTC when absent.")
    late_maximum_delay: Length | None = Field(None, description="An execution that would be later than this is left out.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field("ALL", description="What is made up for after the service was down.")
    backfill: Backfill | None = Field(None, description="Old: instants of the past to be made up for.")

    @field_validator("cron")
    @classmethod
    def _fires(cls, cron: str, info: ValidationInfo) -> str:
        try:
            if not _ever_fires(cron, bool(info.data.get("with_seconds"))):
                raise _wrong("no such date ever comes", "this day does not exist in this month")
        except CroniterError:
            raise _wrong("this is not a schedule") from None
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
        _, minute, hour, *_ = _written(self.cron, self.with_seconds)
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


def _repeated(local: datetime) -> bool:
    """Whether this wall-clock time comes twice, and this is the first pass."""
    other = local.replace(fold=1)
    return local.utcoffset() != other.utcoffset() and other.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


@lru_cache(maxsize=1024)
def _ever_fires(cron: str, with_seconds: bool) -> bool:
    """Whether there is any such date. Kept, because it takes as long as reading a whole flow, and flows share their schedules."""
    return _next(normalized(cron, with_seconds), _SOME_DAY) is not None


def _next(expression: str, wall: datetime) -> datetime | None:
    """The first wall-clock time after this one."""
    return _stepped(expression, wall, forward=True)


def _previous(expression: str, wall: datetime) -> datetime | None:
    return _stepped(expression, wall, forward=False)


def _stepped(expression: str, wall: datetime, forward: bool) -> datetime | None:
    try:
        steps = croniter(expression, wall.replace(tzinfo=UTC), second_at_beginning=True)
        found: datetime = steps.get_next(datetime) if forward else steps.get_prev(datetime)
    except CroniterBadDateError:
        return None
    return found.replace(tzinfo=None)
