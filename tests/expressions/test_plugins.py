"""Every function, filter and test: documented, and its examples are true."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.expressions.registry import NOT_YET, entries, names
from tests.expressions.conftest import SCOPE

EXAMPLES = [pytest.param(template, wanted, id=f"{name}: {template}") for (_, name), entry in sorted(entries().items()) for template, wanted in entry.examples]


@pytest.mark.parametrize(("template", "wanted"), EXAMPLES)
def test_the_examples_of_the_documentation_are_true(text: Callable[..., str], template: str, wanted: str) -> None:
    assert text(template, SCOPE) == wanted


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: f"{entry.kind} {entry.name}")
def test_each_one_is_documented_with_an_example(entry: object) -> None:
    assert entry.document  # type: ignore[attr-defined]
    assert entry.examples  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["function", "filter", "test"])
def test_nothing_is_both_there_and_missing(kind: str) -> None:
    assert not set(names(kind)) & NOT_YET[kind]
