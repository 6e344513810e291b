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


pieces = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", "é€😀".encode(), b"\xe2\x82", b"\xff", b"\xf0\x9f", b"\x80", b"xyz"]))


@given(pieces, pieces, st.integers(1, 20))
def test_lines_are_what_they_are_one_by_one(first, second, cap):
    *whole, rest = b"".join(first + second).split(b"\n")
    parts = [*whole, rest] if rest else whole
    assert split(b"".join(first), b"".join(second), cap=cap) == [part[:cap].decode("utf-8", "replace").removesuffix("\r") for part in parts]


@given(st.lists(st.binary()))
def test_chunks_make_no_difference(chunks):
    assert split(*chunks, cap=10_000) == split(b"".join(chunks), cap=10_000)
