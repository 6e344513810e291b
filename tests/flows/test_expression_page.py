"""The page of the expression language says what is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.expressions import Expressions, Ports
from service.expressions.language import ACCESS, LITERALS, OPERATORS, TAGS, TERNARY
from service.expressions.limits import Limits
from service.expressions.parser import parse
from service.expressions.pratt import BINARY, UNARY
from service.expressions.registry import entries
from service.expressions.statements import ENDS
from service.flows.editing.roots import MEMBERS, ROOTS
from service.flows.expression_page import page
from service.flows.roots import ROOTS as CHECKED

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"
ALL = (*LITERALS, *OPERATORS, TERNARY, ACCESS, *TAGS.values())


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize(("template", "wanted"), [example for one in ALL for example in one.examples])
def test_the_examples_of_the_language_are_true(template: str, wanted: str):
    ports = Ports(now=lambda: datetime(2026, 1, 1, tzinfo=UTC), secret=lambda key, _namespace: key)
    assert Expressions().text(template, {"inputs": {}}, ports).rstrip() == wanted


def test_everything_has_words_and_an_example():
    assert [one.written for one in ALL if not one.words or not one.examples] == []


def test_every_operator_is_there():
    written = {each for one in OPERATORS for each in one.written}
    assert written == {*BINARY, "not", "+x", "-x"}
    assert set(UNARY) == {"not", "+", "-"}
    one_by_one = {each: BINARY[each][0] for one in OPERATORS for each in one.written if each in BINARY}
    assert all(len({one_by_one[each] for each in one.written}) == 1 for one in OPERATORS if one.written[0] in BINARY)


def closed() -> Iterator[str]:
    yield from (tag for tag in ENDS if not tag.startswith("else"))


def test_every_tag_is_there():
    assert {*closed(), "set", "raw", "flush"} == set(TAGS)
    for tag in closed():
        assert parse(TAGS[tag].examples[0][0], Limits()), tag


def test_every_name_is_on_the_page():
    text = PAGE.read_text("utf-8")
    there = [name for _, name in entries()]
    assert [name for name in there if f"`{name}(" not in text and not re.search(rf"\(also [^)]*`{name}`", text)] == []
    assert [name for name in (*ROOTS, *(member for members in MEMBERS.values() for member in members)) if f"`{name}`" not in text] == []


def test_no_variable_is_offered_that_a_check_refuses():
    assert set(ROOTS) - CHECKED == set()
