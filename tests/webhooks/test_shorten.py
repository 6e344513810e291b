"""Cut texts keep what they were for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.shorten import description, unique, units


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("short", 140, "short"),
        ("", 140, ""),
        ("two\n lines\t", 140, "two lines"),
        ("a\x00b\x1b[0m", 140, "a b [0m"),
        ("one two three four", 12, "one two…"),
        ("x" * 50, 10, "xxxxxxxxx…"),
        ("3 flows failed: alpha, beta, gamma, delta (7 of 9 runs)", 40, "3 flows failed: alpha… (7 of 9 runs)"),
        ("😀" * 10, 10, "😀😀😀😀…"),
    ],
)
def test_a_description_is_cut_after_what_matters(text, longest, cut):
    assert description(text, longest) == cut


def test_a_place_stands_first_and_stays():
    text = ".flows/team/etl.yaml:9:11: error HG-0102: there is no task type io.kestra.plugin.core.log.Lag; the nearest name is io.kestra.plugin.core.log.Log"
    cut = description(text, 140)
    assert cut.startswith(".flows/team/etl.yaml:9:11: error HG-0102: there is no task type")
    assert cut.endswith("…")
    assert len(cut) <= 140


@given(st.text(st.characters(exclude_categories=())), st.integers(5, 140))
def test_a_description_never_is_too_long_and_can_always_be_sent(text, longest):
    cut = description(text, longest)
    assert units(cut) <= longest
    assert cut.encode() or not cut
    assert "\n" not in cut


def test_a_name_that_fits_stays_as_it_is():
    assert unique("n" * 255, 255) == "n" * 255


def test_long_names_that_differ_at_their_end_stay_apart():
    first, second = (unique("headgate/" + "n" * 300 + end, 255) for end in "ab")
    assert first != second
    assert len(first) == len(second) == 255
    assert first == unique("headgate/" + "n" * 300 + "a", 255)
