"""JSON has one meaning or none, and a refusal names the place (B60)."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.change import Unreadable
from webhooks.strict import MAX_DEPTH, MAX_VALUES, read_json


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "line 1, column 1: expecting value"),
        (b"not json", "line 1, column 1: expecting value"),
        (b'{"a": 1,\n "b": }', "line 2, column 7: expecting value"),
        (b'{"a": 1} x', "line 1, column 10: extra data"),
        (b'{"a": 1,}', "line 1, column 9: "),
        (b"{'a': 1}", "line 1, column 2: "),
        (b'{"a": NaN}', "line 1, column 7: NaN is not JSON"),
        (b'{"NaN": "NaN",\n"a": [NaN]}', "line 2, column 7: NaN is not JSON"),
        (b"[Infinity]", "line 1, column 2: Infinity is not JSON"),
        (b"[-Infinity]", "line 1, column 2: -Infinity is not JSON"),
        (b"[1e999]", "line 1, column 2: a number too large"),
        (b'{"a": 1, "b": 2, "a": 3}', "line 1, column 18: this key stands twice"),
        (b'{"a": {"b": "}", "\\u0062": 3}}', "line 1, column 18: this key stands twice"),
        (b'[{"a": 1}, {"a": 1}, {"x": ["a", "a"], "x": 1}]', "line 1, column 40: this key stands twice"),
        (b'{"a":\n ' + b"7" * 5000 + b"}", "line 2, column 2: a number of 5000 digits"),
        (b"[" * 100_000, f"line 1, column {MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH}"),
        (b'{"a":' * 100_000, f"nested deeper than {MAX_DEPTH}"),
        (b"[" * 65 + b"]" * 65, f"nested deeper than {MAX_DEPTH}"),
        (b'["\\ud800"]', "line 1, column 3: half of a surrogate pair"),
        (b'["\\udc00\\ud800"]', "line 1, column 3: half of a surrogate pair"),
        (b'["\\ud83d\\ude00",\n"\\uD83D x"]', "line 2, column 2: half of a surrogate pair"),
        (b'{"\\u0000": 1}', "line 1, column 3: NUL in a text"),
        (b'["a\x00b"]', "line 1, column 4: "),
        (b'["\xff"]', "line 1, column 3: not UTF-8"),
        (b'["\xed\xa0\x80"]', "line 1, column 3: not UTF-8"),
        ('["a"]'.encode("utf-16"), "line 1, column 1: not UTF-8"),
        (b'\xef\xbb\xbf["a"]', "line 1, column 1: "),
        (b'["a', "line 1, column 2: "),
        (b'["a\\', "line 1, column 2: "),
        (b"[" + b"1," * (MAX_VALUES + 1) + b"1]", f"more than {MAX_VALUES} values"),
    ],
)
def test_what_is_not_plain_json_is_refused_with_its_place(body, message):
    with pytest.raises(Unreadable) as refused:
        read_json(body)
    assert message in str(refused.value)


def test_a_body_over_the_cap_is_refused():
    with pytest.raises(Unreadable, match="at most 10 are read"):
        read_json(b'"123456789"', max_bytes=10)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' [1, -2.5e3, "x", null, true] ',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'["[[[{{{", "\\"[", "\\\\"]',
        b'["\\\\u0000", "\\\\ud800", "\\ud83d\\ude00"]',
        '["ü", "\u2028", "😀"]'.encode(),
        b"[" + b"9" * 40 + b"]",
    ],
)
def test_plain_json_is_read_as_everybody_reads_it(body):
    assert read_json(body) == json.loads(body)


letters = st.characters(codec="utf-8", exclude_characters="\0")
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(letters),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(letters, max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_was_written_is_read(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0dc8 1eN', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(Unreadable):
        json.dumps(read_json(body), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 2_000_000,
        b'["' + b"[" * 4_000_000 + b'"]',
        b"[]" * 900_000,
        b"[{}" * 300_000,
        b'{"a":' + b'["' * 900_000,
        b"\\" * 4_000_000,
    ],
)
def test_hostile_bodies_cost_no_more_than_their_length(body):
    start = time.process_time()
    with contextlib.suppress(Unreadable):
        read_json(body)
    assert time.process_time() - start < 2.0
