"""Ion text: what it says, what is wrong with it, and that nothing is lost on the way there and back."""

from __future__ import annotations

import itertools
import math
import re
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.ion import IonError, read, rows, stream, write

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("null.int", None),
        ("null.struct", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("1_000", 1000),
        ("-0x1F", -31),
        ("0XfF_ff", 65535),
        ("0b1_01", 5),
        ("12345678901234567890123", 12345678901234567890123),
        ("1.50", Decimal("1.50")),
        ("1.", Decimal(1)),
        ("1d2", Decimal("1E+2")),
        ("1.5D-3", Decimal("0.0015")),
        ("1e0", 1.0),
        ("-1_0.5E+3", -10500.0),
        ("+inf", math.inf),
        ("-inf", -math.inf),
        ("2024T", date(2024, 1, 1)),
        ("2024-02T", date(2024, 2, 1)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02-29T", date(2024, 2, 29)),
        ("2024-02-29T12:30Z", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("2024-02-29T12:30:15.123456789+05:30", datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=INDIA)),
        ("2024-02-29T12:30:15-00:00", datetime(2024, 2, 29, 12, 30, 15)),  # noqa: DTZ001  (the offset is unknown)
        ('""', ""),
        ('"a\\"b\\\\\\n\\x41\\u00e9\\U0001F600\\/"', 'a"b\\\nAé😀/'),
        ('"\\ud83d\\ude00"', "😀"),
        ('"a\\\nb"', "ab"),
        ('"tab\there"', "tab\there"),
        ("'''a\r\nb''' /* and */ '''c'd'''", "a\nbc'd"),
        ("'''it\\'s'''", "it's"),
        ("word", "word"),
        ("$dollar", "$dollar"),
        ("$4", "name"),
        ("'two words'", "two words"),
        ("''", ""),
        ("a::b::1", 1),
        ("'a b' :: word", "word"),
        ("{{ aGk= }}", b"hi"),
        ("{{}}", b""),
        ('{{ "h\\xff" }}', b"h\xff"),
        ("{{'''a''' '''b'''}}", b"ab"),
        ("[]", []),
        ("[1, a, [2,], ]", [1, "a", [2]]),
        ("(+ 1 -2 (a . b) x::y <= ())", ["+", 1, -2, ["a", ".", "b"], "y", "<=", []]),
        ("{}", {}),
        ("{a:1,b:2,}", {"a": 1, "b": 2}),
        ("{a:1,a:2}", {"a": 2}),
        ("{\"a b\":x,'c':\"y\",'''d''' : null, $4: z, \"\":0}", {"a b": "x", "c": "y", "d": None, "name": "z", "": 0}),
        ("{a://c\n1/*d*/,/***/b:2}", {"a": 1, "b": 2}),
        ("{a:k::{b:l::[1]}}", {"a": {"b": [1]}}),
        ("$ion_1_0 5", 5),
        ("x::$ion_1_0", "$ion_1_0"),
        ('$ion_symbol_table::{symbols:["x","y"]} {$10:$11}', {"x": "y"}),
        ('$ion_symbol_table::{symbols:["x"]} $ion_symbol_table::{imports:$ion_symbol_table,symbols:["y"]} [$10,$11]', ["x", "y"]),
    ],
)
def test_every_type_is_read(text: str, value: Any) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(read("nan"))


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("{", (1, 2), "ends in the middle"),
        ("[1", (1, 3), "ends in the middle"),
        ("(a", (1, 3), "ends in the middle"),
        ("{a", (1, 3), "ends in the middle"),
        ('{a:1,\n "b', (2, 2), "no end on its line"),
        ("'a\nb'", (1, 1), "no end on its line"),
        ("\n'''a", (2, 1), "no end"),
        ("[1 2]", (1, 4), "a `,` or `]` is missing"),
        ("{a:1 b:2}", (1, 6), "a `,` or `}` is missing"),
        ("{a 1}", (1, 4), "a `:` is missing"),
        ("{a::1}", (1, 3), "a `:` is missing"),
        ("{1:1}", (1, 2), "`1` can't stand here"),
        ("{null:1}", (1, 2), "must be quoted"),
        ("[,]", (1, 2), "`,` can't stand here"),
        ("01", (1, 1), "no number"),
        ("1__0", (1, 1), "no number"),
        ("1x", (1, 1), "no number"),
        ("1.5.5", (1, 1), "no number"),
        ("[1, 2024-13-01]", (1, 5), "no time that exists"),
        ("{a: 2024-02-30T10:00Z}", (1, 5), "no time that exists"),
        ("2024-02-28T24:00Z", (1, 1), "no time that exists"),
        ("2024-02-28T10:00:00", (1, 1), "no number"),
        ("1d10001", (1, 1), "exponent"),
        ("9" * 4001, (1, 1), "digits"),
        ('"\\q"', (1, 1), "no escape"),
        ('"\\UFFFFFFFF"', (1, 1), "no escape"),
        ("{{a}}", (1, 1), "Base64"),
        ("{{*}}", (1, 3), "Base64 or one text"),
        ('{{"é€"}}', (1, 1), "one byte"),
        ('{{"a" "b"}}', (1, 7), "can't stand here"),
        ("null.nothing", (1, 1), "type of null"),
        ("$99", (1, 1), "no table"),
        ("$0", (1, 1), "no table"),
        ("a::", (1, 4), "ends in the middle"),
        ("null::1", (1, 5), "can't stand here"),
        ('"a"::1', (1, 4), "can't stand here"),
        ("/* no end", (1, 1), "can't stand here"),
        ("@", (1, 1), "can't stand here"),
        ("[" * 101, (1, 101), "deeper than 100"),
        ("(" * 101, (1, 101), "deeper than 100"),
        ("{a:" * 101, (1, 301), "deeper than 100"),
    ],
)
def test_a_mistake_has_its_place(text: str, where: tuple[int, int], message: str) -> None:
    with pytest.raises(IonError, match=message) as raised:
        list(rows(text))
    assert (raised.value.line, raised.value.column) == where


