"""What a render costs doesn't depend on how deep in Python's stack it was called."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from service.expressions import ExpressionError, Expressions, Limits, Ports

#: A render at a bad depth asks the system for memory in every call, each time with a page fault at least: thousands of them in the templates below.
MANY_FAULTS = 600
#: The frames of this many calls fill more than one of CPython's chunks, so the end of a chunk comes by at every place of the work.
DEPTHS = range(0, 150, 3)

NESTED = "{% set a = [1] %}{% set b = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% set b = [b, b] %}{% endfor %}"


def under(depth: int, work: Callable[[], None]) -> None:
    if depth == 0:
        work()
    else:
        under(depth - 1, work)


def faults_of(work: Callable[[], object]) -> int:
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in 1..4000 %}{% set x = i * i %}{% endfor %}",
        "{{ (1..4000) | join('x') | length }}",
        "{{ (1..4000) | replace({'1': '2'}) | length }}",
        "{{ (1..60) contains (1..60) }}",
        "{{ (1..60) - (1..60) }}",
        "{{ (99999 isIn (1..4000)) ? 1 : 2 }}",
        "{{ text | replace({'a': 'b'}, true) | length }}",
        "{{ 1 }}" * 1_000,
        NESTED + "{{ a }}",
        NESTED + "{{ 'x' ~ a }}",
        NESTED + "{{ a == b }}",
        NESTED + "{{ a | toJson }}",
        NESTED + "{{ [a] | distinct }}",
        NESTED + "{{ a | replace({'1': '2'}) }}",
    ],
)
def test_no_depth_makes_a_render_dear(ports: Ports, template: str) -> None:
    def render() -> None:
        expressions = Expressions(Limits(steps=40_000))  # a new one: reading the template belongs to it
        for rendered in (expressions.text, expressions.typed):
            with suppress(ExpressionError):  # some end as too much work, which is work enough
                rendered(template, {"text": "a" * 5_000}, ports)

    render()
    faults = [faults_of(partial(under, depth, render)) for depth in DEPTHS]
    assert max(faults) - min(faults) < MANY_FAULTS
