"""Schedules against a reading of cron that is as simple as can be: every minute is looked at by itself, over every kind of clock change.

The rule: a minute fires when what the clock shows is named by the expression. Jobs whose minute and hour do not begin with `*` fire in the first pass
of a repeated hour only, and the first minute after a gap stands for all that the gap left out.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from service.triggers.schedule import Schedule

MINUTE = timedelta(minutes=1)
#: Lowest and highest value of minute, hour, day of month, month and day of week.
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = {name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
DAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, MONTHS, DAYS)
#: Instants around which the clock is changed, or another day begins.
CHANGES = {
    "Europe/Paris": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/Santiago": ("2026-04-05T03:00", "2026-09-06T04:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Asia/Kolkata": ("2026-02-28T18:30", "2027-12-31T18:30"),
    "UTC": ("2024-02-29T00:00", "2026-12-31T23:59"),
}


class Reading(NamedTuple):
    """An expression, read: the values of each field, whether the month's last day is meant, and whether each of the two day fields is `*`."""

    values: tuple[frozenset[int], ...]
    last: bool
    open_day: bool
    open_weekday: bool
    fixed: bool

    def names(self, wall: datetime) -> bool:
        minute, hour, day, month, weekday = self.values
        if wall.minute not in minute or wall.hour not in hour or wall.month not in month:
            return False
        on_day = wall.day in day or (self.last and wall.day == monthrange(wall.year, wall.month)[1])
        on_weekday = wall.isoweekday() % 7 in weekday
        return (on_day and on_weekday) if self.open_day or self.open_weekday else (on_day or on_weekday)


def reading(cron: str) -> Reading:
    fields = cron.upper().split()
    values = tuple(frozenset(value for item in text.split(",") if item != "L" for value in item_values(item, place)) for place, text in enumerate(fields))
    day, weekday = ("*" in text.split(",") for text in (fields[2], fields[4]))
    return Reading(values, "L" in fields[2].split(","), day, weekday, fields[0][0] != "*" != fields[1][0])


def item_values(item: str, place: int) -> Iterator[int]:
    low, high = BOUNDS[place]
    span, _, step = item.partition("/")
    first, _, last = span.partition("-")
    at = low if first == "*" else number(first, place)
    end = high if first == "*" or (step and not last) else number(last or first, place)
    if place == 4 and last and end == 0 and at > 0:
        end = 7
    if place == 4 and step and not last:
        at %= 7
    while at <= end:
        yield at % 7 if place == 4 else at
        at += int(step or 1)


def number(text: str, place: int) -> int:
    return NAMES[place][text] if text in NAMES[place] else int(text)


class Minute(NamedTuple):
    """An instant, what the clock shows, whether it has shown it before, and what it left out just before."""

    instant: datetime
    wall: datetime
    again: bool
    skipped: tuple[datetime, ...]


