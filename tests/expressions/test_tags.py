"""Tags whose bodies are rendered on their own: macros, blocks, filtered text. And those that only say how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from service.expressions import ExpressionError, Expressions, Ports, UndefinedError, references

GREET = "{% macro greet(name, mark='!') %}Hi {{ name }}{{ mark }}{% endmacro %}"


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        (GREET + "{{ greet('Ada') }}", "Hi Ada!"),
        (GREET + "{{ greet('Ada', '?') }}", "Hi Ada?"),
        (GREET + "{{ greet(mark='.', name='Ada') }}", "Hi Ada."),
        (GREET + "{{ greet('Ada', mark=null) }}", "Hi Ada"),
        (GREET + "{{ greet() }}", "Hi !"),
        ("{{ greet('Ada') }}" + GREET, "Hi Ada!"),
        (GREET + "{{ greet('Ada') | upper }}", "HI ADA!"),
        (GREET + "{{ greet('Ada') ~ greet('Bob') | lower }}", "hi ada!hi bob!"),
        (GREET + "{% for n in ['a', 'b'] %}{{ greet(n) }}{% endfor %}", "Hi a!Hi b!"),
        (GREET + "{{ greet(user) }}", "Hi Eve!"),
        ("{% macro m(a, b=a ~ 'x') %}{{ b }}{% endmacro %}{{ m('1') }}", "1x"),
        ("{% macro m(n) %}{% if n > 0 %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "321"),
        ("{% macro m(user) %}{% set user = 'in' %}{{ user }}{% endmacro %}{{ m('x') }}{{ user }}", "inEve"),
        ("{% macro a() %}a{{ b() }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}", "ab"),
        ("{% macro m() %} x {% endmacro m %}[{{ m() }}]", "[ x ]"),
        ("{%- macro m() -%} x {%- endmacro -%} [{{ m() }}]", "[x]"),
        (
            "{% macro m(l) %}{% for x in l %}{{ loop.index }}{{ x }}{% endfor %}{% endmacro %}{% for y in 1..2 %}{{ m([y]) }}{{ loop.index }};{% endfor %}",
            "010;021;",
        ),
        ("{% macro m(x) %}{{ x.nope }}{% endmacro %}{{ m({}) ?? 'none' }}", "none"),
        ("{% macro m(l) %}{% for x in l %}{{ x.nope }}{% endfor %}{% endmacro %}{% set a = 1 %}{{ m([1]) ?? 'none' }}{{ a }}", "none1"),
        ("{% block a %}x{{ user }}{% endblock %}", "xEve"),
        ("{% block 'a b' %}x{% endblock %}{{ block('a b') }}", "xx"),
        ("{{ block('a') | upper }}{% block a %}x{% endblock a %}", "Xx"),
        ("{% for i in 1..3 %}{% block b %}{{ i }}{% endblock %}{% endfor %}", "123"),
        ("{% for i in 1..2 %}{% block b %}{% set last = i %}{% endblock %}{% endfor %}", ""),
        ("{% set v = 1 %}{% block b %}{% set v = 2 %}{% endblock %}{{ v }}", "2"),
        ("{% filter upper %}a{{ user }}{% endfilter %}", "AEVE"),
        ("{% filter trim | upper | replace({'E': '3'}) %} {{ user }} {% endfilter %}", "3V3"),
        ("{% filter upper %}{% filter lower %}X{% endfilter %}y{% endfilter %}", "XY"),
        ("{% cache 'name' %}{{ user }}{% endcache %}", "Eve"),
        ("{% parallel %}{{ user }}{% endparallel %}", "Eve"),
        ("a{% flush %}b", "ab"),
    ],
)
def test_a_body_of_its_own(text: Callable[..., str], template: str, wanted: str) -> None:
    assert text(template, user="Eve") == wanted


def test_a_macro_sees_its_arguments_alone(text: Callable[..., str]) -> None:
    with pytest.raises(UndefinedError, match="`user` is not defined"):
        text("{% macro m(a) %}{{ user }}{% endmacro %}{{ m(1) }}", user="Eve")


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{% macro m(all) %}{{ all.user }}{% endmacro %}{{ m(_context) }}", "Eve"),
        ("{% set a = 1 %}{% macro m(_context) %}{{ _context.a }}{{ _context['user'] }}{% endmacro %}{{ m(_context) }}", "1Eve"),
        ("{% set user = 'Ada' %}{{ _context.user }}", "Ada"),
        ("{% for x in [1] %}{{ _context.x }}{{ _context.loop.index }}{% endfor %}", "10"),
        ("{{ _context.nope ?? 'none' }}", "none"),
        ("{{ _context is map }}", "true"),
        ("{% set _context = 1 %}{{ _context }}", "1"),
    ],
)
def test_all_names_at_once_can_be_given_to_a_macro(text: Callable[..., str], template: str, wanted: str) -> None:
    assert text(template, user="Eve") == wanted


def test_all_names_at_once_are_no_variable_of_a_flow() -> None:
    assert references("{{ _context }}") == ()


class Lazy(dict[str, Any]):
    """A scope in which `parents` turns out not to be there, and that writes down what it is asked for."""

    def __init__(self, **names: Any) -> None:
        super().__init__(names, parents=None)
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        if name == "parents":
            raise KeyError(name)
        return super().__getitem__(name)


def test_all_names_at_once_are_read_when_they_are_asked_for(expressions: Expressions, ports: Ports) -> None:
    scope = Lazy(user="Eve", word=[1])
    assert expressions.text("{% set a = _context %}{{ a.user }}{{ _context.parents ?? '-' }}", scope, ports) == "Eve-"
    assert set(scope.asked) == {"_context", "user", "parents"}
    assert expressions.typed("{{ _context }}", scope, ports) == {"user": "Eve", "word": [1]}
    assert expressions.text("{{ _context }}{% for e in _context %}{{ e.key }},{% endfor %}", scope, ports) == '{"user":"Eve","word":[1]}user,word,'


@pytest.mark.parametrize("filter_", ["", " ~ ''", " | toJson", " | yaml", " isIn [_context]"])
def test_all_names_at_once_that_hold_themselves_end(text: Callable[..., str], filter_: str) -> None:
    with pytest.raises(ExpressionError, match="nested"):
        text("{% set a = 1 %}{% set b = _context %}{% set c = _context %}{{ b" + filter_ + " }}")


def test_what_a_macro_writes_is_never_a_template(text: Callable[..., str]) -> None:
    assert text("{% macro m(a) %}{{ a }}{% endmacro %}{{ m('{{ 1 }}') }}") == "{{ 1 }}"


def test_a_macro_alone_is_text_in_typed_mode_too(typed: Callable[..., Any]) -> None:
    assert typed("{% macro m() %}1{% endmacro %}{{ m() }}") == "1"


@pytest.mark.parametrize(
    ("template", "place", "message"),
    [
        (GREET + "{{ greet('a', 'b', 'c') }}", (1, len(GREET) + 4), "`greet(name, mark)` takes at most 2 arguments, not 3"),
        (GREET + "{{ greet(nam='a') }}", (1, len(GREET) + 10), "has no argument `nam`; did you mean `name`?"),
        (GREET + "{{ greet('a', name='b') }}", (1, len(GREET) + 15), "the argument `name` is given twice"),
        (GREET + "{{ gret('a') }}", (1, len(GREET) + 4), "there is no function `gret`"),
        (GREET + GREET, (1, len(GREET) + 10), "there is another macro `greet` in this template"),
        ("{% macro now() %}{% endmacro %}", (1, 10), "there is a function of this name"),
        ("{% macro true() %}{% endmacro %}", (1, 10), "`true` is a constant"),
        ("{% macro m(a, a) %}{% endmacro %}", (1, 15), "the argument `a` is there twice"),
        ("{% macro m %}{% endmacro %}", (1, 12), "expected `(` after the macro's name"),
        ("{% macro m() %}{% endmacro other %}", (1, 28), "expected `%}`, found `other`"),
        ("{% macro m() %}\n {{ 1 / 0 }}{% endmacro %}{{ m() }}", (2, 7), "division by zero"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", (1, 37), "there is another block `a` in this template"),
        ("{{ block('b') }}{% block a %}{% endblock %}", (1, 4), "there is no block `b` in this template"),
        ("{{ block(user) }}", (1, 4), "takes the name of a block of this template, as text"),
        ("{{ parent() }}", (1, 4), "`parent()` belongs to templates that extend others"),
        ("{% filter nope %}{% endfilter %}", (1, 11), "there is no filter `nope`"),
        ("{% filter upper %}{{ 1 / 0 }}{% endfilter %}", (1, 24), "division by zero"),
        ("{% endmacro %}", (1, 4), "`endmacro` without the tag that it belongs to"),
        ("{% cache %}x", (1, 4), "this `cache` is never closed by {% endcache %}"),
    ],
)
def test_a_mistake_has_its_place(text: Callable[..., str], template: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        text(template, user="Eve")
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place


def test_the_names_of_a_macro_are_its_own() -> None:
    named = [each.path for each in references(GREET + "{{ greet(inputs.user) }}{{ mark }}")]  # type: ignore[union-attr]
    assert named == [("inputs", "user"), ("mark",)]
