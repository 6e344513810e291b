"""Dates as Java's DateTimeFormatter writes them, and dateAdd."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.expressions import ExpressionError
from service.expressions.date_patterns import WIDTHS
from service.expressions.dates import format_date
from service.expressions.moments import Moment
from service.expressions.zones import zone_of

MOMENT = datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC)
#: 5 March 2024, a Tuesday.
EXACT = Moment(datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=zone_of("Europe/Berlin")), 789)


@pytest.mark.parametrize(
    ("letter", "wanted"),
    [
        ("G", "AD|AD|AD|Anno Domini|A"),
        ("u", "2024|24|2024|2024|02024|002024"),
        ("y", "2024|24|2024|2024|02024|002024"),
        ("Y", "2024|24|2024|2024|02024|002024"),
        ("Q", "1|01|Q1|1st quarter|1"),
        ("q", "1|01|Q1|1st quarter|1"),
        ("M", "3|03|Mar|March|M"),
        ("L", "3|03|Mar|March|M"),
        ("w", "10|10"),
        ("W", "2"),
        ("d", "5|05"),
        ("D", "65|65|065"),
        ("F", "1"),
        ("E", "Tue|Tue|Tue|Tuesday|T"),
        ("e", "3|03|Tue|Tuesday|T"),
        ("c", "3||Tue|Tuesday|T"),
        ("a", "PM"),
        ("B", "in the afternoon|||in the afternoon|in the afternoon"),
        ("h", "2|02"),
        ("H", "14|14"),
        ("k", "14|14"),
        ("K", "2|02"),
        ("m", "7|07"),
        ("s", "9|09"),
        ("S", "1|12|123|1234|12345|123456|1234567|12345678|123456789"),
        ("A", "50829123|50829123|50829123|50829123|50829123|50829123|50829123|50829123|050829123"),
        ("n", "123456789|123456789|123456789|123456789|123456789|123456789|123456789|123456789|123456789|0123456789"),
        ("N", "50829123456789|50829123456789"),
        ("g", "60374|60374|60374|60374|60374|060374"),
        ("V", "|Europe/Berlin"),
        ("v", "CET|||Central European Time"),
        ("z", "CET|CET|CET|Central European Standard Time"),
        ("O", "GMT+1|||GMT+01:00"),
        ("X", "+01|+0100|+01:00|+0100|+01:00"),
        ("x", "+01|+0100|+01:00|+0100|+01:00"),
        ("Z", "+0100|+0100|+0100|GMT+01:00|+01:00"),
    ],
)
def test_each_letter_writes_in_each_width(letter: str, wanted: str) -> None:
    for width, text in enumerate(wanted.split("|"), 1):
        if text:
            assert format_date(EXACT, letter * width) == text
    allowed = max(WIDTHS[letter])
    assert len(wanted.split("|")) == allowed or allowed == 19


@pytest.mark.parametrize("letter", sorted(WIDTHS))
def test_a_letter_too_often_is_refused(text: Callable[..., str], letter: str) -> None:
    with pytest.raises(ExpressionError, match=rf"of `{letter}` there may be"):
        text("{{ moment | date(pattern) }}", moment=MOMENT, pattern=letter * (max(WIDTHS[letter]) + 1))


@pytest.mark.parametrize(
    ("hour", "wanted"),
    [(0, "24 0 12 0 AM midnight"), (5, "5 5 5 5 AM in the morning"), (12, "12 12 12 0 PM noon"), (19, "19 19 7 7 PM in the evening")]
    + [(23, "23 23 11 11 PM at night")],
)
def test_hours_are_counted_in_four_ways(text: Callable[..., str], hour: int, wanted: str) -> None:
    assert text("{{ moment | date('k H h K a B') }}", moment=datetime(2024, 3, 5, hour, tzinfo=UTC)) == wanted


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-03-05T14:07:09.123Z"),
        ("'at' HH 'o''clock'", "at 14 o'clock"),
        ("''yyyy''", "'2024'"),
        ("yyyy[-MM[-dd]]", "2024-03-05"),
        ("[[yyyy", "2024"),
        ("ppppd|ppH", "   5|14"),
        ("d. MMMM, h 'Uhr'/€ ü", "5. March, 2 Uhr/€ ü"),
        ("X XX XXX x xx xxx Z ZZZZ ZZZZZ O OOOO", "Z Z Z +00 +0000 +00:00 +0000 GMT Z GMT GMT"),
        ("z zzzz VV v", "UTC Coordinated Universal Time UTC UTC"),
        ("", ""),
        ("iso", "2024-03-05T14:07:09.123456Z"),
        ("iso_milli", "2024-03-05T14:07:09.123Z"),
        ("iso_sec", "2024-03-05T14:07:09Z"),
        ("sql", "2024-03-05 14:07:09.123456"),
        ("sql_milli", "2024-03-05 14:07:09.123"),
        ("sql_sec", "2024-03-05 14:07:09"),
        ("iso_date_time", "2024-03-05T14:07:09.123456Z[UTC]"),
        ("iso_date", "2024-03-05Z"),
        ("iso_time", "14:07:09.123456Z"),
        ("iso_local_date", "2024-03-05"),
        ("iso_instant", "2024-03-05T14:07:09.123456Z"),
        ("iso_local_date_time", "2024-03-05T14:07:09.123456"),
        ("iso_local_time", "14:07:09.123456"),
        ("iso_offset_time", "14:07:09.123456Z"),
        ("iso_ordinal_date", "2024-065Z"),
        ("iso_week_date", "2024-W10-2Z"),
        ("iso_zoned_date_time", "2024-03-05T14:07:09.123456Z[UTC]"),
        ("rfc_1123_date_time", "Tue, 5 Mar 2024 14:07:09 GMT"),
        ("full", "Tuesday, March 5, 2024, 2:07:09\u202fPM Coordinated Universal Time"),
        ("long", "March 5, 2024, 2:07:09\u202fPM UTC"),
        ("medium", "Mar 5, 2024, 2:07:09\u202fPM"),
        ("short", "3/5/24, 2:07\u202fPM"),
    ],
)
def test_a_pattern_writes(text: Callable[..., str], pattern: str, wanted: str) -> None:
    assert text("{{ moment | date(pattern) }}", moment=MOMENT, pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2024-03-05T14:00:00Z", "2024-03-05T14:00:00Z 2024-03-05T14:00:00"),
        ("2024-03-05T14:00:00.5Z", "2024-03-05T14:00:00.500Z 2024-03-05T14:00:00.5"),
        ("2024-03-05T14:00:00.123456789Z", "2024-03-05T14:00:00.123456789Z 2024-03-05T14:00:00.123456789"),
    ],
)
def test_a_named_format_writes_as_much_of_a_second_as_there_is(text: Callable[..., str], value: str, wanted: str) -> None:
    assert text("{{ v | date('iso_instant') }} {{ v | date('iso_local_date_time') }}", v=value) == wanted


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("Europe/Paris", "2024-03-05T15:07:09+01:00[Europe/Paris]"),
        ("America/St_Johns", "2024-03-05T10:37:09-03:30[America/St_Johns]"),
        ("+05:30", "2024-03-05T19:37:09+05:30"),
        ("UTC-3", "2024-03-05T11:07:09-03:00[UTC-03:00]"),
        ("Z", "2024-03-05T14:07:09Z"),
    ],
)
def test_a_zone_moves_the_clock(text: Callable[..., str], zone: str, wanted: str) -> None:
    assert text("{{ moment | date('iso_date_time', zone) }}", moment=MOMENT.replace(microsecond=0), zone=zone) == wanted


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("America/New_York", "EST|Eastern Standard Time|ET|Eastern Time|GMT-5|-05", "EDT|Eastern Daylight Time|ET|Eastern Time|GMT-4|-04"),
        ("Europe/London", "GMT|Greenwich Mean Time|GMT|London Time|GMT|Z", "BST|British Summer Time|GMT|London Time|GMT+1|+01"),
        ("Asia/Kolkata", "IST|India Standard Time|IST|Kolkata Time|GMT+5:30|+0530", "IST|India Standard Time|IST|Kolkata Time|GMT+5:30|+0530"),
        ("Europe/Dublin", "GMT|Greenwich Mean Time|GMT|Dublin Time|GMT|Z", "IST|Irish Standard Time|GMT|Dublin Time|GMT+1|+01"),
        ("America/Sao_Paulo", *["GMT-03:00|Brasilia Standard Time|GMT-03:00|Brasilia Time|GMT-3|-03"] * 2),
        ("Australia/Lord_Howe", "GMT+11:00|Lord Howe Daylight Time|GMT+10:30|Lord Howe Time|GMT+11|+11")
        + ("GMT+10:30|Lord Howe Standard Time|GMT+10:30|Lord Howe Time|GMT+10:30|+1030",),
        ("+05:30", *["+05:30|+05:30|+05:30|+05:30|GMT+5:30|+0530"] * 2),
    ],
)
def test_zones_have_names(text: Callable[..., str], zone: str, winter: str, summer: str) -> None:
    for month, wanted in ((1, winter), (7, summer)):
        assert text("{{ moment | date('z|zzzz|v|vvvv|O|X', zone) }}", moment=datetime(2024, month, 15, tzinfo=UTC), zone=zone) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2021-01-01", "2021 1 1 6 iso 2020-W53-5Z"),
        ("2022-01-01", "2022 1 1 7 iso 2021-W52-6Z"),
        ("2024-12-29", "2025 1 5 1 iso 2024-W52-7Z"),
        ("2024-12-31", "2025 1 5 3 iso 2025-W01-2Z"),
    ],
)
def test_weeks_begin_on_sunday_unless_they_are_those_of_iso(text: Callable[..., str], value: str, wanted: str) -> None:
    assert text("""{{ value | date("YYYY w W e 'iso'") }} {{ value | date('iso_week_date') }}""", value=value) == wanted


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("YYYY-bb", "holds the letter `b`, which has no meaning here"),
        ("yyyy-MM-ddTHH", "holds the letter `T`"),
        ("MMMMMM", "of `M` there may be 1 to 5"),
        ("V", "of `V` there may be 2"),
        ("BB", "of `B` there may be 1 or 4 or 5"),
        ("yyyy'", "a `'` is not closed"),
        ("yyyy]", "has a `]` without a `[`"),
        ("{yyyy}", "holds `{`"),
        ("#", "holds `#`"),
        ("yyyy pp", "no letter follows `p`"),
        ("pMMMM", "longer than the 1 places"),
        ("y" * 201, "this date pattern is too long"),
        ("[" * 21, "more than 20 optional parts"),
    ],
)
def test_a_pattern_that_java_refuses_is_refused(text: Callable[..., str], pattern: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(says)):
        text("{{ moment | date(pattern) }}", moment=MOMENT, pattern=pattern)


BERLIN, YORK, LORD = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("value", "zone", "amount", "unit", "wanted"),
    [
        ("2024-01-31T10:00:00Z", "UTC", 1, "MONTHS", "2024-02-29T10:00:00Z"),
        ("2024-02-29T10:00:00Z", "UTC", 1, "YEARS", "2025-02-28T10:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", -36, "HOURS", "2024-03-03T22:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 90, "MINUTES", "2024-03-05T11:30:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 2, "WEEKS", "2024-03-19T10:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 3, "HALF_DAYS", "2024-03-06T22:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 1, "DECADES", "2034-03-05T10:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", -1, "CENTURIES", "1924-03-05T10:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 1, "MILLENNIA", "3024-03-05T10:00:00Z"),
        ("2024-03-05T10:00:00Z", "UTC", 61_000_000, "MICROS", "2024-03-05T10:01:01Z"),
        ("2024-03-05T10:00:00Z", "UTC", -1, "NANOS", "2024-03-05T09:59:59Z"),
        ("2024-03-30T02:30:00", BERLIN, 1, "DAYS", "2024-03-31T03:30:00+02:00"),
        ("2024-03-30T02:30:00", BERLIN, 24, "HOURS", "2024-03-31T03:30:00+02:00"),
        ("2024-10-26T02:30:00", BERLIN, 1, "DAYS", "2024-10-27T02:30:00+02:00"),
        ("2024-10-26T02:30:00", BERLIN, 25, "HOURS", "2024-10-27T02:30:00+01:00"),
        ("2024-10-28T02:30:00", BERLIN, -1, "DAYS", "2024-10-27T02:30:00+01:00"),
        ("2024-03-09T02:30:00", YORK, 1, "DAYS", "2024-03-10T03:30:00-04:00"),
        ("2024-11-02T01:30:00", YORK, 1, "DAYS", "2024-11-03T01:30:00-04:00"),
        ("2024-11-03T01:30:00", YORK, 1, "HOURS", "2024-11-03T01:30:00-05:00"),
        ("2024-10-05T02:15:00", LORD, 1, "DAYS", "2024-10-06T02:45:00+11:00"),
        ("2024-04-06T01:45:00", LORD, 1, "DAYS", "2024-04-07T01:45:00+11:00"),
        ("2024-04-07T01:45:00", LORD, 30, "MINUTES", "2024-04-07T01:45:00+10:30"),
    ],
)
def test_a_date_is_moved(text: Callable[..., str], value: str, zone: str, amount: int, unit: str, wanted: str) -> None:
    assert text("{{ value | dateAdd(amount, unit, 'iso_sec', timeZone=zone) }}", value=value, amount=amount, unit=unit, zone=zone) == wanted


@pytest.mark.parametrize(
    ("amount", "unit", "says"),
    [
        (1, "days", "did you mean `DAYS`"),
        (1, "FOREVER", "there is no unit `FOREVER`"),
        (1, None, "takes the name of a unit"),
        (1.5, "DAYS", "whole number as its amount, not 1.5"),
        ("1", "DAYS", "whole number as its amount, not text"),
        (True, "DAYS", "whole number as its amount"),
        (10, "MILLENNIA", "leaves the years 1 to 9999"),
        (-3_000, "YEARS", "leaves the years 1 to 9999"),
        (10**30, "SECONDS", "leaves the years 1 to 9999"),
        (1, "ERAS", "leaves the years 1 to 9999"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(text: Callable[..., str], amount: Any, unit: Any, says: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(says)):
        text("{{ '2024-03-05' | dateAdd(amount, unit) }}", amount=amount, unit=unit)


def test_null_stays_null(text: Callable[..., str]) -> None:
    assert text("{{ null | date }}{{ null | dateAdd(1, 'DAYS') }}{{ null | timestamp }}{{ null | timestampNano }}") == ""


def test_a_plain_date_needs_no_languages() -> None:
    program = (
        "import sys; from datetime import *; from service.expressions import *; "
        "ports = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: key); "
        "print(Expressions().text(\"{{ now() }} {{ now('EEEE d MMM, h a z') }} {{ now('short') }}\", {}, ports), 'babel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "2024-03-05T00:00:00.000000Z Tuesday 5 Mar, 12 AM UTC 3/5/24, 12:00\u202fAM False\n"
