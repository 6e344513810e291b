"""The clock: cron, time zones, and what happens when the clocks are changed."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from pydantic import ValidationError

from service.cron import normalized
from service.triggers.schedule import Schedule


def schedule(cron: str, timezone: str | None = None, **more: Any) -> Schedule:
    """As YAML would give it."""
    return Schedule.model_validate({"cron": cron, "timezone": timezone, **more})


def fires(cron: str, timezone: str, after: str, count: int) -> list[str]:
    """The next instants, in local time with offset. `after` is local too."""
    found, trigger = [], schedule(cron, timezone)
    moment = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    for _ in range(count):
        upcoming = trigger.next_after(moment)
        assert upcoming is not None
        assert upcoming.utcoffset() == timedelta()
        moment = upcoming
        found.append(moment.astimezone(ZoneInfo(timezone)).isoformat(timespec="minutes"))
    return found


def complaint(cron: str, **more: Any) -> tuple[str, str | None]:
    """What is said about a wrong schedule, and the hint."""
    with pytest.raises(ValidationError) as raised:
        schedule(cron, **more)
    (error,) = raised.value.errors()
    return error["msg"], error["ctx"].get("hint")


def test_a_fixed_job_in_the_gap_fires_at_the_first_instant_after():
    assert fires("30 2 * * *", "Europe/Paris", "2026-03-28T12:00", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_a_fixed_job_in_the_repeated_hour_fires_once():
    assert fires("30 2 * * *", "Europe/Paris", "2026-10-24T12:00", 2) == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_two_fixed_times_in_one_gap_fire_once():
    assert fires("0,30 2 * * *", "Europe/Paris", "2026-03-28T12:00", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]


def test_a_day_whose_midnight_is_missing_is_not_skipped():
    assert fires("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", 2) == ["2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"]


def test_a_day_that_is_missing_altogether_is_made_up_for_at_its_end():
    assert fires("0 6 * * *", "Pacific/Apia", "2011-12-29T12:00", 2) == ["2011-12-31T00:00+14:00", "2011-12-31T06:00+14:00"]


def test_a_wildcard_job_follows_the_clock():
    assert fires("*/30 * * * *", "Europe/Paris", "2026-10-25T01:45", 5) == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:00+01:00",
    ]
    assert fires("*/10 2 * * *", "Europe/Paris", "2026-03-28T12:00", 1) == ["2026-03-30T02:00+02:00"]


def test_a_half_hour_shift_is_followed_too():
    assert fires("*/15 * * * *", "Australia/Lord_Howe", "2026-04-05T01:20", 5) == [
        "2026-04-05T01:30+11:00",
        "2026-04-05T01:45+11:00",
        "2026-04-05T01:30+10:30",
        "2026-04-05T01:45+10:30",
        "2026-04-05T02:00+10:30",
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("* 2 * * *", "Europe/Paris", "2026-03-28T02:59", "2026-03-30T02:00+02:00"),
        ("* 2 * * 0", "Europe/Paris", "2026-03-28T02:59", "2026-04-05T02:00+02:00"),
        ("0-59 2 * * *", "Europe/Paris", "2026-03-28T02:59", "2026-03-29T03:00+02:00"),
        ("* 0-4 * * *", "America/Santiago", "2026-09-05T04:59", "2026-09-06T01:00-03:00"),
        ("* */3 * * *", "America/Santiago", "2026-09-05T21:59", "2026-09-06T03:00-03:00"),
        ("* 0-1 * * *", "America/Santiago", "2026-09-05T01:59", "2026-09-06T01:00-03:00"),
        ("* 0-23 30 12 *", "Pacific/Apia", "2011-12-29T23:59", "2012-12-30T00:00+14:00"),
    ],
)
def test_a_schedule_goes_on_over_a_gap_however_many_of_its_times_are_left_out(cron, zone, after, expected):
    assert fires(cron, zone, after, 1) == [expected]


@pytest.mark.parametrize("with_seconds", [False, True])
@pytest.mark.parametrize("minute", [0, 5, 58, 59])
def test_a_fixed_job_goes_on_in_the_second_pass_of_a_repeated_hour(minute, with_seconds):
    trigger = schedule("* 0-59 2 * * *" if with_seconds else "0-59 2 * * *", "Europe/Paris", withSeconds=with_seconds)
    moment = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)
    assert trigger.next_after(moment) == datetime(2026, 10, 26, 1, tzinfo=UTC)
    assert trigger.before(moment) == datetime(2026, 10, 25, 0, 59, 59 if with_seconds else 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "moment", "expected"),
    [
        ("* 2 * * *", "2026-03-29T03:00+02:00", "2026-03-28T02:59+01:00"),
        ("* 2 * * 0", "2026-03-29T03:00+02:00", "2026-03-22T02:59+01:00"),
        ("0-59 2 * * *", "2026-03-29T03:00+02:00", "2026-03-28T02:59+01:00"),
        ("0-59 2 * * *", "2026-03-29T03:01+02:00", "2026-03-29T03:00+02:00"),
    ],
)
def test_what_was_planned_before_a_gap_is_found_behind_it(cron, moment, expected):
    assert schedule(cron, "Europe/Paris").before(datetime.fromisoformat(moment)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("59-59 * * * *", ["01-01 00:59", "01-01 01:59", "01-01 02:59"]),
        ("59/5 * * * *", ["01-01 00:59", "01-01 01:59", "01-01 02:59"]),
        ("0 5-5 * * *", ["01-01 05:00", "01-02 05:00", "01-03 05:00"]),
        ("0 23/2 * * *", ["01-01 23:00", "01-02 23:00", "01-03 23:00"]),
        ("0 0 31/3 * *", ["01-31 00:00", "03-31 00:00", "05-31 00:00"]),
        ("0 0 1 DEC-DEC *", ["12-01 00:00", "12-01 00:00", "12-01 00:00"]),
        ("0 9 * * MON-MON", ["01-05 09:00", "01-12 09:00", "01-19 09:00"]),
        ("0 0 * * 6/2", ["01-03 00:00", "01-10 00:00", "01-17 00:00"]),
        ("0 0 * * 7-7", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
        ("0 0 * * SUN-SUN", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
        ("0 0 * * 7/3", ["01-03 00:00", "01-04 00:00", "01-07 00:00"]),
        ("0 0 * * 5-7/2", ["01-02 00:00", "01-04 00:00", "01-09 00:00"]),
        ("0 0 13-13 * FRI-FRI", ["01-02 00:00", "01-09 00:00", "01-13 00:00"]),
        ("0 0 13 * 0-6", ["01-02 00:00", "01-03 00:00", "01-04 00:00"]),
        ("0 0 2-31,L * *", ["01-02 00:00", "01-03 00:00", "01-04 00:00"]),
    ],
)
def test_a_range_or_a_step_of_which_one_value_is_left_is_that_value(cron, expected):
    assert [at[5:16].replace("T", " ") for at in fires(cron, "UTC", "2026-01-01T00:00", 3)] == expected


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 0 29 2 *", "2096-03-01T00:00", ["2104-02-29T00:00+00:00", "2108-02-29T00:00+00:00"]),
        ("0 0 29 2 1", "2028-02-28T00:00", ["2028-02-29T00:00+00:00", "2029-02-05T00:00+00:00"]),
        ("0 0 30 2 1", "2028-02-28T00:00", ["2029-02-05T00:00+00:00", "2029-02-12T00:00+00:00"]),
    ],
)
def test_a_rare_day_is_found(cron, after, expected):
    assert fires(cron, "UTC", after, 2) == expected


ZONES = ["Europe/Paris", "America/New_York", "Africa/Cairo", "UTC", "America/Sao_Paulo", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Asia/Tehran"]
CRONS = [
    *("30 2 * * *", "0 0 * * *", "*/30 * * * *", "*/15 * * * *", "0 * * * *", "15 1 * * *", "0 6 * * 1-5", "30 1 * * SUN", "0,30 2 * * *", "5 0 1 * *"),
    *("0 0 29 2 *", "*/7 1-3 * * *", "0 12 13 * 5", "45 */2 * * *", "59 23 L * *", "0 3 1-7 * *", "*/10 2 * * *", "1 1 * 3,10 *", "10-50/20 */6 * JAN-MAR *"),
]


@pytest.mark.parametrize("zone", ZONES)
def test_we_agree_with_another_library_over_every_change_of_the_clocks(zone):
    dice = random.Random(zone)
    for cron in CRONS:
        trigger = schedule(cron, zone)
        for start in (
            datetime(2026, 3, dice.randint(1, 29), tzinfo=UTC),
            datetime(2026, 10, dice.randint(1, 29), tzinfo=UTC),
            datetime(2011, 12, 27, tzinfo=UTC),
        ):
            oracle, moment = CronSim(cron, start.astimezone(ZoneInfo(zone))), start
            for step in range(25):
                upcoming = trigger.next_after(moment)
                assert upcoming == next(oracle).astimezone(UTC), (cron, moment)
                assert upcoming is not None
                assert trigger.before(upcoming + timedelta(seconds=1)) == upcoming
                assert step == 0 or trigger.before(upcoming) == moment
                moment = upcoming


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("@hourly", "2026-01-01T01:00:00+00:00"),
        ("@DAILY", "2026-01-02T00:00:00+00:00"),
        ("@midnight", "2026-01-02T00:00:00+00:00"),
        ("@weekly", "2026-01-04T00:00:00+00:00"),
        ("@monthly", "2026-02-01T00:00:00+00:00"),
        ("@yearly", "2027-01-01T00:00:00+00:00"),
        ("@annually", "2027-01-01T00:00:00+00:00"),
        ("0 0 * * 7", "2026-01-04T00:00:00+00:00"),
        ("0 0 * * 0", "2026-01-04T00:00:00+00:00"),
        ("0 0 * * sat-sun", "2026-01-03T00:00:00+00:00"),
        ("0 0 L * *", "2026-01-31T00:00:00+00:00"),
        ("0 0 13 * FRI", "2026-01-02T00:00:00+00:00"),
        ("0 0 29 feb *", "2028-02-29T00:00:00+00:00"),
        ("5/20 * * * *", "2026-01-01T00:05:00+00:00"),
    ],
)
def test_every_way_to_write_it_is_understood(cron, expected):
    upcoming = schedule(cron).next_after(datetime(2026, 1, 1, tzinfo=UTC))
    assert upcoming is not None
    assert upcoming.isoformat() == expected


def test_seconds_come_first_when_they_are_asked_for():
    trigger = schedule("*/20 * * * * *", withSeconds=True)
    assert trigger.next_after(datetime(2026, 1, 1, 0, 0, 25, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 0, 40, tzinfo=UTC)
    assert schedule("@daily", withSeconds=True).next_after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "message", "hint"),
    [
        ("61 * * * *", "the minute must be 0 to 59, not `61`", None),
        ("* 24 * * *", "the hour must be 0 to 23, not `24`", None),
        ("* * 0 * *", "the day of month must be 1 to 31, not `0`", None),
        ("* * * FOO *", "the month must be 1 to 12, not `FOO`", "numbers or three-letter names, ranges `a-b`, lists `a,b` and steps `*/n`"),
        ("5-1 * * * *", "the range `5-1` of the minute ends before it begins", "write two: `5-59,0-1`"),
        ("*/0 * * * *", "the step of the minute must be 1 to 59, not 0", None),
        ("* * * *", "expected 5 fields, got 4", "minute, hour, day of month, month, day of week"),
        ("0 0 0 1 1 *", "expected 5 fields, got 6", "six fields begin with seconds: add `withSeconds: true`, or drop the first field"),
        ("0 0 0 1 1 * 2026", "expected 5 fields, got 7", "years are not part of a schedule"),
        ("H H * * *", "the minute must be 0 to 59, not `H`", "times are not drawn by hash or at random here: give a number"),
        ("R * * * *", "the minute must be 0 to 59, not `R`", "times are not drawn by hash or at random here: give a number"),
        ("H(0-9) * * * *", "`H(0-9)` is not a minute", "times are not drawn by hash or at random here: give a number"),
        ("0 0 15W * *", "`15W` is not a day of month", "only `L` alone is known, as the last day of the month"),
        ("0 0 ? * MON", "`?` is not a day of month", "write `*`"),
        ("0 0 * * 5#2", "`5#2` is not a day of week", "only `L` alone is known, as the last day of the month"),
        ("0 0 * * L", "the day of week must be 0 to 7, not `L`", "only `L` alone is known, as the last day of the month"),
        ("0 0 31 2 *", "no such date ever comes", "this day does not exist in this month"),
        ("0 0 31 4,6,9,11 *", "no such date ever comes", "this day does not exist in this month"),
        ("@dayly", "unknown schedule `@dayly`", "did you mean `@daily`?"),
        ("", "expected 5 fields, got 0", "minute, hour, day of month, month, day of week"),
        ("{{ vars.cron }} * * * *", "expected 5 fields, got 7", "years are not part of a schedule"),
        ("１ * * * *", "`１` is not a minute", None),
    ],
)
def test_a_wrong_schedule_is_told_what_it_should_be(cron, message, hint):
    assert complaint(cron) == (message, hint)


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 30 2 *", "* " * 5_000, "1," * 90 + "1 * * * *", "9" * 150 + " * * * *", "*/59 */23 */31 */12 */7"])
def test_a_hostile_schedule_costs_nothing(cron):
    began = process_time()
    with contextlib.suppress(ValidationError):
        schedule(cron)
    assert process_time() - began < 0.05


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Mars/Base", "an IANA name, such as Europe/Paris or UTC"),
        ("EST5EDT", "write `America/New_York`"),
        ("+25:00", "an offset does not know when the clocks change: name a place, such as Europe/Paris"),
        ("UTC+2", "an offset does not know when the clocks change: name a place, such as Europe/Paris"),
        ("Europe/Pari", "did you mean `Europe/Paris`?"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
        ("New York", "did you mean `America/New_York`?"),
        ("../../etc/passwd", "an IANA name, such as Europe/Paris or UTC"),
        ("/etc/localtime", "an IANA name, such as Europe/Paris or UTC"),
        ("localtime", "an IANA name, such as Europe/Paris or UTC"),
        ("x" * 100_000, "an IANA name, such as Europe/Paris or UTC"),
        ("", "an IANA name, such as Europe/Paris or UTC"),
    ],
)
def test_an_unknown_zone_is_told_the_nearest(name, hint):
    message, said = complaint("@daily", timezone=name)
    assert message.startswith("unknown time zone")
    assert said == hint


def test_expressions_may_read_when_it_was_planned():
    planned = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert schedule("30 2 * * *", "Europe/Paris").variables(planned) == {
        "date": "2026-03-29T03:00:00+02:00",
        "next": "2026-03-30T02:30:00+02:00",
        "previous": "2026-03-28T02:30:00+01:00",
    }
    assert schedule("@daily").variables(datetime(2026, 1, 1, tzinfo=UTC))["date"] == "2026-01-01T00:00:00Z"
    assert schedule("@daily").variables(datetime(2026, 1, 1, tzinfo=UTC)).keys() == Schedule.OUTPUTS.keys()


def test_a_moment_within_a_second_is_before_the_next_one():
    assert schedule("* * * * *").next_after(datetime(2026, 1, 1, 0, 0, 59, 999_999, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert schedule("* * * * *").before(datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_a_schedule_takes_besides():
    trigger = schedule("@daily", lateMaximumDelay="PT1H", recoverMissedSchedules="LAST", inputs={"a": 1}, labels={"b": "c"})
    assert trigger.late_maximum_delay == timedelta(hours=1)
    assert (trigger.recover_missed_schedules, trigger.inputs, trigger.labels) == ("LAST", {"a": 1}, {"b": "c"})


def test_what_croniter_gets_is_numbers():
    assert normalized("0 0 * JAN-MAR sat-SUN", False) == "0 0 0 * 1,2,3 0,6"
    assert normalized("59-59 23/2 L,2 DEC-DEC 6/2", False) == "0 59 23 2,L 12 6"
