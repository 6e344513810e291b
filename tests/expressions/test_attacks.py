"""Templates are code from strangers: what they must not reach, and what they must not cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.expressions import ExpressionError, Expressions, Limits, Ports

LONGEST_SECONDS = 2.0  #: of processor time; the aim is one


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    start = time.thread_time()
    yield
    assert time.thread_time() - start < LONGEST_SECONDS


class Thing:
    """An object with everything that a template would love to find."""

    public = "public"

    def method(self) -> str:
        return "called"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ [].__class__.__base__ }}",
        "{{ {}.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ inputs.__init__.__globals__ }}",
        "{{ inputs.items() }}",
        "{{ inputs.items }}",
        "{{ inputs['keys'] }}",
        "{{ list.append(1) }}",
        "{{ list.append }}",
        "{{ list.__len__ }}",
        "{{ thing.public }}",
        "{{ thing['method'] }}",
        "{{ thing.method() }}",
        "{{ thing }}",
        "{{ [thing] }}",
        "{{ 'a' ~ thing }}",
        "{{ function }}",
        "{{ function() }}",
        "{{ '' | attr('__class__') }}",
        "{{ '' | attr('format') }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s' | format(1) }}",
        "{{ '{a.__init__}' | format_map(inputs) }}",
        "{{ list | map(attribute='__class__') }}",
        "{{ list | select('x') }}",
        "{{ list | tojson }}",
        "{{ x | pprint }}",
        "{{ self }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ cycler('a') }}",
        "{{ joiner() }}",
        "{{ lipsum() }}",
        "{{ namespace() }}",
        "{{ dict(a=1) }}",
        "{{ context }}",
        "{{ environment }}",
        "{{ missing }}",
        "{{ item }}",
        "{{ l_0_inputs }}",
        "{{ root }}",
        "{{ caller() }}",
        "{{ super() }}",
        "{{ request.application }}",
        "{{ config }}",
        "{{ get_flashed_messages() }}",
        "{{ __import__('os') }}",
        "{{ loop }}",
        "{% for x in list %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in list %}{{ loop.changed }}{% endfor %}",
        "{% set x = list.__class__ %}",
        "{% import 'os' as x %}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{% call x() %}{% endcall %}",
        "{% do x %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% filter attr('x') %}{% endfilter %}",
        "{% macro m(a) %}{{ inputs }}{% endmacro %}{{ m(1) }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m.name }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(__class__=1) }}",
        "{% macro m(a) %}{{ varargs }}{{ kwargs }}{{ caller() }}{% endmacro %}{{ m(1) }}",
        "{{ 2 ** 99 }}",
        "{{ 1 if true else 2 }}",
        "{{ lambda: 1 }}",
        "{{ (x for x in list) }}",
        "{{ x := 1 }}",
        "{{ a; b }}",
        "{{ inputs[1:2] }}",
        "{{ `id` }}",
        "{{ now(**inputs) }}",
        "{{ now(call=1) }}",
        "{{ 'a' | date(call=1) }}",
        "{{ 1 | default(value=2) }}",
    ],
)
def test_nothing_of_python_is_in_reach(text: Callable[..., str], template: str) -> None:
    with pytest.raises(ExpressionError):
        text(template, {"inputs": {}, "list": [1], "thing": Thing(), "function": len, "x": 1})


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", id="parentheses"),
        pytest.param("{{ " + "[" * 3000 + "]" * 3000 + " }}", id="lists"),
        pytest.param("{{ " + "{'a':" * 3000 + "1" + "}" * 3000 + " }}", id="maps"),
        pytest.param("{{ " + "not " * 3000 + "true }}", id="not"),
        pytest.param("{{ " + "-" * 3000 + "1 }}", id="minus"),
        pytest.param("{{ 'a'" + " | upper" * 5000 + " }}", id="filters"),
        pytest.param("{{ a" + ".b" * 5000 + " }}", id="keys"),
        pytest.param("{{ a" + "[a" * 500 + "]" * 500 + " }}", id="computed keys"),
        pytest.param("{{ 1" + " - 1" * 5000 + " }}", id="subtraction"),
        pytest.param("{{ 1" + " + 1" * 5000 + " }}", id="sum"),
        pytest.param("{{ " + "true ? " * 300 + "1" + " : 2" * 300 + " }}", id="ternaries"),
        pytest.param("{{ a" + " ?? a" * 3000 + " }}", id="coalescing"),
        pytest.param("{{ " + '"#{' * 300 + "1" + '}"' * 300 + " }}", id="interpolation"),
        pytest.param("{% if true %}" * 500 + "{% endif %}" * 500, id="ifs"),
        pytest.param("{% for x in 1..2 %}" * 30 + "{% endfor %}" * 30, id="loops in source"),
        pytest.param("{% if true %}" + "{% elseif true %}" * 30000 + "{% endif %}", id="elseifs"),
        pytest.param("{{ 1 }}" * 140_000, id="many expressions"),
        pytest.param("{{ '" + "a" * 20_000 + "' }}", id="long expression"),
        pytest.param("x" * 1_048_577 + "{{ 1 }}", id="long template"),
        pytest.param("{{ " + "9" * 5000 + " }}", id="digits"),
        pytest.param("{{ " + "9" * 5000 + ".0 }}", id="decimal digits"),
        pytest.param("{{ " + "{" * 1000 + " }}", id="open braces"),
        pytest.param("{% raw %}" * 20_000, id="raw"),
        pytest.param("{#" * 20_000, id="comments"),
        pytest.param("{{ '" * 20_000, id="quotes"),
        pytest.param('{{ "' + "#" * 15_000, id="hashes"),
        pytest.param('{{ "' + "\\" * 15_001 + '" }}', id="backslashes"),
    ],
)
def test_a_template_that_is_too_much_is_refused_when_read(text: Callable[..., str], template: str) -> None:
    with pytest.raises(ExpressionError):
        text(template, a={})


def nested_loops(depth: int) -> str:
    return "{% for x in 1..1000 %}" * depth + "{{ 1 }}" + "{% endfor %}" * depth


@pytest.mark.parametrize(
    "template",
    [
        nested_loops(3),
        nested_loops(10),
        "{% for x in 1..100000 %}{% for y in 1..100000 %}{% endfor %}{% endfor %}",
        "{{ 1..1000000000000 }}",
        "{{ range(0, 9223372036854775807) }}",
        "{{ range(0, 10, 0) }}",
        "{{ range(1, 100001) }}",
        "{% set a = 'x' %}{% for i in 1..1000 %}{% set a = a ~ a %}{% endfor %}",
        "{% set a = 'x' %}{% for i in 1..1000 %}{% set a = a + a %}{% endfor %}",
        '{% set a = "x" %}{% for i in 1..1000 %}{% set a = "#{a}#{a}" %}{% endfor %}',
        "{% set a = [1] %}{% for i in 1..1000 %}{% set a = a + a %}{% endfor %}",
        "{% set a = [1] %}{% for i in 1..1000 %}{% set a = a | merge(a) %}{% endfor %}",
        "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a }}",
        "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a | toJson }}",
        "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ 'x' ~ a }}",
        "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a | replace({'1': '2'}) }}",
        "{% set a = [1] %}{% set b = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% set b = [b, b] %}{% endfor %}{{ a == b }}",
        "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ [a] | distinct }}",
        "{% set a = 1 %}{% for i in 1..5000 %}{% set a = [a] %}{% endfor %}{{ a }}",
        "{% set a = 1 %}{% for i in 1..5000 %}{% set a = {'a': a} %}{% endfor %}{{ a | replace({'b': 'c'}) }}",
        "{% set a = 2 %}{% for i in 1..100 %}{% set a = a * a %}{% endfor %}",
        "{% set a = '1E9999' | number('BIGDECIMAL') %}{% for i in 1..60 %}{% set a = a * a %}{% endfor %}{{ a }}",
        "{{ '1E999999999' | number('BIGDECIMAL') }}",
        "{% for i in 1..100000 %}{{ big }}{% endfor %}",
        "{% for i in 1..100000 %}{% set x = big | upper %}{% endfor %}",
        "{% for i in 1..100000 %}{% set x = big | sha256 %}{% endfor %}",
        "{% set l = [] %}{% for i in 1..100000 %}{% set l = l + [big ~ i] %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() ?? m() }}",
        "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(38) }}",
        "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) ?? '' }}{{ m(n - 1) ?? '' }}{% endif %}{% endmacro %}{{ m(38) }}",
        "{% macro m(a) %}{{ a }}{{ a }}{% endmacro %}{% set a = 'x' %}{% for i in 1..1000 %}{% set a = m(a) %}{% endfor %}",
        "{% macro m() %}" + "x" * 16_000 + "{% endmacro %}{% for i in 1..100000 %}{% set a = m() %}{% endfor %}",
        "{% block b %}" + "x" * 16_000 + "{% endblock %}{% for i in 1..100000 %}{% set a = block('b') %}{% endfor %}",
        "{% block b %}{{ block('b') }}{% endblock %}",
        "{% for i in 1..100000 %}{% filter upper %}{{ big }}{% endfilter %}{% endfor %}",
        "{{ big | replace({'a': big}) }}",
        "{{ big | replace({'': big}) }}",
        "{{ big | replace({'a': '$0$0$0$0$0$0'}, true) | replace({'a': 'aaaaaaaa'}) | replace({'a': 'aaaaaaaa'}) }}",
        "{{ (big ~ big) | split('') }}",
        "{{ (big | split('') | join(big)) }}",
        "{{ 'a' | indent(100000000) }}",
        "{{ 'a' | nindent(100000000, big) }}",
        "{{ 'a' | nindent(100000000) }}",
        "{{ big | regexMatch('(?=a*b)') }}",
        "{{ big | regexMatch('(?=(a+)+b)') }}",
        "{{ big | regexMatch('(a+)+\\1b') }}",
        "{{ big | regexReplace('a.*b|a', '') }}",
        "{{ big | regexReplace('(?=a)', big) }}",
        "{{ big | regexMatch('((a{1,100}){1,100}){1,100}b') }}",
        "{{ big | regexMatch('[ab]*a[ab]{900}c[ab]{900}') }}{% for i in 1..99 %}{{ big | regexMatch('[ab]*a[ab]{900}c') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ 'x' | regexMatch('[\\p{L}&&[^\\p{Lu}]]' ~ i) }}{% endfor %}",
        "{% for i in 1..100000 %}{{ big | regexMatch('(?=a*b)b') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ 'x' | regexMatch('(?=x)a{9000}' ~ i) }}{% endfor %}",
        "{{ 'x' | regexMatch('(?iu)(?=x)[\\p{Lu}]{9000}') }}",
        "{{ 'x' | regexMatch('a{2147483647}') }}",
        "{{ 'x' | regexMatch('" + "(" * 500 + ")" * 500 + "') }}",
        "{{ fromJson(deep) }}",
        "{{ fromJson(digits) }}",
        "{{ [3, 'a', null] | sort }}",
        "{{ (1..100000) contains (1..100000) }}",
        "{{ (1..100000) - (1..100000) }}",
        "{% for i in 1..100000 %}{{ now('" + "y" * 150 + "') }}{% endfor %}",
        "{{ now('" + "y" * 2000 + "') }}",
        "{{ render(self_made) }}",
        "{{ render(raws) }}",
        "{{ render(repeated) }}",
        "{% set a = 1 %}{% set b = _context %}{% set c = _context %}{{ b ~ c }}",
        "{% for i in 1..100000 %}{{ _context.nope ?? '' }}{% endfor %}",
        "{{ 10 | dateAdd(9223372036854775807, 'DAYS') }}",
        "{{ 10 | dateAdd(9223372036854775807, 'YEARS') }}",
        "{{ 999999999999999 | date }}",
        "{% for i in 1..100000 %}{{ now('yyyy-MM-dd' ~ i) }}{% endfor %}",
        "{% for i in 1..100000 %}{{ now('" + "wYWe" * 50 + "', locale='fr') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ now('zzzzvvvv', 'Etc/GMT+' ~ i % 12, locale='fr') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ '" + "5-" * 80 + "5' | date(existingFormat='" + "d-" * 80 + "d') }}{% endfor %}",
        "{{ '" + "5" * 5000 + "' | date(existingFormat='" + "d" * 5000 + "') }}",
        "{{ now(timeZone='../../etc/passwd') }}",
        "{{ now(timeZone='" + "A" * 5000 + "') }}",
        "{{ now(timeZone='+99:00') }}",
    ],
)
def test_a_template_that_costs_too_much_is_ended(text: Callable[..., str], template: str) -> None:
    names: dict[str, Any] = {
        "big": "a" * 100_000,
        "deep": "[" * 100_000,
        "digits": "9" * 100_000,
        "raws": "{% raw %}" * 100_000,
        "repeated": "{% for i in 1..1000 %}{% raw %}" + "a" * 10_000 + "{% endraw %}{% endfor %}",
        "self_made": "{{ render(self_made) }}{{ render(self_made) }}",
    }
    with pytest.raises(ExpressionError):
        text(template, names)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("big | regexMatch('(a+)+$')", "true"),
        ("(big ~ 'b') | regexMatch('(a+)+$')", "false"),
        ("big | regexMatch('(a|aa)+$')", "true"),
        ("big | regexMatch('(a|a)*b')", "false"),
        ("big | regexMatch('a*a*a*a*a*b')", "false"),
        ("big | regexMatch('(.*)x(.*)y')", "false"),
        ("big | regexMatch('a{0,20}a{0,20}a{0,20}a{0,20}a{0,20}b')", "false"),
        ("big | regexMatch('a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaa')", "true"),
        ("big | regexMatch('a*b')", "false"),
        ("big | split('(a*)*b') | length", "1"),
        ("'x' | regexMatch('(a)\\1')", "false"),
        ("'aa' | regexMatch('(a)\\1')", "true"),
    ],
)
def test_a_pattern_that_could_take_for_ever_answers_at_once(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}", big="a" * 100_000) == wanted


def test_output_is_limited(ports: Ports) -> None:
    expressions = Expressions(Limits(output=1000))
    with pytest.raises(ExpressionError, match="longer than 1,000 characters"):
        expressions.text("{% for i in 1..200 %}0123456789{% endfor %}", {}, ports)
    with pytest.raises(ExpressionError, match="longer than 1,000 characters"):
        expressions.text("{{ x }}", {"x": ["a" * 2000]}, ports)


def test_failures_are_not_kept(expressions: Expressions, ports: Ports) -> None:
    for _ in range(3):
        with pytest.raises(ExpressionError):
            expressions.text("{{ ( }}", {}, ports)


def test_a_whole_script_passes(text: Callable[..., str]) -> None:
    script = "echo 'line'  # {curly} \n" * 40_000 + "echo {{ x }}\n"
    assert text(script, x=1) == script.replace("{{ x }}", "1")


def test_a_large_list_passes(typed: Callable[..., Any], text: Callable[..., str]) -> None:
    assert len(typed("{{ range(1, 100000) }}")) == 100_000
    assert text("{% for i in 1..10000 %}{{ i }}: {{ i * 2 }}\n{% endfor %}").count("\n") == 10_000


def test_a_rendered_value_does_not_become_part_of_the_code(text: Callable[..., str]) -> None:
    hostile = "\"\"\"'''\n}}{{ 1 }}{% raw %}\\x00\x00\ud800"
    assert text('{{ x }}|{{ \'a"""b\' }}', x=hostile) == hostile + '|a"""b'
    assert text("\"\"\"'''\\x00 {{ 1 }} \ud800\x00") == "\"\"\"'''\\x00 1 \ud800\x00"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(["{{ 1 }}"] * 200_000, id="many templates"),
        pytest.param({f"{{{{ {number} }}}}": number for number in range(30_000)}, id="many keys"),
        pytest.param(["{% for i in 1..100000 %}{% endfor %}"] * 50, id="many loops"),
        pytest.param([f"{{{{ render('{{{{ {number} }}}}') }}}}" for number in range(10_000)], id="many renders"),
        pytest.param([f"{number} {'{{ 1 }}' * 9_000}" for number in range(10)], id="many large templates"),
    ],
)
def test_a_value_of_many_templates_has_one_budget(expressions: Expressions, ports: Ports, value: Any) -> None:
    for render in (expressions.typed, expressions.nested_text):
        with pytest.raises(ExpressionError, match="too much work"):
            render(value, {}, ports)
