"""The evaluator against a second reading of the language: any expression gives the same value in both, or is refused by both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.expressions import ExpressionError, Expressions, Limits, Ports, UndefinedError
from tests.expressions import reference
from tests.expressions.trees import PRECEDENCE, Binary, Filter, Is, Item, Key, Listing, Literal, Mapped, Name, Parts, Ternary, Tree, Unary, Woven, template

NO_SECRETS: dict[str, str] = {}
PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: NO_SECRETS[key], token=bytes)
EXPRESSIONS = Expressions(Limits(depth=200))

TEXTS = ["", " ", "a", "b", "B", "1", "0", "false", "null", "it's", 'say "x"', "a,b", "\\n", "é", "😀", "\ue000", "ß", "}}", "{", "[1]", '{"a":1}']
LONGS = [0, 1, 2, 3, -1, 7, 10, 2**31, 2**53 + 1, 2**63 - 1]
DOUBLES = [0.0, 0.5, 1.0, 2.0, -2.5, 100.25, 0.001, 12345678.0]
SCALARS = st.none() | st.booleans() | st.sampled_from(LONGS) | st.sampled_from(DOUBLES) | st.sampled_from(TEXTS)
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "1", "k"]), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["a", "b", "list", "map"]
SCOPES = st.fixed_dictionaries(
    {}, optional={"a": VALUES, "b": VALUES, "list": st.lists(VALUES, max_size=3), "map": st.dictionaries(st.sampled_from(["a", "b", "1"]), VALUES, max_size=3)}
)


def larger(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Trees one operator larger than `inner`."""
    few = st.lists(inner, max_size=3).map(tuple)
    keys: st.SearchStrategy[Tree] = st.sampled_from(["a", "b", "1", 1, "k"]).map(Literal)
    filtered = st.builds(Filter, inner, st.sampled_from(["upper", "lower", "trim", "length", "first", "join"]))
    return (
        st.builds(Binary, st.sampled_from([each for each in PRECEDENCE if each not in ("is", "|")]), inner, inner)
        | st.builds(Unary, st.sampled_from(["not", "-", "+"]), inner)
        | st.builds(Ternary, inner, inner, inner)
        | filtered
        | st.builds(Filter, inner, st.just("default"), st.tuples(inner))
        | st.builds(Filter, inner, st.just("join"), st.tuples(st.sampled_from(TEXTS).map(Literal)))
        | st.builds(Is, inner, st.sampled_from(["defined", "null", "empty", "iterable", "map", "even", "odd"]), st.booleans())
        | st.builds(Key, inner, st.sampled_from(["a", "b", "k"]))
        | st.builds(Item, inner, inner)
        | st.builds(Listing, few)
        | st.lists(st.tuples(keys, inner), max_size=3).map(lambda pairs: Mapped(tuple(dict(pairs).items())))
        | st.builds(Woven, st.lists(st.sampled_from(["x", "it's", '"', "# "]) | inner, min_size=1, max_size=3).map(tuple))
    )


LEAVES: st.SearchStrategy[Tree] = SCALARS.map(Literal) | st.sampled_from([*NAMES, "unknown"]).map(Name)
TREES = st.recursive(LEAVES, larger, max_leaves=8)
TEMPLATES = TREES.map(lambda tree: [tree]) | st.lists(TREES | st.sampled_from(["x", " ", "\n", "1", "[", "]", ",", '"a"', ":"]), min_size=1, max_size=4)


Outcome = tuple[str, Any]


def expected(evaluate: Callable[[Parts, reference.Scope], Any], parts: Parts, scope: reference.Scope) -> Outcome:
    try:
        return "value", evaluate(parts, scope)
    except reference.Missing:
        return "missing", None
    except (reference.Wrong, OverflowError):
        return "wrong", None


def outcome(render: Callable[..., Any], source: str, scope: reference.Scope) -> Outcome:
    try:
        return "value", render(source, scope, PORTS)
    except UndefinedError:
        return "missing", None
    except ExpressionError:
        return "wrong", None


def exactly(value: Any) -> str:
    """Tells 1 from 1.0 and from true, in lists and maps too; not a number equals itself."""
    return repr(value)


@settings(max_examples=400, deadline=None)
@given(TEMPLATES, SCOPES)
@example([Binary("~", Literal("a"), Literal("b"))], {})
def test_the_evaluator_agrees_with_the_reference(parts: Parts, scope: dict[str, Any]) -> None:
    for full in (False, True):
        source = template(parts, full=full)
        for render, evaluate in ((EXPRESSIONS.text, reference.text), (EXPRESSIONS.typed, reference.typed)):
            wanted, given_ = expected(evaluate, parts, scope), outcome(render, source, scope)
            assert exactly(given_) == exactly(wanted), source


KINDS: list[Any] = [None, True, False, 0, 1, -2, 7, 2**63 - 1, 0.0, 1.0, -2.5, "", " ", "a", "1", "1.0", "false", "null", "😀", "[1]"]
KINDS += [[], [1], ["a", None], [[1.0]], {}, {"a": 1}, {"1": "a", "b": None}]
ABSENT = "unknown"
OPERANDS: Sequence[tuple[str, reference.Scope]] = [*(("a", {"a": value}) for value in KINDS), (ABSENT, {})]
SECOND: Sequence[tuple[str, reference.Scope]] = [*(("b", {"b": value}) for value in KINDS), (ABSENT, {})]


def agree(tree: Tree, scope: reference.Scope) -> None:
    wanted, given_ = expected(reference.typed, [tree], scope), outcome(EXPRESSIONS.typed, template([tree]), scope)
    assert exactly(given_) == exactly(wanted), (template([tree]), scope)


@pytest.mark.parametrize("operator", [each for each in PRECEDENCE if each not in ("is", "|")])
def test_an_operator_on_every_pair_of_kinds(operator: str) -> None:
    for (left, one), (right, other) in product(OPERANDS, SECOND):
        agree(Binary(operator, Name(left), Name(right)), {**one, **other})


@pytest.mark.parametrize("operator", ["not", "-", "+"])
def test_a_unary_operator_on_every_kind(operator: str) -> None:
    for name, scope in OPERANDS:
        agree(Unary(operator, Name(name)), scope)


@pytest.mark.parametrize("name", reference.TESTS)
@pytest.mark.parametrize("negated", [False, True])
def test_a_test_on_every_kind(name: str, negated: bool) -> None:
    for operand, scope in OPERANDS:
        agree(Is(Name(operand), name, negated), scope)


@pytest.mark.parametrize("name", reference.FILTERS)
def test_a_filter_on_every_kind(name: str) -> None:
    for operand, scope in OPERANDS:
        agree(Filter(Name(operand), name), scope)


def test_a_choice_a_default_and_a_key_of_every_kind() -> None:
    for (left, one), (right, other) in product(OPERANDS, SECOND):
        agree(Ternary(Name(left), Name(right), Literal("no")), {**one, **other})
        agree(Filter(Name(left), "default", (Name(right),)), {**one, **other})
        agree(Item(Name(left), Name(right)), {**one, **other})
        agree(Mapped(((Name(left), Name(right)),)), {**one, **other})
        agree(Woven(("x", Name(left), Name(right))), {**one, **other})
