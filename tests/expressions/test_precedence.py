"""How operators group: every pair of them, and every one with itself, by the table of `KESTRA.md` 7.5."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.expressions import ExpressionError, Limits
from service.expressions.parser import parse
from tests.expressions.trees import PRECEDENCE

BINARY = sorted(PRECEDENCE.keys() - {"is", "|"})


def group(expression: str) -> object:
    """The tree of an expression; trees are equal when they do the same in the same order."""
    return parse("{{ " + expression + " }}", Limits()).tree


def test_the_table_has_every_operator() -> None:
    assert list(dict.fromkeys(PRECEDENCE.values())) == [10, 15, 20, 30, 40, 60, 100, 110, 120]
    assert len(PRECEDENCE) == 22


@pytest.mark.parametrize("first", BINARY)
@pytest.mark.parametrize("second", BINARY)
def test_two_operators_group_by_the_table_and_from_the_left(first: str, second: str) -> None:
    from_left, from_right = f"(a {first} b) {second} c", f"a {first} (b {second} c)"
    right, wrong = (from_right, from_left) if PRECEDENCE[second] > PRECEDENCE[first] else (from_left, from_right)
    assert group(f"a {first} b {second} c") == group(right)
    assert group(f"a {first} b {second} c") != group(wrong)


@pytest.mark.parametrize("operator", BINARY)
@pytest.mark.parametrize(("postfix", "binds"), [("| upper", 100), ("| join('x')", 100), ("is empty", 20), ("is not empty", 20), ("is defined", 20)])
def test_filters_and_tests_take_what_binds_as_tightly_before_them(operator: str, postfix: str, binds: int) -> None:
    whole, last = f"(a {operator} b) {postfix}", f"a {operator} (b {postfix})"
    right, wrong = (whole, last) if PRECEDENCE[operator] >= binds else (last, whole)
    assert group(f"a {operator} b {postfix}") == group(right)
    assert group(f"a {operator} b {postfix}") != group(wrong)
    assert group(f"a {postfix} {operator} b") == group(f"(a {postfix}) {operator} b")


@pytest.mark.parametrize(
    ("expression", "as_if"),
    [
        ("a | upper | lower", "(a | upper) | lower"),
        ("a is empty is empty", "(a is empty) is empty"),
        ("a is not empty is null", "(a is not empty) is null"),
        ("a | upper is empty", "(a | upper) is empty"),
        ("a is empty and b is null or c is odd", "((a is empty) and (b is null)) or (c is odd)"),
    ],
)
def test_filters_and_tests_follow_each_other(expression: str, as_if: str) -> None:
    assert group(expression) == group(as_if)


@pytest.mark.parametrize("unary", ["not", "-", "+"])
@pytest.mark.parametrize("operator", [*BINARY, "| upper", "is empty", "? b : "])
def test_a_unary_operator_takes_its_operand_alone(unary: str, operator: str) -> None:
    tail = " b" if operator in BINARY or operator.startswith("?") else ""
    assert group(f"{unary} a {operator}{tail}") == group(f"({unary} a) {operator}{tail}")
    assert group(f"{unary} a {operator}{tail}") != group(f"{unary} (a {operator}{tail})")


@pytest.mark.parametrize("unary", ["not", "-", "+"])
@pytest.mark.parametrize("access", [".b", "['b']", "[0]", "[b]", ".b[0].c"])
def test_a_key_binds_tighter_than_anything(unary: str, access: str) -> None:
    assert group(f"{unary} a{access}") == group(f"{unary} (a{access})")
    assert group(f"{unary} a{access}") != group(f"({unary} a){access}")
    assert group(f"a .. b{access}") == group(f"a .. (b{access})")


@pytest.mark.parametrize("one", ["not", "-", "+"])
@pytest.mark.parametrize("other", ["not", "-", "+"])
def test_unary_operators_stand_before_each_other(one: str, other: str) -> None:
    assert group(f"{one} {other} a") == group(f"{one} ({other} a)")


@pytest.mark.parametrize("operator", [*BINARY])
def test_a_choice_is_weaker_than_any_operator(operator: str) -> None:
    assert group(f"a {operator} b ? c : d") == group(f"(a {operator} b) ? c : d")
    assert group(f"a ? b : c {operator} d") == group(f"a ? b : (c {operator} d)")
    assert group(f"a ? b {operator} c : d") == group(f"a ? (b {operator} c) : d")


def test_choices_group_from_the_right() -> None:
    assert group("a ? b : c ? d : e") == group("a ? b : (c ? d : e)")
    assert group("a ? b ? c : d : e") == group("a ? (b ? c : d) : e")


@pytest.mark.parametrize(
    ("expression", "as_if", "not_as"),
    [
        ("true ?? false ? 'a' : 'b'", "(true ?? false) ? 'a' : 'b'", "true ?? (false ? 'a' : 'b')"),
        ("1 == 1 ? 'a' : 'b'", "(1 == 1) ? 'a' : 'b'", "1 == (1 ? 'a' : 'b')"),
        ("false ? 1 : 2 + 3", "false ? 1 : (2 + 3)", "(false ? 1 : 2) + 3.5"),
        ("true or false ? 1 : 2", "(true or false) ? 1 : 2", "true or (false ? 1 : 2)"),
        ("false and false or true", "(false and false) or true", "false and (false or true)"),
        ("true or true and false", "true or (true and false)", "(true or true) and false"),
        ("true and 2 is even", "true and (2 is even)", "(true and 2) is even"),
        ("'' is empty and false", "('' is empty) and false", None),
        ("true and [true] contains true", "true and ([true] contains true)", "(true and [true]) contains true"),
        ("[true] contains 1 == 1", "[true] contains (1 == 1)", "([true] contains 1) == 1"),
        ("1 == [1] is iterable", "(1 == [1]) is iterable", "1 == ([1] is iterable)[0]"),
        ("1 + 1 == 2", "(1 + 1) == 2", "1 + (1 == 2)"),
        ("5 ?? 1 + 1", "5 ?? (1 + 1)", "(5 ?? 1) + 1"),
        ("1 ?? 5 == 1", "(1 ?? 5) == 1", "1 ?? (5 == 1)"),
        ("1 isIn [1] + [2]", "1 isIn ([1] + [2])", "(1 isIn [1]) + [2]"),
        ("10 - 2 - 3", "(10 - 2) - 3", "10 - (2 - 3)"),
        ("10 - 2 + 3", "(10 - 2) + 3", "10 - (2 + 3)"),
        ("2 + 3 * 4", "2 + (3 * 4)", "(2 + 3) * 4"),
        ("100 / 10 * 2", "(100 / 10) * 2", "100 / (10 * 2)"),
        ("100 / 10 / 2", "(100 / 10) / 2", "100 / (10 / 2)"),
        ("17 % 10 * 2", "(17 % 10) * 2", "17 % (10 * 2)"),
        ("17 % 10 % 4", "(17 % 10) % 4", "17 % (10 % 4)"),
        ("2 * 'ab' | length", "2 * ('ab' | length)", "(2 * 'ab') | length"),
        ("'a' + 'b' | upper", "'a' + ('b' | upper)", "('a' + 'b') | upper"),
        ("'a' ~ 'b' | upper", "('a' ~ 'b') | upper", "'a' ~ ('b' | upper)"),
        ("'a' + 1 ~ 2", "'a' + (1 ~ 2)", None),
        ("1 + 2 ~ 3", "1 + (2 ~ 3)", "(1 + 2) ~ 3"),
        ("'x' ~ 1..2", "'x' ~ (1..2)", "('x' ~ 1)..2"),
        ("1..3 | length", "(1..3) | length", "1..(3 | length)"),
        ("-1..1", "(-1)..1", "-(1..1)"),
        ("not 0 == 1", "(not 0) == 1", "not (0 == 1)"),
        ("not false and false", "(not false) and false", "not (false and false)"),
        ("-2 | abs", "(-2) | abs", "-(2 | abs)"),
        ("-1 + 2", "(-1) + 2", "-(1 + 2)"),
        ("- map.a", "- (map.a)", "(- map).a"),
    ],
)
def test_one_operator_binds_tighter_than_its_neighbour(text: Callable[..., str], expression: str, as_if: str, not_as: str | None) -> None:
    outcome = text("{{ " + expression + " }}", {"map": {"a": 1}})
    assert outcome == text("{{ " + as_if + " }}", {"map": {"a": 1}})
    if not_as is not None:
        assert outcome != _outcome(text, not_as)


def _outcome(text: Callable[..., str], expression: str) -> str:
    try:
        return text("{{ " + expression + " }}", {"map": {"a": 1}})
    except ExpressionError:
        return "refused"


def test_a_choice_does_not_stand_inside_an_operand(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError):
        text("{{ 1 + true ? 1 : 2 }}")  # (1 + true) ? …, and true can't be added
