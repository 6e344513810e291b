"""Java's date patterns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from service.expressions import ExpressionError

MOMENT = datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2024-03-05 14:07:09"),
        ("yy y uuuu", "24 2024 2024"),
        ("M MM MMM MMMM MMMMM", "3 03 Mar March M"),
        ("d dd D DDD", "5 05 65 065"),
        ("E EEE EEEE", "Tue Tue Tuesday"),
        ("e", "3"),
        ("h hh K a", "2 02 2 PM"),
        ("H k", "14 14"),
        ("S SSS SSSSSS SSSSSSSSS", "1 123 123456 123456000"),
        ("X XX XXX x xx xxx Z ZZZZ", "Z Z Z +00 +0000 +00:00 +0000 GMT"),
        ("z VV", "UTC UTC"),
        ("'at' HH 'o''clock'", "at 14 o'clock"),
        ("''yyyy''", "'2024'"),
        ("Q QQQ", "1 Q1"),
        ("YYYY w", "2024 10"),
        ("G", "AD"),
        ("iso", "2024-03-05T14:07:09.123456Z"),
        ("iso_milli", "2024-03-05T14:07:09.123Z"),
        ("iso_sec", "2024-03-05T14:07:09Z"),
        ("sql", "2024-03-05 14:07:09.123456"),
        ("sql_milli", "2024-03-05 14:07:09.123"),
        ("sql_sec", "2024-03-05 14:07:09"),
        ("iso_date_time", "2024-03-05T14:07:09.123456Z"),
        ("iso_date", "2024-03-05Z"),
        ("iso_time", "14:07:09.123456Z"),
        ("iso_local_date", "2024-03-05"),
        ("iso_instant", "2024-03-05T14:07:09.123456Z"),
        ("iso_local_date_time", "2024-03-05T14:07:09.123456"),
        ("iso_local_time", "14:07:09.123456"),
        ("iso_offset_time", "14:07:09.123456Z"),
        ("iso_ordinal_date", "2024-065Z"),
        ("iso_week_date", "2024-W10-2Z"),
        ("iso_zoned_date_time", "2024-03-05T14:07:09.123456Z"),
        ("rfc_1123_date_time", "Tue, 5 Mar 2024 14:07:09 GMT"),
        ("full", "Tuesday, March 5, 2024 at 2:07:09 PM Coordinated Universal Time"),
        ("medium", "Mar 5, 2024, 2:07:09 PM"),
        ("short", "3/5/24, 2:07 PM"),
    ],
)
def test_a_pattern_writes(text: Callable[..., str], pattern: str, wanted: str) -> None:
    assert text("{{ moment | date(pattern) }}", moment=MOMENT, pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("Europe/Paris", "2024-03-05T15:07:09+01:00[Europe/Paris]"),
        ("America/St_Johns", "2024-03-05T10:37:09-03:30[America/St_Johns]"),
        ("+05:30", "2024-03-05T19:37:09+05:30"),
        ("UTC-3", "2024-03-05T11:07:09-03:00"),
        ("Z", "2024-03-05T14:07:09Z"),
    ],
)
def test_a_zone_moves_the_clock(text: Callable[..., str], zone: str, wanted: str) -> None:
    assert text("{{ moment | date('iso_date_time', zone) }}", moment=MOMENT.replace(microsecond=0), zone=zone) == wanted


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
        (1709647629, "2024-03-05T14:07:09Z"),
        (1709647629123, "2024-03-05T14:07:09Z"),
        (1709647629123456789, "2024-03-05T14:07:09Z"),
        (0, "1970-01-01T00:00:00Z"),
    ],
)
def test_a_date_is_read(text: Callable[..., str], value: Any, wanted: str) -> None:
    assert text("{{ value | date('iso_sec') }}", value=value) == wanted


@pytest.mark.parametrize(
    ("value", "pattern", "wanted"),
    [
        ("05/03/2024", "dd/MM/yyyy", "2024-03-05T00:00:00Z"),
        ("Mar 5, 2024 2:07 PM", "MMM d, yyyy h:mm a", "2024-03-05T14:07:00Z"),
        ("20240305T140709", "yyyyMMdd'T'HHmmss", "2024-03-05T14:07:09Z"),
        ("2024-03-05 14:07:09 +0200", "yyyy-MM-dd HH:mm:ss Z", "2024-03-05T12:07:09Z"),
        ("2024-03-05 14:07:09.5", "yyyy-MM-dd HH:mm:ss.S", "2024-03-05T14:07:09Z"),
        ("24-3-5", "yy-M-d", "2024-03-05T00:00:00Z"),
    ],
)
def test_a_date_is_read_by_its_pattern(text: Callable[..., str], value: str, pattern: str, wanted: str) -> None:
    assert text("{{ value | date('iso_sec', existingFormat=pattern) }}", value=value, pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("value", "amount", "unit", "wanted"),
    [
        ("2024-01-31T10:00:00Z", 1, "MONTHS", "2024-02-29T10:00:00Z"),
        ("2024-02-29T10:00:00Z", 1, "YEARS", "2025-02-28T10:00:00Z"),
        ("2024-03-05T10:00:00Z", -36, "HOURS", "2024-03-03T22:00:00Z"),
        ("2024-03-05T10:00:00Z", 90, "MINUTES", "2024-03-05T11:30:00Z"),
        ("2024-03-05T10:00:00Z", 2, "WEEKS", "2024-03-19T10:00:00Z"),
    ],
)
def test_a_date_is_moved(text: Callable[..., str], value: str, amount: int, unit: str, wanted: str) -> None:
    assert text("{{ value | dateAdd(amount, unit, 'iso_sec') }}", value=value, amount=amount, unit=unit) == wanted


@pytest.mark.parametrize("value", ["2024-02-30", "soon", "", "2024-13-01T00:00:00Z", True, [], {}])
def test_what_is_no_date_is_refused(text: Callable[..., str], value: Any) -> None:
    with pytest.raises(ExpressionError):
        text("{{ value | date }}", value=value)


def test_null_stays_null(text: Callable[..., str]) -> None:
    assert text("{{ null | date }}{{ null | dateAdd(1, 'DAYS') }}{{ null | timestamp }}") == ""
