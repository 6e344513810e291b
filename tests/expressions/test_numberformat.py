"""Number patterns of Java's DecimalFormat. What is wanted was computed by Java."""

from __future__ import annotations

import contextlib
import re
import struct
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.expressions import ExpressionError
from service.expressions.double_digits import double_digits
from service.expressions.errors import Refused
from service.expressions.number_pattern import read_pattern
from service.expressions.number_symbols import symbols_of
from service.expressions.number_text import number_text

WRITTEN: dict[str, list[tuple[Any, str]]] = {
    "0": [
        (0, "0"),
        (7, "7"),
        (-7, "-7"),
        (0.5, "0"),
        (1.5, "2"),
        (2.5, "2"),
        (-2.5, "-2"),
        (-0.4, "-0"),
        (12345678901234567890123, "12345678901234567890123"),
        (9223372036854775807, "9223372036854775807"),
        (-9223372036854775808, "-9223372036854775808"),
        (1000000000000000.0, "1000000000000000"),
        (float("inf"), "∞"),
        (float("-inf"), "-∞"),
        (float("nan"), "NaN"),
    ],
    "#": [(0, "0"), (0.4, "0"), (12, "12")],
    "#.##": [
        (0, "0"),
        (0.0, "0"),
        (1.005, "1"),
        (3.14159, "3.14"),
        (2.675, "2.67"),
        (0.125, "0.12"),
        (0.135, "0.14"),
        (100.0, "100"),
        (-0.001, "-0"),
        (0.5, "0.5"),
    ],
    "0.00": [
        (0, "0.00"),
        (1, "1.00"),
        (1.005, "1.00"),
        (2.675, "2.67"),
        (99.995, "100.00"),
        (0.125, "0.12"),
        (0.375, "0.38"),
        (Decimal("0.125"), "0.12"),
        (Decimal("1.005"), "1.00"),
        (Decimal("2.5"), "2.50"),
        (10000000.0, "10000000.00"),
        (1e-07, "0.00"),
        (-1234.5, "-1234.50"),
    ],
    "#.00": [(0, ".00"), (0.5, ".50"), (-0.25, "-.25"), (12, "12.00")],
    ".00": [(0, ".00"), (0.5, ".50"), (3, "3.00")],
    "#.": [(3, "3."), (0, "0.")],
    "0.": [(3.4, "3.")],
    "#,##0.00": [
        (0, "0.00"),
        (1234.5, "1,234.50"),
        (-1234567.891, "-1,234,567.89"),
        (999.995, "1,000.00"),
        (12345678901234567890, "12,345,678,901,234,567,890.00"),
    ],
    "#,##0.###": [(1234567.8915, "1,234,567.891"), (1000, "1,000"), (0.12345, "0.123")],
    "#,####": [(123456789, "1,2345,6789")],
    "##,##,##0.0": [(123456789, "123,456,789.0")],
    "00000": [(42, "00042"), (-42, "-00042"), (1234567, "1234567")],
    "000,000": [(12, "000,012"), (1234, "001,234")],
    "0.0000000000": [(0.1, "0.1000000000"), (0.3333333333333333, "0.3333333333"), (Decimal("0.1"), "0.1000000000")],
    "#.####################": [
        (0.1, "0.1"),
        (0.3333333333333333, "0.3333333333333333"),
        (1e-20, "0.00000000000000000001"),
        (Decimal("0.12345678901234567890123"), "0.1234567890123456789"),
    ],
    "0%": [(0.256, "26%"), (0.255, "26%"), (1, "100%"), (-0.5, "-50%"), (Decimal("0.255"), "26%"), (0.07, "7%")],
    "#.##%": [(0.07, "7%"), (0.29, "29%"), (1.005, "100.5%")],
    "0.0‰": [(0.1234, "123.4‰")],
    "0 'kg'": [(5, "5 kg")],
    "''0''": [(5, "'5'")],
    "'#'0": [(5, "#5")],
    "0 'o''clock'": [(5, "5 o'clock")],
    "a0b": [(-5, "-a5b")],
    "0-": [(5, "5-"), (-5, "-5-")],
    "+0;-0": [(5, "+5"), (-5, "-5")],
    "0.00;(0.00)": [(5, "5.00"), (-5, "(5.00)"), (0, "0.00")],
    "0;0": [(5, "5"), (-5, "-5")],
    "#,##0.00;(#)": [(1234, "1,234.00"), (-1234, "(1,234.00)")],
    "0;-0%": [(-5, "-5%")],
    "0%;0 neg": [(-5, "500 neg")],
    "$#,##0.00": [(1234.5, "$1,234.50"), (-1234.5, "-$1,234.50")],
    "¤#,##0.00": [(1234.5, "$1,234.50"), (-3.555, "-$3.56")],
    "0 ¤¤": [(5, "5 USD")],
    "0.###E0": [(0, "0E0"), (12345, "1.234E4"), (0.00012345, "1.234E-4"), (-12345.678, "-1.235E4"), (1, "1E0")],
    "00.###E0": [(0.00123, "12.3E-4"), (12345, "12.345E3")],
    "##0.##E0": [(12345, "12.345E3"), (123456, "123.46E3"), (0.00012345, "123.45E-6"), (0, "0E0"), (1, "1E0")],
    "##0.#####E0": [(12345, "12.345E3"), (123456, "123.456E3"), (1234567, "1.234567E6")],
    "0.00E00": [(12345, "1.23E04"), (1e-300, "1.00E-300"), (5e-324, "4.90E-324"), (1.7976931348623157e308, "1.80E308")],
    "0E0": [(25.0, "3E1"), (35.0, "4E1"), (15, "2E1"), (25, "2E1"), (Decimal("25"), "2E1")],
    "#E0": [(12345, ".1E5")],
    "": [(1234567.891, "1,234,567.891"), (0, "0"), (Decimal("12345.678901234567890123"), "12,345.678901234567890123")],
    "-0": [(5, "-5"), (-5, "--5")],
    "0.0": [
        (0.05, "0.1"),
        (0.15, "0.1"),
        (0.25, "0.2"),
        (0.35, "0.3"),
        (0.45, "0.5"),
        (-0.04, "-0.0"),
        (-0.0, "-0.0"),
        (0.95, "0.9"),
        (Decimal("0.05"), "0.0"),
        (Decimal("-0.04"), "-0.0"),
    ],
}
ROWS = [(pattern, value, wanted) for pattern, rows in WRITTEN.items() for value, wanted in rows]


