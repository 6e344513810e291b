"""The 32 differences between this language and Jinja2's, one row of `KESTRA.md` 7.6 after the other: what we answer, and what plain Jinja2 does.

An error is written as the name of its class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
import pytest

from service.expressions import ExpressionError, truthy

NAMES: dict[str, Any] = {
    "yes": True,
    "list": [1, 2, 3],
    "map": {"a": 1, "n": None},
    "numbered": {"1": "one"},
    "outputs": {"my-task": {"x": 1}},
}
SYNTAX, NO_FILTER = "TemplateSyntaxError", "TemplateAssertionError"
OURS = [
    # row, template, what we answer, what plain Jinja2 answers
    (1, "{{ nothing ?? 'x' }}", "x", SYNTAX),
    (1, "{{ none ?? 'x' }}", "x", SYNTAX),
    (1, "{{ none ??? 'x' }}|", "|", SYNTAX),
    (1, "{{ nothing.at.all ??? 'x' }}", "x", SYNTAX),
    (2, "{{ yes ? 'a' : nothing.at.all }}", "a", SYNTAX),
    (2, "{{ none ? 'a' : 'b' }}", "b", SYNTAX),
    (2, "{{ 'a' if yes else 'b' }}", "ExpressionError", "a"),
    (3, "{{ list contains [1, 2] }}", "true", SYNTAX),
    (3, "{{ '1' isIn list }}", "true", SYNTAX),
    (3, "{{ 1 equals 1.0 }}", "true", SYNTAX),
    (3, "{{ 1 in list }}", "ExpressionError", "True"),
    (4, "{{ 'a' ~ 'b' | upper }}", "AB", "aB"),
    (5, "{{ not 0 == 1 }}", "false", "True"),
    (6, "{{ 1 == [1] is iterable }}", "false", "True"),
    (6, "{{ [true] contains 1 == 1 }}", "true", SYNTAX),
    (7, "{{ 1..3 | length }}", "3", SYNTAX),
    (7, "{{ list | first.x }}", "ExpressionError", NO_FILTER),
    (8, "{{ range(start=1, end=2) }}", "[1,2]", "TypeError"),
    (8, "{{ 'a-b' | replace(replace_pairs={'a': 'c'}) }}", "c-b", "TypeError"),
    (9, "{{ {'a': [1]} }}", '{"a":[1]}', "{'a': [1]}"),
    (9, "{{ [7, 8][1] }}", "ExpressionError", "8"),
    (9, "{{ {'a': 1}.a }}", "ExpressionError", "1"),
    (10, "{{ 1..3 }}", "[1,2,3]", SYNTAX),
    (10, "{{ 'a'..'c' }}", '["a","b","c"]', SYNTAX),
    (10, "{{ range(1, 3) | join(',') }}", "1,2,3", "1,2"),
    (11, "{{ '\\n' | length }}", "2", "1"),
    (11, "{{ 'it\\'s \\\\d' }}", "it's \\\\d", "it's \\d"),
    (11, '{{ "\\t\\"" }}', '\\t"', '\t"'),
    (12, '{{ "a#{1 + 1}" }}', "a2", "a#{1 + 1}"),
    (13, "{{ {'a': [true, none]} }}", '{"a":[true,null]}', "{'a': [True, None]}"),
    (13, "{{ none }}|{{ yes }}", "|true", "None|True"),
    (14, "{{ nothing }}", "UndefinedError", ""),
    (14, "{{ map.z }}", "UndefinedError", ""),
    (14, "{{ map.n.z }}", "UndefinedError", ""),
    (14, "{{ map.n }}", "", "None"),
    (15, "{{ '' | default('x') }}", "x", ""),
    (15, "{{ ' ' | default('x') }}", "x", " "),
    (15, "{{ map.n | default('x') }}", "x", "None"),
    (15, "{{ [] | default('x') }}", "x", "[]"),
    (16, "{{ list[-1] }}", "UndefinedError", "3"),
    (16, "{{ list[3] }}", "UndefinedError", ""),
    (16, "{{ numbered[1] }}", "one", ""),
    (17, "{{ 'a'.upper() }}", "ExpressionError", "A"),
    (17, "{{ map.get('a') }}", "ExpressionError", "1"),
    (17, "{{ 'a'.__class__.__name__ }}", "ExpressionError", "str"),
    (17, "{{ map.items is defined }}", "false", "True"),
    (19, "{{ TRUE }}{{ FALSE }}", "truefalse", ""),
    (19, "{{ NULL is null }}", "true", NO_FILTER),
    (19, "{{ True }}", "UndefinedError", "True"),
    (20, "{% for x in list %}{{ loop.index }}{{ loop.revindex }} {% endfor %}", "02 11 20 ", "13 22 31 "),
    (20, "{% for e in map %}{{ e.key }}={{ e.value }} {% endfor %}", "a=1 n= ", "= = "),
    (20, "{% for x in none %}{{ x }}{% endfor %}", "", "TypeError"),
    (20, "{% for x in list %}{{ loop.index0 }}{% endfor %}", "UndefinedError", "012"),
    (21, "{% if false %}a{% elseif true %}b{% endif %}", "b", SYNTAX),
    (21, "{% if false %}a{% elif true %}b{% endif %}", "ExpressionError", "b"),
    (21, "{% verbatim %}{{ x }}{% endverbatim %}", "{{ x }}", SYNTAX),
    (21, "{% include 'x' ignore missing %}", "ExpressionError", "TypeError"),
    (21, "{% set y = 0 %}{% for x in list %}{% set y = y + x %}{% endfor %}{{ y }}", "6", "0"),
    (21, "{% set x %}text{% endset %}{{ x }}", "ExpressionError", "text"),
    (22, "{{ 7 / 2 }}", "3", "3.5"),
    (22, "{{ -7 / 2 }}", "-3", "-3.5"),
    (22, "{{ -7 % 3 }}", "-1", "2"),
    (22, "{{ 100.0 * 1000000 }}", "1.0E8", "100000000.0"),
    (22, "{{ 'a' + 1 }}", "a1", "TypeError"),
    (22, "{{ 'a' * 2 }}", "ExpressionError", "aa"),
    (23, "{{ none | first }}|", "|", "TypeError"),
    (23, "{{ none | length }}", "0", "TypeError"),
    (23, "{{ [1, none] | join('-') }}", "1-null", "1-None"),
    (23, "{{ 'abc' | reverse }}", "ExpressionError", "cba"),
    (23, "{{ ['b', 'A'] | sort }}", '["A","b"]', "['A', 'b']"),
    (23, "{{ ['a', 'B'] | sort | first }}", "B", "a"),
    (24, "{{ 'a1b' | regexReplace('([a-z])1', '$1-') }}", "a-b", NO_FILTER),
    (24, "{{ 'a1b2' | replace({'[0-9]': '#'}, true) }}", "a#b#", "a1b2"),
    (24, "{{ 'a.b' | split('[.]') }}", '["a","b"]', NO_FILTER),
    (25, "{{ list | slice(1, 2) | join(',') }}", "2", "[1, 2, 3, 2]"),
    (25, "{{ list | slice(1, 9) | join(',') }}", "ExpressionError", "[1, 2, 3, 9]"),
    (26, "{{ '2024-03-05' | date('EEE d MMM yyyy') }}", "Tue 5 Mar 2024", NO_FILTER),
    (27, "{{ 1234.5 | numberformat('#,##0.00') }}", "1,234.50", NO_FILTER),
    (28, "{% if true %}\nx{% endif %}\n", "\nx\n", "\nx"),
    (28, "{#- a -#} x {{- 1 }}\n", "x1\n", "x1"),
    (29, "plain {not} a template\n", "plain {not} a template\n", "plain {not} a template"),
    (29, "SELECT '{{ 'x' }}' {% if yes %}LIMIT 1{% endif %}\n", "SELECT 'x' LIMIT 1\n", "SELECT 'x' LIMIT 1"),
    (30, "{{ map | jq('.a') }}", "[1]", NO_FILTER),
    (32, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "ExpressionError", "RecursionError"),
    (32, "{{ render(loop_of_itself) }}", "ExpressionError", "UndefinedError"),
]


def plainly(template: str) -> str:
    """What Jinja2 makes of it."""
    try:
        return jinja2.Environment().from_string(template).render(NAMES)
    except Exception as error:  # noqa: BLE001  (whatever it is, its name is the answer)
        return type(error).__name__


def ours(text: Callable[..., str], template: str) -> str:
    try:
        return text(template, NAMES, loop_of_itself="{{ render(loop_of_itself) }}")
    except ExpressionError as error:
        return type(error).__name__


@pytest.mark.parametrize(("row", "template", "wanted", "jinja2s"), OURS)
def test_a_row_of_the_table(text: Callable[..., str], row: int, template: str, wanted: str, jinja2s: str) -> None:
    assert wanted != jinja2s, f"row {row} has no difference here"
    assert (ours(text, template), plainly(template)) == (wanted, jinja2s)


def test_row_18_a_hyphen_is_a_subtraction_and_the_message_says_what_to_write(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match=r"a name with a hyphen is written `outputs\['my-task'\]`"):
        text("{{ outputs.my-task.x }}", NAMES)
    with pytest.raises(jinja2.UndefinedError, match="'task' is undefined"):
        jinja2.Environment().from_string("{{ outputs.my-task.x }}").render(NAMES)


def test_row_31_the_text_false_is_true_in_a_template_and_false_as_a_condition(text: Callable[..., str]) -> None:
    assert text("{% if 'false' %}a{% endif %}{{ not 'false' }}{{ 'false' and true }}") == "afalsetrue"
    assert [truthy("false"), truthy("true")] == [False, True]
    assert plainly("{% if 'false' %}a{% endif %}{{ not 'false' }}{{ 'false' and true }}") == "aFalseTrue"


def test_every_row_is_here() -> None:
    assert {case[0] for case in OURS} | {18, 31} == set(range(1, 33))