def test_rows_follow_each_other_and_an_empty_text_has_none() -> None:
    assert list(rows('{a:1}\n{a:2}\n"x" 3')) == [{"a": 1}, {"a": 2}, "x", 3]
    assert list(rows(" // nothing\n")) == []
    assert read("{a:1} [") == {"a": 1}
    with pytest.raises(IonError, match="no value"):
        read("")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (-(2**70), str(-(2**70))),
        (1.0, "1e0"),
        (1.123, "1.123e0"),
        (0.0, "0e0"),
        (-0.0, "-0e0"),
        (1e10, "1.0E10"),
        (1.5e-7, "1.5E-7"),
        (math.inf, "+inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (Decimal("1.50"), "1.50"),
        (Decimal(7), "7."),
        (Decimal("1E+3"), "1d3"),
        (Decimal("-0.001"), "-0.001"),
        (Decimal("1E-9"), "1d-9"),
        ("x", '"x"'),
        ("a\"b'\\\n\t\0\x01\x7fé😀", '"a\\"b\'\\\\\\n\\t\\0\\x01\\x7fé😀"'),
        ("\ud800", '"\\ud800"'),
        (b"hi", "{{aGk=}}"),
        (date(2024, 3, 5), "2024-03-05"),
        (datetime(2024, 3, 5, 14, 7, tzinfo=UTC), "2024-03-05T14:07:00Z"),
        (datetime(2024, 3, 5, 14, 7, 9, 120000, tzinfo=INDIA), "2024-03-05T14:07:09.120000+05:30"),
        (datetime(2024, 3, 5, 14, 7), "2024-03-05T14:07:00-00:00"),  # noqa: DTZ001  (a time without a zone)
        ([], "[]"),
        ({}, "{}"),
        ({"a": 1, "b c": [None, "x"], "null": {}, "$1": 1, "it's": 1}, "{a:1,'b c':[null,\"x\"],'null':{},'$1':1,'it\\'s':1}"),
        ({1: 2, False: 3, 2.5: 4, None: 5}, "{'1':2,'false':3,'2.5':4,'null':5}"),
    ],
)
def test_values_are_written_as_in_java(value: Any, text: str) -> None:
    assert write(value) == text


def test_what_ion_has_no_form_for_is_refused() -> None:
    with pytest.raises(IonError, match="a duration"):
        write([timedelta(1)])
    with pytest.raises(IonError, match="another kind"):
        write(object())
    deep: Any = 1
    for _ in range(101):
        deep = [deep]
    with pytest.raises(IonError, match="nested too deeply"):
        write(deep)


