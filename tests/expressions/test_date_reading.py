"""Dates out of text and numbers, as Java's smart resolver reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.expressions import ExpressionError
from service.expressions.date_reading import parse_date, read_moment
from service.expressions.dates import format_date
from service.expressions.limits import Budget, Limits
from service.expressions.locales import language_of
from service.expressions.moments import from_nanos
from service.expressions.zones import zone_of


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2024-03-05T14:07:09Z", "2024-03-05T14:07:09Z"),
        ("2024-03-05T14:07:09.123456789+02:00", "2024-03-05T12:07:09Z"),
        ("2024-03-05T14:07:09+01:00[Europe/Paris]", "2024-03-05T13:07:09Z"),
        ("2024-03-05T14:07", "2024-03-05T14:07:00Z"),
        ("2024-03-05", "2024-03-05T00:00:00Z"),
        (date(2024, 3, 5), "2024-03-05T00:00:00Z"),
        (datetime(2024, 3, 5, 1), "2024-03-05T01:00:00Z"),  # noqa: DTZ001  (a local date-time is the case)
        (datetime(2024, 3, 5, 1, tzinfo=timezone(timedelta(hours=1))), "2024-03-05T00:00:00Z"),
        (1709647629, "2024-03-05T14:07:09Z"),
        (1709647629123, "2024-03-05T14:07:09Z"),
        (1709647629123456, "2024-03-05T14:07:09Z"),
        (1709647629123456789, "2024-03-05T14:07:09Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1709647629.75, "2024-03-05T14:07:09Z"),
    ],
)
def test_a_date_is_read(text: Callable[..., str], value: Any, wanted: str) -> None:
    assert text("{{ value | date('iso_sec') }}", value=value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2024-03-05T14:07:09.123456789Z", "1709647629 1709647629123 1709647629123456 1709647629123456789"),
        ("1969-12-31T23:59:59.9999Z", "-1 -1 -100 -100000"),
        (1709647629123456789, "1709647629 1709647629123 1709647629123456 1709647629123456789"),
        (1709647629.5, "1709647629 1709647629500 1709647629500000 1709647629500000000"),
    ],
)
def test_nothing_of_a_second_is_lost(text: Callable[..., str], value: Any, wanted: str) -> None:
    assert text("{{ v | timestamp }} {{ v | timestampMilli }} {{ v | timestampMicro }} {{ v | timestampNano }}", v=value) == wanted


@pytest.mark.parametrize(
    ("value", "pattern", "wanted"),
    [
        ("05/03/2024", "dd/MM/yyyy", "2024-03-05T00:00:00Z"),
        ("Mar 5, 2024 2:07 PM", "MMM d, yyyy h:mm a", "2024-03-05T14:07:00Z"),
        ("20240305T140709", "yyyyMMdd'T'HHmmss", "2024-03-05T14:07:09Z"),
        ("20240305140709123", "yyyyMMddHHmmssSSS", "2024-03-05T14:07:09Z"),
        ("2024-03-05 14:07:09 +0200", "yyyy-MM-dd HH:mm:ss Z", "2024-03-05T12:07:09Z"),
        ("2024-03-05 14:07:09.5", "yyyy-MM-dd HH:mm:ss.S", "2024-03-05T14:07:09Z"),
        ("24-3-5", "yy-M-d", "2024-03-05T00:00:00Z"),
        ("99-3-5", "yy-M-d", "2099-03-05T00:00:00Z"),
        ("2024-03-05", "yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05T00:00:00Z"),
        ("2024-03-05 14:07", "yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05T14:07:00Z"),
        ("2024-03-05 14:07:09", "yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05T14:07:09Z"),
        ("2024-03-05 14", "yyyy-MM-dd HH", "2024-03-05T14:00:00Z"),
        ("2024-03-05 24:00", "yyyy-MM-dd HH:mm", "2024-03-06T00:00:00Z"),
        ("31/04/2024", "dd/MM/yyyy", "2024-04-30T00:00:00Z"),
        ("30/02/2023", "dd/MM/yyyy", "2023-02-28T00:00:00Z"),
        ("2024-065", "yyyy-DDD", "2024-03-05T00:00:00Z"),
        ("2024-W10-2", "iso_week_date", "2024-03-05T00:00:00Z"),
        ("2024-W10-3", "YYYY-'W'ww-e", "2024-03-05T00:00:00Z"),
        ("2024 03 2 Tue", "yyyy MM W EEE", "2024-03-05T00:00:00Z"),
        ("2024 03 1 Tue", "yyyy MM F EEE", "2024-03-05T00:00:00Z"),
        ("60374", "g", "2024-03-05T00:00:00Z"),
        ("2024-03-05 50829123", "yyyy-MM-dd A", "2024-03-05T14:07:09Z"),
        ("2024-03-05 2 in the afternoon", "yyyy-MM-dd h B", "2024-03-05T14:00:00Z"),
        ("5 Mar 2024 AD", "d MMM y G", "2024-03-05T00:00:00Z"),
        ("at 5 o'clock 2024-03-05", "'at' H 'o''clock' yyyy-MM-dd", "2024-03-05T05:00:00Z"),
        ("2024-03-05 14:07 Europe/Paris", "yyyy-MM-dd HH:mm VV", "2024-03-05T13:07:00Z"),
        ("2024-03-05 14:07 EST", "yyyy-MM-dd HH:mm z", "2024-03-05T19:07:00Z"),
        ("2024-03-05 14:07 Central European Standard Time", "yyyy-MM-dd HH:mm zzzz", "2024-03-05T13:07:00Z"),
        ("2024-03-05 14:07 GMT+2", "yyyy-MM-dd HH:mm O", "2024-03-05T12:07:00Z"),
        ("2024-10-27 02:30 +01:00[Europe/Berlin]", "yyyy-MM-dd HH:mm XXX'['VV']'", "2024-10-27T01:30:00Z"),
        ("2024-03-05T14:07:09.123Z", "iso_milli", "2024-03-05T14:07:09Z"),
        ("2024-03-05 14:07:09", "sql_sec", "2024-03-05T14:07:09Z"),
        ("Tue, 5 Mar 2024 14:07:09 +0100", "rfc_1123_date_time", "2024-03-05T13:07:09Z"),
        ("5 Mar 2024 14:07 GMT", "rfc_1123_date_time", "2024-03-05T14:07:00Z"),
        ("3/5/24, 2:07 PM", "short", "2024-03-05T14:07:00Z"),
        ("3/5/24, 2:07\u202fPM", "short", "2024-03-05T14:07:00Z"),
        ("2024   5|03", "yyyy pppd|MM", "2024-03-05T00:00:00Z"),
    ],
)
def test_a_date_is_read_by_its_pattern(text: Callable[..., str], value: str, pattern: str, wanted: str) -> None:
    assert text("{{ value | date('iso_sec', existingFormat=pattern) }}", value=value, pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("value", "zone", "wanted"),
    [
        ("2024-03-31 02:30", "Europe/Berlin", "2024-03-31T03:30:00+02:00"),
        ("2024-10-27 02:30", "Europe/Berlin", "2024-10-27T02:30:00+02:00"),
        ("2024-03-10 02:30", "America/New_York", "2024-03-10T03:30:00-04:00"),
        ("2024-11-03 01:30", "America/New_York", "2024-11-03T01:30:00-04:00"),
        ("2024-10-06 02:15", "Australia/Lord_Howe", "2024-10-06T02:45:00+11:00"),
        ("2024-04-07 01:45", "Australia/Lord_Howe", "2024-04-07T01:45:00+11:00"),
    ],
)
def test_a_time_that_is_missing_or_doubled_is_the_later_or_the_first(text: Callable[..., str], value: str, zone: str, wanted: str) -> None:
    assert text("{{ v | date('iso_sec', timeZone=z, existingFormat='yyyy-MM-dd HH:mm') }}", v=value, z=zone) == wanted
    assert text("{{ v | date('iso_sec', timeZone=z) }}", v=value.replace(" ", "T"), z=zone) == wanted


@pytest.mark.parametrize(
    ("value", "pattern", "says"),
    [
        ("2024-03-05", "dd/MM/yyyy", "`2024-03-05` does not look like the pattern `dd/MM/yyyy`: it differs from character 3 on, `24-03-05`"),
        ("05/03/2024 12:00", "dd/MM/yyyy", "it differs from character 11 on, ` 12:00`"),
        ("05/03", "dd/MM/yyyy", "it ends too early"),
        ("5/03/2024", "dd/MM/yyyy", "it differs from character 1 on"),
        ("5 mar 2024", "d MMM yyyy", "it differs from character 3 on"),
        ("2024-03-05 2 pm", "yyyy-MM-dd h a", "it differs from character 14 on, `pm`"),
        ("2024-03-05T14:07z", "yyyy-MM-dd'T'HH:mmX", "it differs from character 17 on, `z`"),
        ("2024-03-05 +02:00", "yyyy-MM-dd Z", "it differs from character 12 on"),
        ("2024-03-05 14:07:09.12", "yyyy-MM-dd HH:mm:ss.SSS", "it differs from character 21 on"),
        ("12/13/2024", "dd/MM/yyyy", "`12/13/2024` is no date by the pattern `dd/MM/yyyy`: 13 is no month"),
        ("32/01/2024", "dd/MM/yyyy", "32 is no day of a month"),
        ("2024-03-05 25:00", "yyyy-MM-dd HH:mm", "25 is no hour"),
        ("2024-03-05 24:01", "yyyy-MM-dd HH:mm", "24 is no hour"),
        ("2024-03-05 14:60", "yyyy-MM-dd HH:mm", "60 is no minute"),
        ("2023-366", "yyyy-DDD", "2023 has no day 366"),
        ("2024-W53-1", "iso_week_date", "2024 has no week 53"),
        ("Monday 5 March 2024", "EEEE d MMMM yyyy", "it says that the day of a week is 1, but the day of a week of that date is 2"),
        ("2024-03-05 2:07", "yyyy-MM-dd h:mm", "but not AM or PM"),
        ("2024-03-05 14 AM", "yyyy-MM-dd H a", "not in the half of the day"),
        ("2024-03-05 3 in the evening", "yyyy-MM-dd h B", "not in the part of the day"),
        ("2024-03", "yyyy-MM", "it names no whole date"),
        ("14:07", "HH:mm", "it names no whole date"),
        ("10/2024", "ww/YYYY", "it names no whole date"),
        ("+12024-03-05", "yyyy-MM-dd", "years are 1 to 9999 here"),
        ("0000-03-05", "yyyy-MM-dd", "years are 1 to 9999 here"),
        ("5 3 44 BC", "d M y G", "years before Christ are not known here"),
        ("14:07:09", "iso_time", "a time of day alone"),
        ("2024-03-05", "yyyy-MM-ddTT", "holds the letter `T`"),
        ("Tue, 5 Mar 2024 14:07:09", "rfc_1123_date_time", "does not look like"),
        ("9" * 300, "yyyy", "is too long for a date"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: Callable[..., str], value: str, pattern: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(says)):
        text("{{ value | date('iso', existingFormat=pattern) }}", value=value, pattern=pattern)


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-30",
        "soon",
        "",
        "2024-13-01T00:00:00Z",
        "2024-03-05T24:00:00Z",
        "10000-01-01",
        "-0044-03-15",
        True,
        [],
        {},
        time(3),
        10**18 * 10**12,
        10**12 * 999,
    ],
)
def test_what_is_no_date_is_refused(text: Callable[..., str], value: Any) -> None:
    with pytest.raises(ExpressionError):
        text("{{ value | date }}", value=value)


@pytest.mark.parametrize(
    "template", ["{{ 0 | date(1) }}", "{{ 0 | date('iso', 2) }}", "{{ '0' | date(existingFormat=[]) }}", "{{ 0 | date('iso', 'Mars/Base') }}", "{{ now(3) }}"]
)
def test_arguments_of_another_kind_are_refused(text: Callable[..., str], template: str) -> None:
    with pytest.raises(ExpressionError):
        text(template)


def test_parse_date_is_pythons_own_kind_of_date() -> None:
    assert parse_date("2024-03-05T14:07:09.123456789Z", UTC) == datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC)


#: Each says all that there is about an instant.
LOSSLESS = [
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSXXXXX",
    "EEEE d MMMM uuuu, hh:mm:ss a n xxxxx",
    "G y MMM dd EEE kk:mm:ss.SSSSSSSSS OOOO",
    "yyyyDDDHHmmssSSSSSSSSSxxxx",
    "yyyy MM F EEEE K a m s n ZZZZZ",
    "g N XXXXX",
    "YYYY-'W'ww-e H:m:s[.SSSSSSSSS] xxxxx VV",
    "d.M.yyyy 'um' H''mm''ss ppppppppppppn XXXXX'['VV']'",
    "LLLL d yyyy h:mm:ss.SSSSSSSSS B XXXXX",
]


@given(
    nanos=st.integers(-2_208_988_800, 4_102_444_800).flatmap(lambda second: st.integers(0, 999_999_999).map(lambda nano: second * 10**9 + nano)),
    pattern=st.sampled_from(LOSSLESS),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "+05:45", "UTC-03:30"]),
    locale=st.sampled_from([None, "en_GB", "fr", "de_DE", "pt-BR", "ja", "ru", "ar", "pl", "zh_TW"]),
)
def test_what_was_written_is_read_again(nanos: int, pattern: str, zone: str, locale: str | None) -> None:
    language = language_of(locale, Budget(Limits()))
    moment = from_nanos(nanos, zone_of(zone))
    written = format_date(moment, pattern, language)
    assert read_moment(written, UTC, pattern, language).epoch_nanos == nanos


@given(nanos=st.integers(0, 4_102_444_800).map(lambda second: second * 10**9), style=st.sampled_from(["iso", "iso_sec", "rfc_1123_date_time", "full", "long"]))
def test_named_formats_with_a_zone_are_read_again(nanos: int, style: str) -> None:
    assert read_moment(format_date(from_nanos(nanos, UTC), style), zone_of("Asia/Tokyo"), style).epoch_nanos == nanos


@given(st.text(alphabet="yMdHhmsSaEeGzXxVZOwWYQ[]'p ,.-:/Tk#0", max_size=40), st.text(alphabet="0123456789 ,.-:/TZ+AMaJn", max_size=60))
def test_any_pattern_and_any_text_end_in_a_date_or_a_refusal(pattern: str, value: str) -> None:
    for attempt in (lambda: read_moment(value, UTC, pattern), lambda: format_date(from_nanos(0, UTC), pattern)):
        try:
            assert attempt() is not None
        except ValueError as refused:
            assert type(refused).__name__ == "Refused"  # noqa: PT017  (any other error is a fault of ours)
