"""A mistake is noticed on the line where it was made, whatever it is and wherever: every one that follows from the classes is tried."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.problems import Problem, Severity
from service.flows.reading import read_flow
from tests.flows.mutations import Mutator, types_in

ALL = Catalogue(discovery.index(), discovery.load)
FOLDER = Path(__file__).parent / "mutants"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
EXAMPLES = Path(__file__).parents[2] / ".flows" / "_examples"


def source(name: str) -> str:
    """A flow that is right."""
    return (FOLDER / f"{name}.yaml").read_text("utf-8")


def problems(text: str) -> tuple[Problem, ...]:
    """What is said of a text."""
    return read_flow(text.encode(), "x.yaml", ALL).problems


def told(found: Iterable[Problem]) -> set[tuple[str, str]]:
    """Errors and warnings, without their places."""
    return {(problem.code, problem.message) for problem in found if problem.severity is not Severity.NOTICE}


@pytest.mark.parametrize("name", NAMES)
def test_the_flows_are_right_as_they_are(name):
    assert [problem.line_text() for problem in problems(source(name)) if problem.severity is Severity.ERROR] == []


def test_they_have_every_type_of_the_language_or_its_example_has():
    texts = [*map(source, NAMES), *(file.read_text("utf-8") for file in EXAMPLES.glob("*.y*ml"))]
    assert frozenset().union(*(types_in(text, ALL) for text in texts)) >= set(ALL.names())


@pytest.mark.parametrize("name", NAMES)
def test_every_mistake_is_noticed_where_it_was_made(name):
    text = source(name)
    usual = told(problems(text))
    missed, count = [], 0
    for mutant in Mutator(text, ALL).mutants():
        count += 1
        new = [problem for problem in problems(mutant.text) if told([problem]) - usual]
        if not any(problem.line in mutant.lines for problem in new):
            missed.append(f"{mutant.what} at {sorted(mutant.lines)}: {[problem.line_text() for problem in new][:3]}")
    assert missed == []
    assert count > 50