def test_work_is_paid_for_and_may_be_stopped() -> None:
    paid: list[int] = []
    list(rows("[a, 'b', {c:d}]", pay=paid.append))
    assert sum(paid) >= 5 * 8
    written: list[int] = []
    text = write({"a": [1, "x" * 100]}, pay=written.append)
    assert sum(written) >= len(text) - 10


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.decimals(allow_nan=False, allow_infinity=False, places=3),
        st.text(st.characters(), max_size=20),
        st.binary(max_size=20),
        st.dates(),
        st.datetimes(),
        st.datetimes(timezones=st.sampled_from([UTC, INDIA])),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    text = write(value)
    assert "\n" not in text
    assert read(text) == value
    assert list(rows(f"{text}\n{text}")) == [value, value]


PIECES = [*"{}[]()a':,1-.ed_T\n\\ \"", "'''", "::", "0x", "null", "true", "/*", "*/", "//", "$10"]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_text_has_values_or_a_mistake_with_a_place(text: str) -> None:
    wrong = None
    try:
        list(rows(text))
    except IonError as error:
        wrong = error
    if wrong is not None:
        assert 1 <= wrong.line <= text.count("\n") + 1
        assert wrong.column >= 1


@pytest.mark.parametrize(
    "text",
    [
        "1" * 1_000_000,
        "1_" * 500_000,
        "0." + "1" * 1_000_000,
        '"' + "\\" * 1_000_001,
        "'" * 1_000_001,
        "/*" * 500_000,
        "/**" * 300_000,
        "//" * 500_000 + "\n@",
        "a::" * 100_000,
        "{a:" * 300_000,
        "[" * 1_000_000,
        " " * 1_000_000 + "@",
        "{{" + "a" * 1_000_000,
        "2024-01-01T00:00:00." + "1" * 1_000_000,
        "x" * 1_000_000 + "::",
        "$" + "1" * 1_000_000,
        "(" + "+" * 1_000_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_texts_end_soon(text: str) -> None:
    start = time.thread_time()
    with pytest.raises(IonError):
        list(rows(text))
    assert time.thread_time() - start < 1


def test_what_has_a_text_elsewhere_may_be_written_as_that() -> None:
    assert write({timedelta(1): [timedelta(1)]}, text_of=str) == "{'1 day, 0:00:00':[\"1 day, 0:00:00\"]}"


# files, line by line


def streamed(text: str) -> list[Any]:
    return list(stream(text.splitlines(keepends=True)))


def test_a_file_is_read_value_by_value():
    lines = iter(["{a:1}\n", "{a:2}\n", "{a:\n"])
    found = stream(lines)
    assert next(found) == {"a": 1}
    assert next(lines) == "{a:2}\n"


def test_a_value_may_take_several_lines_and_a_line_may_hold_several():
    text = "{a:\n 1,\n b:\"}\"}\n/* {\n*/ [1,\n2]\nx::\n\n5\n'''a{\nb'''\n'''c'''\n7 8 // [\n9\n"
    assert streamed(text) == list(rows(text)) == [{"a": 1, "b": "}"}, [1, 2], 5, "a{\nbc", 7, 8, 9]


def test_symbols_that_a_file_declares_hold_to_its_end():
    assert streamed('$ion_1_0\n$ion_symbol_table::{symbols:["colour"]}\n{$10:1}\n{$10:2}\n') == [{"colour": 1}, {"colour": 2}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a:1}\n{a:}\n{b:1}\n", "`}` can't stand here at line 2, column 4"),
        ("{a:1}\n{a:\n", "the text ends in the middle of a value at line 3, column 1"),
        ('1\n"abc\n', "this text has no end on its line at line 2, column 1"),
        ("1\n]\n2\n", "`]` can't stand here at line 2, column 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text: str, said: str):
    with pytest.raises(IonError, match=re.escape(said)):
        streamed(text)


def test_a_value_without_end_is_not_gathered_for_ever():
    with pytest.raises(IonError, match=r"longer than 16,777,216 characters: that is the limit at line 2"):
        list(stream(["1\n", *itertools.repeat("[" + "1," * 500_000 + "\n", 100)]))


@given(st.lists(st.dictionaries(st.text(max_size=5), st.one_of(st.text(), st.integers(), st.binary(), st.booleans()), max_size=3), max_size=5))
def test_what_is_written_is_streamed_as_it_was(values: list[Any]):
    assert streamed("".join(f"{write(value)}\n" for value in values)) == values
