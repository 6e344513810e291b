"""What a template names, without rendering it."""

from __future__ import annotations

import pytest

from service.expressions import Call, ExpressionError, Reference, references


def test_names_calls_and_their_places() -> None:
    assert references("x {{ outputs['my-task'].value }}\n{{ secret('TOKEN') ~ env('a', inputs.b) }}") == (
        Reference(("outputs", "my-task", "value"), 1, 6),
        Call("secret", ("TOKEN",), 2, 4),
        Call("env", None, 2, 22),
        Reference(("inputs", "b"), 2, 31),
    )


def test_a_path_stops_at_a_computed_key() -> None:
    assert references("{{ outputs[taskrun.value].x[0] }}") == (Reference(("outputs",), 1, 4), Reference(("taskrun", "value"), 1, 12))
    assert references("{{ a.b[0].c }}") == (Reference(("a", "b", 0, "c"), 1, 4),)


@pytest.mark.parametrize("template", ["{{ a.b ?? 1 }}", "{{ a.b ??? 1 }}", "{{ a.b | default(1) }}", "{{ a.b | upper | default(1) }}", "{{ a.b is defined }}"])
def test_a_name_that_may_be_missing_is_guarded(template: str) -> None:
    assert references(template) == (Reference(("a", "b"), 1, 4, guarded=True),)


def test_only_what_stands_left_is_guarded() -> None:
    assert [(each.path, each.guarded) for each in references("{{ a + b ?? c }}") if isinstance(each, Reference)] == [
        (("a",), True),
        (("b",), True),
        (("c",), False),
    ]


def test_names_that_the_template_gives_itself_are_not_references() -> None:
    found = references("{% set y = z %}{% for x in list %}{{ x.a }}{{ loop.index }}{{ y }}{% endfor %}{{ x }}")
    assert [each.path for each in found if isinstance(each, Reference)] == [("z",), ("list",), ("x",)]


def test_what_a_loop_or_a_macro_sets_is_known_in_it_alone() -> None:
    found = references("{% for x in list %}{% set y = x %}{{ y }}{% endfor %}{{ y }}{% macro m(a) %}{% set b = a %}{{ b }}{% endmacro %}{{ b }}")
    assert [each.path for each in found if isinstance(each, Reference)] == [("list",), ("y",), ("b",)]


def test_text_without_expressions_names_nothing() -> None:
    assert references("{ plain }") == ()
    assert references("{% raw %}{{ a }}{% endraw %}") == ()


def test_a_template_that_can_not_be_read_is_an_error() -> None:
    with pytest.raises(ExpressionError):
        references("{{ a. }}")
