"""Several flows in one text."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid
from service.flows.documents import Document, documents


def test_documents_are_parted_by_marks_and_know_their_lines():
    assert documents(b"a: 1\n---\nb: 2\r\n---\t\nc: 3\n") == [Document(b"a: 1\n", 0), Document(b"b: 2\r\n", 2), Document(b"c: 3\n", 4)]


@pytest.mark.parametrize("nothing", [b"---\n", b"# a comment\n---\n", b" \t\r\n---\n", b"\n\n--- \n", b"#\n#\n---\r\n"])
def test_documents_without_anything_in_them_are_left_out(nothing):
    assert documents(nothing + b"a: 1\n") == [Document(b"a: 1\n", nothing.count(b"\n"))]


@pytest.mark.parametrize("nothing", [b"", b"\n", b"---\n---\n", b"# a comment"])
def test_a_text_without_anything_is_one_document(nothing):
    assert documents(nothing) == [Document(nothing)]


def test_what_stands_behind_a_mark_belongs_to_the_document():
    assert documents(b"--- {id: x}\n---\r\n") == [Document(b"{id: x}\n", 0)]


@given(st.text(alphabet="-# \t\r\nab:", max_size=60))
def test_nothing_but_marks_blanks_and_comments_is_lost(text):
    data = text.encode()
    found = documents(data)
    assert all(document.line == data[: data.index(document.text)].count(b"\n") or data.count(document.text) > 1 for document in found)
    assert sum(document.text.count(sign) for document in found for sign in (b"a", b"b", b":")) >= sum(
        line.partition(b"#")[0].count(sign) for line in data.replace(b"\r", b"\n").split(b"\n") for sign in (b"a", b"b", b":")
    )


def test_too_many_flows_are_refused():
    assert len(documents(b"a\n---\n" * 1_000)) == 1_000
    with pytest.raises(Invalid, match="more than 1,000 flows"):
        documents(b"a\n---\n" * 1_001)


@pytest.mark.parametrize("piece", [b"---\n", b"#\n", b" \n", b" ", b"\r", b"# ---\n", b"---\n#\n"])
def test_texts_of_nothing_cost_little(piece):
    text = piece * (4_000_000 // len(piece))
    tracemalloc.start()
    try:
        assert documents(text) == [Document(text)]
        assert tracemalloc.get_traced_memory()[1] < 3 * len(text)
    finally:
        tracemalloc.stop()
