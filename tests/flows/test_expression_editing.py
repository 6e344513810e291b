"""Expressions inside of flows while they are written: what is offered, and what is said of a word."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.expressions.language import TAGS
from service.expressions.registry import names
from service.flows.completion import complete
from service.flows.editing.templates import unfinished
from service.flows.hover import hover as hover_at
from tests.flows.editing import hover, items, labels, written
from tests.flows.world import CATALOGUE, LOG, RETURN

HEAD = """\
id: x
namespace: dev
labels:
  - {key: team, value: data}
  - {key: cost.centre, value: "7"}
inputs:
  - {id: day, type: DATE, description: The day.}
  - {id: my-id, type: STRING}
variables: {a: {b: 1}}
tasks:
"""
FIRST = f"  - {{id: first, type: {RETURN}, format: x}}\n"
LOOP = f"  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n    values: [1]\n    tasks:\n      - id: a\n        type: {LOG}\n        message: "


def flow(message: str) -> str:
    """A flow whose last task has this message, as it is written in the file."""
    return f"{HEAD}{FIRST}  - id: a\n    type: {LOG}\n    message: {message}\n"


def first(text: str, count: int = 3) -> list[str]:
    return labels(flow(text))[:count]


def begins(text: str, found: list[str]) -> bool:
    """Whether these are offered first; nothing, where there are none."""
    offered = labels(flow(text))
    return offered[: len(found)] == found if found else not offered


# names


def test_what_only_loops_have_is_offered_in_loops():
    assert {"item", "parent", "parents"} & set(labels(flow('"{{ ¦'))) == set()
    assert {"item", "parent", "parents"} <= set(labels(f'{HEAD}{LOOP}"{{{{ ¦'))
    assert labels(f'{HEAD}{LOOP}"{{{{ item.¦') == ["value", "index", "key"]
    assert labels(f'{HEAD}{LOOP}"{{{{ parents[0].¦') == ["taskrun", "outputs"]
    assert labels(f'{HEAD}{LOOP}"{{{{ parent.taskrun.¦') == ["value", "iteration"]


def test_labels_are_offered_in_all_their_forms():
    assert first('"{{ labels.¦') == ["team", "cost", "system"]
    assert first('"{{ labels.cost.¦') == ["centre"]
    assert first('"{{ labels.system.¦') == ["from", "correlationId"]


def test_the_states_of_tasks_are_offered():
    assert first('"{{ tasks.¦') == ["first"]
    assert first('"{{ tasks.first.¦') == ["state"]


# the parts of a template


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ now(¦", ["format", "timeZone", "existingFormat"]),
        ("{{ now('iso', ¦", ["timeZone", "existingFormat", "locale"]),
        ("{{ now(timeZone='UTC', loc¦", ["locale"]),
        ("{{ x | date(¦", ["format", "timeZone", "existingFormat"]),
        ("{{ x | date(format = max(1, 2), ¦", ["timeZone", "existingFormat", "locale"]),
        ("{{ {'a': [now(existi¦", ["existingFormat"]),
        ("{{ now(format=inp¦", ["inputs"]),
        ("{{ ([1, 2])(form¦", []),
    ],
)
def test_arguments_of_a_call_are_offered_by_their_names(text: str, found: list[str]):
    assert first(f'"{text}') == found


def test_an_argument_is_written_with_its_sign():
    assert "now(format=" in written(flow('"{{ now(fo¦'), "format")


@pytest.mark.parametrize("text", ["{% ¦", "{%¦", "{%- ¦", "{% ¦ %}"])
def test_tags_are_offered_at_their_beginning(text: str):
    assert labels(flow(f'"{text}')) == [*TAGS]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% i¦", ["if"]),
        ("{% if true %}a{% e¦", ["endif", "else", "elseif"]),
        ("{% for x in [] %}{% if x %}a{% endif %}{% end¦", ["endfor"]),
        ("{% if a %}{% for x in [] %}{% end¦", ["endfor"]),
        ("{% if a %}{% endif %}{% end¦", []),
        ("{% for ¦", []),
        ("{% for x ¦", ["in"]),
        ("{% for x in inp¦", ["inputs"]),
        ("{% set ¦", []),
        ("{% set x = inp¦", ["inputs"]),
        ("{% if x is not od¦", ["odd"]),
        ("{% elseif inp¦", ["inputs"]),
        ("{% filter upp¦", ["upper"]),
        ("{{ x is not def¦", ["defined"]),
        ("{{ not inp¦", ["inputs"]),
        ("{{ inputs.day con¦", ["contains"]),
        ("{{ 'a' is¦", ["is", "is not", "isIn"]),
        ("{{ (1) equ¦", ["equals"]),
        ("{{ inputs.is inp¦", []),
        ("{{ a ? inp¦", ["inputs"]),
        ("{{ a.b ?? inp¦", ["inputs"]),
        ('{{ \\"#{inp¦', ["inputs"]),
        ("{{ [inp¦", ["inputs"]),
        ("{{ {'a': inp¦", ["inputs"]),
        ("{{ {'a': {'b': 1}} | upp¦", ["upper"]),
        ("{{ a['x'].¦", []),
        ("{{ 1¦", []),
        ("{# {{ inp¦", []),
        ("{# {{ #}{{ inp¦", ["inputs"]),
        ("{% raw %}{{ inp¦", []),
        ("{% raw %}{{ {% endraw %}{{ inp¦", ["inputs"]),
        ("{{ inputs. }} {{ 'a {{ inputs.d¦", ["day"]),
    ],
)
def test_what_may_stand_there_is_offered(text: str, found: list[str]):
    assert begins(f'"{text}', found)


def test_names_that_the_template_gives_are_offered_where_they_are_known():
    assert begins('"{% for row in [1] %}{{ ro¦', ["row"])
    assert "row" not in labels(flow('"{% for row in [1] %}{% endfor %}{{ ro¦'))
    assert begins('"{% for row in [1] %}{{ loop.¦', ["index", "length", "first", "last", "revindex"])
    assert begins('"{% set total = 1 %}{{ tot¦', ["total"])
    assert begins('"{% for x in [1] %}{% set total = 1 %}{{ tot¦', ["total"])
    assert not begins('"{% for x in [1] %}{% set total = 1 %}{% endfor %}{{ tot¦', ["total"])
    assert not begins('"{% macro m(a) %}{% set total = 1 %}{% endmacro %}{{ tot¦', ["total"])
    assert begins('"{% if true %}{% set total = 1 %}{% endif %}{{ tot¦', ["total"])
    assert begins('"{% macro greet(who) %}{{ wh¦', ["who"])
    text = '"{% macro greet(who, how=1) %}{% endmacro %}{{ gre¦'
    assert first(text) == ["greet"]
    assert "{{ greet(" in written(flow(text), "greet")
    assert first('"{% macro greet(who, how=1) %}{% endmacro %}{{ greet(¦', 2) == ["who", "how"]


def test_every_filter_test_and_function_is_offered():
    assert sorted(labels(flow('"{{ x | ¦'))) == names("filter")
    assert sorted(labels(flow('"{{ x is ¦'))) == sorted([*names("test"), "defined"])
    assert set(names("function")) <= set(labels(flow('"{{ ¦')))


# styles of scalars


@pytest.mark.parametrize(
    "message",
    [
        "{{ inputs.¦",
        "a {{ inputs.¦",
        "'{{ inputs.¦",
        '"{{ inputs.¦',
        '"a\n      b {{ inputs.¦',
        '"{{\n      inputs.¦ }}"',
        '"{{ 1 +\n      2 +\n\n      inputs.¦ }}"',
        "'{{\n      inputs.¦ }}'",
        "text\n      goes on {{ 1 +\n      inputs.¦ }}",
        '"{{ a ?\n      x : 1 +\n      inputs.¦ }}"',
        '"{{ \\"a\\" ~ inputs.¦',
        "'{{ ''a'' ~ inputs.¦",
        "|\n      {{ inputs.¦",
        "|\n      {{\n        inputs.¦",
        ">-\n      some\n      text {{ 'a\n      b' ~\n\n      inputs.¦ }}",
        "[a, '{{ inputs.¦']",
        "['a',\n      \"{{ inputs.¦",
    ],
)
def test_every_style_of_scalar_is_completed(message: str):
    assert first(message) == ["day", "my-id"]


@pytest.mark.parametrize(
    "message",
    ['"{{ inputs.\n    level: in¦', "'{{ inputs.day }}\n      inputs.¦'", "|\n      {{ inputs.day }}\n      inputs.¦", '"{{ inputs.day"\n  - inp¦'],
)
def test_what_is_outside_of_an_expression_is_not_taken_for_one(message: str):
    assert "day" not in labels(flow(message))


def test_quotes_are_doubled_where_the_scalar_has_them_already():
    assert "'{{ inputs[''my-id'']" in written(flow("'{{ inputs.my¦"), "my-id")
    assert "\"{{ inputs['my-id']" in written(flow('"{{ inputs.my¦'), "my-id")
    assert "      {{ inputs['my-id']" in written(flow("|\n      {{ inputs.my¦"), "my-id")


# hovering


def test_a_name_leads_to_where_it_is_defined():
    for text, word in (
        ('"{{ inputs.d¦ay }}"', "day"),
        ('"{{ outputs.fi¦rst.value }}"', "first"),
        ('"{{ vars.¦a }}"', "a"),
        ("\"{{ inputs['my-¦id'] }}\"", "my-id"),
        (">\n      one\n      {{ 1 +\n      inputs.d¦ay }}", "day"),
    ):
        found = hover(flow(text))
        assert found is not None
        assert found.target is not None
        line = flow(text).split("\n")[found.target.line - 1]
        assert line[found.target.column - 1 : found.target.end - 1] == word
        assert found.markdown.endswith(f"Defined in line {found.target.line}.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% f¦or x in [] %}", "**{% for x in list %} … {% else %} … {% endfor %}** tag\n\nOnce for every item"),
        ("{{ 1 i¦s odd }}", "**is** operator\n\nA test."),
        ("{{ 1 is o¦dd }}", "**odd()** test\n\nAn odd number."),
        ("{{ x is defin¦ed }}", "**defined** test\n\nWhether a name is known"),
        ("{{ now(form¦at='iso') }}", "**format** argument now([format], [timeZone], [existingFormat], [locale])"),
        ("{% set total = 1 %}{{ tot¦al }}", "**total** variable\n\nSet by the template."),
        ("{% macro m(a) %}{% endmacro %}{{ ¦m(1) }}", "**m(a)** macro\n\nA macro of this template."),
        ("{{ x | da¦te('iso') }}", "**date([format], [timeZone], [existingFormat], [locale])** filter\n\nA date as text"),
    ],
)
def test_a_part_of_the_language_says_what_it_does(text: str, words: str):
    found = hover(flow(f'"{text}"'))
    assert found is not None
    assert found.markdown.startswith(words)


@pytest.mark.parametrize("text", ["{{ 'in¦puts' }}", "{{ nob¦ody }}", "{{ inputs.nob¦ody }}", "{{ inputs }} inp¦uts", "{# inp¦uts #}", "{{ 4¦2 }}"])
def test_of_other_words_nothing_is_said(text: str):
    found = hover(flow(f'"{text}"'))
    assert found is None or found.markdown.startswith("**message**")


# hostile texts

_HOSTILE = {
    "names": "a." * 9_000,
    "brackets": "((((" * 4_000,
    "quotes": "'\\" * 9_000,
    "openings": "{{ '" * 4_000,
    "tags": "{% for x in y %}" * 1_200,
    "ends": "{% for x in y %}" * 600 + "{% endif %}" * 900,
    "interpolations": '{{ "#{' * 3_000,
    "escapes": '"' + "\\" * 19_000,
    "keys": "a['b']" * 3_000,
    "closings": "}}%}" * 4_000,
    "hyphens": "a.-" * 6_000,
}


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
@pytest.mark.parametrize("before", ["{{ ", "|\n      {{ ", '"{{ '])
def test_a_hostile_text_costs_no_time(text: str, before: str):
    whole = f"{HEAD}  - id: a\n    type: {LOG}\n    message: {before}{text}"
    lines = whole.split("\n")
    complete(HEAD, 1, 1, CATALOGUE)  # reads the classes of the language, once
    started = time.process_time()
    complete(whole, len(lines), len(lines[-1]) + 1, CATALOGUE)
    hover_at(whole, len(lines), len(lines[-1]), CATALOGUE)
    assert time.process_time() - started < 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abinputs.|'\"#{}%[]()=, \n\\-0?:x", max_size=80))
@example("'{%0")
def test_any_text_has_an_answer(text: str):
    found = unfinished("{{ " + text)
    assert found is None or all(word.text == ("{{ " + text)[word.start : word.end] for word in found.words)
    for line, part in enumerate(text.split("\n"), 1):
        items(f"message: '{{{{ {text}¦")
        hover_at("{{ " + text, line, len(part), CATALOGUE)
