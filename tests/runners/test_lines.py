"""Bytes to lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runners.lines import Splitter


def split(*chunks: bytes, cap: int = 100) -> list[str]:
    splitter = Splitter(cap)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.rest())


def test_lines_end_at_newlines_and_at_the_end():
    assert split(b"a\nb\r\n\nc") == ["a", "b", "", "c"]
    assert split(b"a\n") == ["a"]
    assert split() == []


def test_a_character_in_two_chunks_is_one():
    assert split("é".encode()[:1], "é\n".encode()[1:]) == ["é"]


def test_what_is_not_utf_8_is_replaced():
    assert split(b"a\xff\xfe\n") == ["a\ufffd\ufffd"]


def test_a_line_without_an_end_keeps_its_head_only():
    assert split(*(b"x" * 60 for _ in range(1000)), b"\nnext", cap=100) == ["x" * 100, "next"]


@given(st.lists(st.binary()))
def test_chunks_make_no_difference(chunks):
    assert split(*chunks, cap=10_000) == split(b"".join(chunks), cap=10_000)