@lru_cache(maxsize=64)
def minutes(zone: str, start: datetime, end: datetime, step: timedelta = MINUTE) -> tuple[Minute, ...]:
    place, found, instant = ZoneInfo(zone), [], start
    shown = instant.astimezone(place).replace(tzinfo=None) - step
    while instant < end:
        local = instant.astimezone(place)
        wall = local.replace(tzinfo=None, fold=0)
        skipped = tuple(shown + step * number for number in range(1, max(1, (wall - shown) // step)))
        found.append(Minute(instant, wall, local.fold == 1, skipped))
        shown, instant = wall, instant + step
    return tuple(found)


def planned(read: Reading, looked_at: tuple[Minute, ...], seconds: frozenset[int]) -> list[datetime]:
    """Every instant in these minutes at which it fires."""
    found: set[datetime] = set()
    for minute in looked_at:
        if read.names(minute.wall) and not (read.fixed and minute.again):
            found.update(minute.instant + timedelta(seconds=second) for second in seconds)
        if read.fixed and any(map(read.names, minute.skipped)):
            found.add(minute.instant)
    return sorted(found)


def agree(cron: str, zone: str, looked_at: tuple[Minute, ...], moments: list[datetime], seconds: str | None = None) -> int:
    """How many answers were compared that lie within what was looked at."""
    model = Schedule.model_validate({"cron": f"{seconds} {cron}" if seconds else cron, "timezone": zone, "withSeconds": seconds is not None})
    expected = planned(reading(cron), looked_at, frozenset(value for item in (seconds or "0").split(",") for value in item_values(item, 0)))
    compared = 0
    for moment in moments:
        later, earlier = model.next_after(moment), model.before(moment)
        following, preceding = bisect_right(expected, moment), bisect_left(expected, moment) - 1
        if following < len(expected):
            assert later == expected[following], (cron, zone, moment)
        else:
            assert later is not None, (cron, zone, moment)
            assert later > looked_at[-1].instant, (cron, zone, moment)
        if preceding >= 0:
            assert earlier == expected[preceding], (cron, zone, moment)
        else:
            assert earlier is not None, (cron, zone, moment)
            assert earlier < looked_at[0].instant, (cron, zone, moment)
        compared += (following < len(expected)) + (preceding >= 0)
    return compared


def around(change: datetime, dice: random.Random) -> list[datetime]:
    """Moments near the change, on a minute or within one."""
    near = [change + MINUTE * step for step in (-61, -60, -1, 0, 1, 5, 29, 30, 59, 60, 61)]
    return [*dice.sample(near, 4), change - timedelta(microseconds=1), change + timedelta(seconds=dice.randint(-100_000, 100_000), microseconds=1)]


def some_field(place: int, dice: random.Random) -> str:
    """A field in one of all ways to write it, with a liking for ranges of one value and for the last value."""
    low, high = BOUNDS[place]
    high += place == 4  # Sunday is 7 as well

    def one() -> int:
        return dice.choice([low, high, dice.randint(low, high), dice.randint(low, min(high, low + 4))])

    def item() -> str:
        first, last = sorted((one(), one()))
        if NAMES[place] and dice.random() < 0.3:
            named = dice.sample(sorted(NAMES[place], key=NAMES[place].__getitem__), 2)
            first_name, last_name = sorted(named, key=NAMES[place].__getitem__)
            return dice.choice([first_name, f"{first_name}-{last_name}", f"{first_name}-{first_name}", f"{last_name}/2"])
        step = dice.randint(1, min(high, 12))
        return dice.choice([f"{first}", f"{first}-{last}", f"{last}-{last}", f"{first}-{last}/{step}", f"{last}/{step}", f"{high}/{step}", f"*/{max(2, step)}"])

    kind = dice.random()
    if kind < (0.25, 0.35, 0.65, 0.75, 0.65)[place]:
        return "*"
    if place == 2 and kind > 0.92:
        return dice.choice(["L", "1,L", "30-31,L", "2-31,L", "1-30,L"])
    if kind > 0.97:
        return f"{low}-{high}"
    return ",".join(item() for _ in range(dice.choice([1, 1, 1, 2, 3])))


def some_cron(dice: random.Random) -> str:
    """One that fires within any year."""
    fields = [some_field(place, dice) for place in range(5)]
    if fields[1] != "*" and dice.random() < 0.6:
        fields[1] = dice.choice(["0-4", "1-2", "2", "1,2", "2-2", "0", "*/2"])
    read = reading(" ".join(fields))
    days = max(monthrange(2026, month)[1] for month in read.values[3])
    return " ".join(fields) if read.last or min(read.values[2]) <= days else some_cron(dice)


@pytest.mark.parametrize("zone", CHANGES)
def test_every_expression_fires_when_its_minutes_come_also_where_the_clock_is_changed(zone: str):
    dice = random.Random(f"{zone} 1")
    compared = 0
    for told in CHANGES[zone]:
        change = datetime.fromisoformat(told).replace(tzinfo=UTC)
        looked_at = minutes(zone, change - timedelta(hours=40), change + timedelta(hours=40))
        for cron in (some_cron(dice) for _ in range(25)):
            compared += agree(cron, zone, looked_at, around(change, dice))
    assert compared > 200


@pytest.mark.parametrize("zone", CHANGES)
def test_seconds_are_found_where_the_clock_is_changed(zone: str):
    dice = random.Random(f"{zone} 3")
    compared = 0
    for told in CHANGES[zone]:
        change = datetime.fromisoformat(told).replace(tzinfo=UTC)
        looked_at = minutes(zone, change - timedelta(hours=3), change + timedelta(hours=3))
        for cron in ("* * * * *", "0-59 0-4 * * *", "* 0-4 * * *", "*/10 1-2 * * *", "30 1,2 * * *", "59-59 */2 * * *"):
            seconds = dice.choice(["*", "0-59", "59/5", "58-58,7", "*/20", "0,59"])
            moments = [change + timedelta(seconds=step) for step in (-1, 0, 1, dice.randint(-5_000, 5_000), dice.randint(-5_000, 5_000))]
            compared += agree(cron, zone, looked_at, moments, seconds)
    assert compared > 20


@pytest.mark.parametrize("zone", CHANGES)
def test_days_are_found_over_the_ends_of_months_and_years(zone: str):
    dice = random.Random(f"{zone} 2")
    start = datetime(2027, 11, 20, tzinfo=UTC)
    looked_at = minutes(zone, start, start + timedelta(days=120), timedelta(minutes=30))  # half hours are all that these expressions can name
    for _ in range(20):
        cron = f"0 {dice.choice(['0', '12', '23'])} " + some_cron(dice).split(maxsplit=2)[2]
        agree(cron, zone, looked_at, [dice.choice(looked_at).instant for _ in range(4)])
