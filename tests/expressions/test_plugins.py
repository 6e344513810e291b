"""Every function, filter and test: documented, and its examples are true."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.expressions import ExpressionError
from service.expressions.registry import entries
from tests.expressions.conftest import SCOPE

EXAMPLES = [pytest.param(template, wanted, id=f"{name}: {template}") for (_, name), entry in sorted(entries().items()) for template, wanted in entry.examples]


@pytest.mark.parametrize(("template", "wanted"), EXAMPLES)
def test_the_examples_of_the_documentation_are_true(text: Callable[..., str], template: str, wanted: str) -> None:
    assert text(template, SCOPE) == wanted


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: f"{entry.kind} {entry.name}")
def test_each_one_is_documented_with_an_example(entry: object) -> None:
    assert entry.document  # type: ignore[attr-defined]
    assert entry.examples  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("range(1, 9, step=4)", "[1,5,9]"),
        ("range(start=3, end=1, increment=-1)", "[3,2,1]"),
        ("'abcd' | slice(from=1, to=3)", "bc"),
        ("'a1b' | split(regex='[0-9]')", '["a","b"]'),
        ("1234.5 | numberformat(pattern='#,##0.00')", "1,234.50"),
        ("fromJson(text='[1]')", "[1]"),
        ("yaml(text='a: 1')", '{"a":1}'),
        ("decrypt(key='MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', text='')", ""),
    ],
)
def test_an_argument_may_have_the_name_that_kestra_writes_in_its_pages(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}") == wanted


def test_an_argument_is_not_given_by_two_of_its_names(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match="the argument `step` is given twice"):
        text("{{ range(1, 9, 2, step=4) }}")