@pytest.mark.parametrize(("pattern", "value", "wanted"), ROWS)
def test_a_number_by_a_pattern(text: Callable[..., str], pattern: str, value: Any, wanted: str) -> None:
    assert text("{{ value | numberformat(pattern) }}", value=value, pattern=pattern) == wanted


@pytest.mark.parametrize(
    ("locale", "pattern", "value", "wanted"),
    [
        (None, None, 1234567.8915, "1,234,567.891"),
        (None, None, 7, "7"),
        (None, None, -0.5, "-0.5"),
        ("en", None, 1234.5, "1,234.5"),
        ("de", None, -1234567.895, "-1.234.567,895"),
        ("de-CH", "#,##0.00", 1234.5, "1’234.50"),
        ("fr", None, 1234567.5, "1\u202f234\u202f567,5"),
        ("pt_BR", "¤ #,##0.00", 1234.5, "R$ 1.234,50"),
        ("hi", None, 1234567, "1,234,567"),
        ("sv", "0.0E0", -0.00123, "\u22121,2×10^\u22123"),
        ("fa", "0.0", 12.5, "۱۲٫۵"),
        ("bn", "#,##0", 1234, "১,২৩৪"),
        ("en", "¤0 ¤¤", 1, "¤1 XXX"),
        ("de-DE", "0.00 ¤ (¤¤)", 1, "1,00 € (EUR)"),
    ],
)
def test_a_language_has_its_own_signs(text: Callable[..., str], locale: str | None, pattern: str | None, value: Any, wanted: str) -> None:
    assert text("{{ v | numberformat(format=p, locale=l) }}", v=value, p=pattern, l=locale) == wanted


