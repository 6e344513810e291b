"""Mistakes: said in words, with their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.expressions import ExpressionError, UndefinedError

NAMES = {
    "inputs": {"user": "x", "count": 3},
    "outputs": {"my-task": {"x": 1}, "poll_api": {"code": 200}, "none": None},
    "list": [1, 2],
    "empty": {},
}


@pytest.mark.parametrize(
    ("template", "place", "message"),
    [
        # names
        ("{{ inputz.user }}", (1, 4), "`inputz` is not defined; did you mean `inputs`?"),
        ("{{ Inputs.user }}", (1, 4), "`Inputs` is not defined; did you mean `inputs`?"),
        ("a\nb {{ inputs.usr }}", (2, 13), "`inputs` has no `usr`; did you mean `user`?"),
        ("{{ outputs.my-task.x }}", (1, 12), "`outputs` has no `my`; a name with a hyphen is written `outputs['my-task']`"),
        ("{{ outputs.poll_api.zzzz }}", (1, 21), "`outputs.poll_api` has no `zzzz`; it has `code`"),
        ("{{ outputs.none.x }}", (1, 17), "`outputs.none` is null, it has no `x`"),
        ("{{ inputs.user.length }}", (1, 16), "`inputs.user` is text, it has no `length`"),
        ("{{ list[2] }}", (1, 9), "`list` is a list without item 2: its items are numbered 0 to 1"),
        ("{{ list[-1] }}", (1, 9), "`list` is a list without item -1"),
        ("{{ list.first }}", (1, 9), "`list` is a list: it has items by number, no `first`"),
        ("{{ empty['x' ~ 1] }}", (1, 10), "`empty` has no `x1`: it is empty"),
        # functions and filters
        ("{{ inputs.user | uper }}", (1, 18), "there is no filter `uper`; did you mean `upper`?"),
        ("{{ subflow('a') }}", (1, 4), "`subflow(namespace, id, inputs, revision, labels, timeout)` needs the argument `id`"),
        ("{{ secrt('a') }}", (1, 4), "there is no function `secrt`; did you mean `secret`?"),
        ("{{ upper('a') }}", (1, 4), "`upper` is a filter, not a function: write `… | upper`"),
        ("{{ 1 is evn }}", (1, 9), "there is no test `evn`; did you mean `even`?"),
        ("{{ secret() }}", (1, 4), "`secret(key, namespace, subkey, full)` needs the argument `key`"),
        ("{{ 'a' | upper(1) }}", (1, 10), "`upper()` takes at most 0 arguments, not 1"),
        ("{{ now(fmt='yyyy') }}", (1, 8), "`now(format, timeZone, existingFormat, locale)` has no argument `fmt`"),
        ("{{ now('yyyy', format='yyyy') }}", (1, 16), "the argument `format` is given twice"),
        ("{{ now(format='a', 'b') }}", (1, 20), "an argument without a name can't follow named ones"),
        ("{{ 1 | trim }}", (1, 8), "`trim` takes text, not a number"),
        ("{{ secret('NOPE') }}", (1, 4), "the secret `NOPE` is not available"),
        ("{{ fromJson('{') }}", (1, 4), "this text is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("{{ 'abc' | slice(1, 9) }}", (1, 12), "`slice(1, 9)` reaches behind the end: there are 3"),
        ("{{ now('bb') }}", (1, 4), "the date pattern `bb` holds the letter `b`"),
        ("{{ now(timeZone='Mars/Base') }}", (1, 4), "there is no time zone `Mars/Base`"),
        ("{{ 'x' | date }}", (1, 10), "`x` can't be read as a date"),
        # syntax
        ("{{ inputs.user", (1, 1), "this `{{` is never closed"),
        ("{% if true", (1, 1), "this `{%` is never closed"),
        ("{{ (1 }}", (1, 4), "this `(` is never closed"),
        ("{{ [1) }}", (1, 6), "`)` does not close the `[`"),
        ("{{ 1) }}", (1, 5), "unexpected `)`"),
        ("{{ }}", (1, 4), "an expression is missing between `{{` and `}}`"),
        ("{{ 1 2 }}", (1, 6), "expected `}}` after the expression, found `2`"),
        ("{{ 1 + }}", (1, 8), "expected a value, found `}}`"),
        ("{{ 'abc }}", (1, 4), "this text is never closed by `'`"),
        ('{{ "abc }}', (1, 4), 'this text is never closed by `"`'),
        ("{{ a && b }}", (1, 6), "unexpected character `&`; `and` is a word here"),
        ("{{ a.upper() }}", (1, 6), "`upper` can't be called: values have no methods"),
        ("{{ (a)(1) }}", (1, 7), "this value can't be called"),
        ("{# never", (1, 1), "this comment is never closed"),
        ("${#list[@]}", (1, 2), "this comment is never closed"),
        ("{% raw %} x", (1, 1), "this `raw` block is never closed by {% endraw %}"),
        ("{% if true %}x", (1, 4), "this `if` is never closed by {% endif %}"),
        ("\n\n{% for x in list %}x", (3, 4), "this `for` is never closed by {% endfor %}"),
        ("{% endif %}", (1, 4), "`endif` without the tag that it belongs to"),
        ("{% endraw %}", (1, 4), "`endraw` without the tag that it belongs to"),
        ("{% raw %}{% raw %}{% endraw %}{% endraw %}", (1, 34), "`endraw` without the tag that it belongs to"),
        ("{% endverbatim %}", (1, 4), "`endverbatim` without the tag that it belongs to"),
        ("{% autoescape false %}", (1, 4), "there is no tag `autoescape`: nothing is escaped here"),
        ("{{ list[null] }}", (1, 9), "it has items by number, no `null`"),
        ("{{ list[true] }}", (1, 9), "it has items by number, no `true`"),
        ("{{ ({1: 'a'})[true] }}", (1, 15), "has no `true`"),
        ("{% elif x %}", (1, 4), "there is no tag `elif`; it is written `elseif`"),
        ("{% fro x in y %}", (1, 4), "there is no tag `fro`; did you mean `for`?"),
        ("x {% include 'a' %}", (1, 6), "the tag `include` is not allowed here"),
        ("{% macro m() %}", (1, 4), "this `macro` is never closed by {% endmacro %}"),
        ("{% import 'a' %}", (1, 4), "the tag `import` is not allowed here"),
        ("{% extends 'a' %}", (1, 4), "the tag `extends` is not allowed here"),
        ("{% embed 'x' %}", (1, 4), "the tag `embed` is not allowed here"),
        ("{% from 'x' import y %}", (1, 4), "the tag `from` is not allowed here"),
        ("{% block x %}", (1, 4), "this `block` is never closed by {% endblock %}"),
        ("{% set true = 1 %}", (1, 8), "`true` is a constant"),
        ("{% set x 1 %}", (1, 10), "expected `=` after `set x`, found `1`"),
        ("{% for x of list %}", (1, 10), "expected `in` after `for x`, found `of`"),
        ("{% for x in 5 %}{% endfor %}", (1, 13), "`for` goes over lists and maps, not over a number"),
        ("{% for x in 'abc' %}{% endfor %}", (1, 13), "`for` goes over lists and maps, not over text"),
        ("{% if null %}{% endif %}", (1, 7), "null is neither true nor false"),
        ("{% if %}{% endif %}", (1, 7), "`if` needs a condition"),
        ("{{ true ? 1 }}", (1, 13), "expected `:` of `… ? … : …`, found `}}`"),
        ("{{ 99999999999999999999 }}", (1, 4), "this number does not fit into 64 bits"),
        ("line\n  {{ 1 / 0 }}", (2, 8), "division by zero"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: Callable[..., str], template: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        text(template, {**NAMES, "a": 1, "b": 2})
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place
    assert f"line {place[0]}, column {place[1]}" in str(caught.value)


@pytest.mark.parametrize(
    "expression", ["nope", "inputs.nope", "inputs.nope.x", "outputs.none.x", "list[5]", "inputs.user.x", "inputs['nope']", "inputs['no' ~ 'pe']"]
)
def test_what_is_not_there_is_an_error_that_can_be_forgiven(text: Callable[..., str], expression: str) -> None:
    with pytest.raises(UndefinedError):
        text("{{ " + expression + " }}", NAMES)
    assert text("{{ " + expression + " ?? 'x' }}", NAMES) == "x"
    assert text("{{ " + expression + " ??? 'x' }}", NAMES) == "x"
    assert text("{{ " + expression + " | default('x') }}", NAMES) == "x"
    assert text("{{ " + expression + " | upper | default('x') }}", NAMES) == "x"
    assert text("{{ " + expression + " is defined }}", NAMES) == "false"


@pytest.mark.parametrize("expression", ["1 / 0", "'a' * 2", "secret('NOPE')", "fromJson('{')", "list | trim"])
def test_other_mistakes_are_not_forgiven(text: Callable[..., str], expression: str) -> None:
    with pytest.raises(ExpressionError):
        text("{{ (" + expression + ") ?? 'x' }}", NAMES)


def test_a_value_that_can_not_be_printed_has_the_place_of_its_expression(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match="another kind can't be printed") as caught:
        text("a {{ inputs.user }}\n b {{ thing.odd }}", {**NAMES, "thing": {"odd": object()}})
    assert caught.value.line == 2


def test_an_argument_may_have_the_name_of_anything_inside(text: Callable[..., str]) -> None:
    assert text("{{ env(name='region') }}{{ env(default='x', name='nowhere') }}") == "eux"