def test_null_stays_null(typed: Callable[..., Any]) -> None:
    assert typed("{{ null | numberformat('0') }}") is None
    assert typed("{{ null | numberformat }}") is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("'12'", "takes a number, not text; make it one with `number`"),
        ("''", "takes a number, not text"),
        ("true", "takes a number, not a boolean"),
        ("[1]", "takes a number, not a list"),
        ("{'a': 1}", "takes a number, not a map"),
        ("missing", "`missing` is not defined"),
    ],
)
def test_what_is_no_number_is_refused(text: Callable[..., str], value: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        text(f"{{{{ {value} | numberformat('0') }}}}")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("0.0.0", "character 4: a second `.`"),
        ("#0#0", "character 4: a `0` behind `#`"),
        ("0#", "outside of the `0`"),
        ("#.#0", "outside of the `0`"),
        ("#,", "no digit follows the last `,`"),
        ("0 'kg", "character 3: this `'` is not closed"),
        ("0;'x", "character 3: this `'` is not closed"),
        (";0", "character 1: `;` stands between two patterns only"),
        ("0;0;0", "character 4: `;` stands between two patterns only"),
        ("%0%", "character 3: a second `%` or `‰`"),
        ("0E", "character 2: an exponent is written as `E0`"),
        (".E0", "character 2: an exponent is written as `E0`"),
        ("0E0E0", "character 4: a second exponent"),
        ("0" * 1_001, "more than 1,000 characters"),
    ],
)
def test_a_pattern_that_cannot_be_read_says_where(text: Callable[..., str], pattern: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        text("{{ 1 | numberformat(p) }}", p=pattern)


@pytest.mark.parametrize(
    ("locale", "message"), [("'xx'", "no language `xx`"), ("'../de'", "no language `../de`"), ("'germn'", "no language"), ("1", "takes text")]
)
def test_an_unknown_language_is_refused(text: Callable[..., str], locale: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        text(f"{{{{ 1 | numberformat(locale={locale}) }}}}")


#: Doubles whose digits Java does not shorten, and their neighbours that it does.
DOUBLES = {
    1e23: "99999999999999990000000",
    2e23: "199999999999999980000000",
    97871755621629400.0: "97871755621629408",
    2.0**63: "9223372036854776000",
    2.0**62: "4611686018427387900",
    9007199254740993.0: "9007199254740992",
}


@pytest.mark.parametrize(("value", "wanted"), DOUBLES.items())
def test_a_double_has_the_digits_that_java_finds(text: Callable[..., str], value: float, wanted: str) -> None:
    assert text("{{ v | numberformat('0') }}", v=value) == wanted


@given(st.integers(1, 2**63 - 1).map(lambda bits: struct.unpack("d", struct.pack("q", bits))[0]).filter(lambda value: value - value == 0))
def test_the_digits_of_a_double_mean_that_double(value: float) -> None:
    found = double_digits(value)
    assert float(f"0.{found.text}e{found.point}") == value
    assert found.exact == (Decimal(f"0.{found.text}e{found.point}") == Decimal(value)) or not found.exact
    assert not found.above or Decimal(f"0.{found.text}e{found.point}") > Decimal(value)


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=7), st.integers(0, 9))
def test_exact_numbers_are_rounded_half_to_even(number: int | Decimal, places: int) -> None:
    shown = number_text(number, read_pattern("0." + "0" * places if places else "0"), symbols_of(None)[0])
    assert shown == f"{Decimal(number):.{places}f}"


@given(st.text("#0.,;'%‰¤E-x", max_size=10), st.integers() | st.floats() | st.decimals(allow_nan=False, allow_infinity=False))
def test_any_pattern_is_read_or_refused(pattern: str, number: Any) -> None:
    with contextlib.suppress(Refused):
        assert number_text(number, read_pattern(pattern), symbols_of(None)[0]) != ""


def test_numbers_of_many_digits_end_soon(text: Callable[..., str]) -> None:
    begun = time.monotonic()
    with pytest.raises(ExpressionError):
        text("{% for i in 1..100000 %}{{ v | numberformat(p) }}{% endfor %}", v=Decimal("9E+9999"), p="#,#" + "0" * 900)
    assert time.monotonic() - begun < 3
