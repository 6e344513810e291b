"""Templates that want time or memory for nothing, each rendered in a process of its own: a second and 256 MiB are the most that any of them gets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.expressions.contained import Cost

SECONDS, MEBIBYTES = 1.0, 256
EACH = "{% for i in 1..100000 %}{% set x = "
GROWING = "{% set l = [] %}{% for i in 1..100000 %}{% set l = [l, "
END = " %}{% endfor %}"
SHARED = "{% set l = [] %}{% for i in 1..40 %}{% set l = [l, l] %}{% endfor %}"
LONG = "{% set a = big ~ big ~ big ~ big ~ big ~ big ~ big ~ big ~ big ~ big %}{% set b = a ~ '' %}"
WIDE = "{% set w = '😀' ~ (big | replace({'a': 'aaaaaaaaaaaaaaaaaaaa'})) %}"
LISTS = "(big | replace({'a': '[],[],[],[],[],[],[],[],[],[],[],[],[],'}))"


def nested(tag: str, end: str, depth: int) -> str:
    return tag * depth + "1" + end * depth


@pytest.fixture(scope="module")
def cost_of() -> Iterator[Callable[[str], Cost]]:
    command = [sys.executable, "-m", "tests.expressions.contained"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answer = process.stdin, process.stdout

        def cost(template: str) -> Cost:
            ask.write(json.dumps(template) + "\n")
            ask.flush()
            return Cost(**json.loads(answer.readline()))

        yield cost
        ask.close()


@pytest.mark.parametrize(
    "template",
    [
        # texts that are long and looked at again and again
        LONG + EACH + "a == b" + END,
        LONG + EACH + "a < b" + END,
        LONG + EACH + "(a ~ 'é') >= b" + END,
        LONG + EACH + "a isIn [b]" + END,
        LONG + EACH + "[b] contains a" + END,
        LONG + EACH + "[b, a] | sort" + END,
        LONG + EACH + "[b, a] | distinct" + END,
        LONG + EACH + "a contains b" + END,
        LONG + EACH + "{a: 1}" + END,
        LONG + EACH + "map[a] ?? 1" + END,
        LONG + EACH + "b is json" + END,
        EACH + "big | startsWith('b')" + END,
        EACH + "(big ~ 'b') | substringBefore('aaaaaaaaaaaaaaaab')" + END,
        EACH + "big contains (big | slice(0, 50000)) ~ 'b'" + END,
        EACH + "emoji | first" + END,
        EACH + "emoji | slice(1, 3)" + END,
        EACH + "emoji | length" + END,
        EACH + "blank is empty" + END,
        EACH + "blank | trim" + END,
        EACH + "blank | title" + END,
        EACH + "blank | capitalize" + END,
        EACH + "blank | slugify" + END,
        EACH + "emoji | slugify" + END,
        EACH + "blank | nl2br" + END,
        EACH + "quotes | urlencode | urlencode" + END,
        EACH + "quotes | escapeChar('shell')" + END,
        EACH + "big | base64encode | base64decode" + END,
        EACH + "big | sha512" + END,
        EACH + "'0.1' | number" + END,
        EACH + "('1e300' | number('BIGDECIMAL')) + 1.5 + 1.5 + 1.5 + 1.5 + 1.5 + 1.5" + END,
        "{% set s = '0.1' | number %}" + EACH + "s + s + s + s + s + s + s + s + s + s" + END,
        "{{ (big ~ big ~ big ~ 'x') | number ?? 1 }}",
        "{{ (big | replace({'a': 'eeeeeeeeee'})) | number }}",
        EACH + "emoji | escape('js')" + END,
        EACH + "emoji | escape('css')" + END,
        EACH + "quotes | escape" + END,
        WIDE + "{{ w | escape('json') }}",
        # errors that nobody sees
        EACH + "nothing ?? 1" + END,
        EACH + "nothing ??? 1" + END,
        EACH + "nothing is defined" + END,
        EACH + "nothing | default(1)" + END,
        EACH + "map.kye ?? 1" + END,
        EACH + "map[i] ?? map[i] ?? map[i] ?? 1" + END,
        EACH + "map[big ~ i] ?? 1" + END,
        EACH + "numbers[200000] ?? 1" + END,
        "\n" * 900_000 + EACH + "nothing ?? 1" + END,
        # lists and maps that are large, or small in memory and endless on paper
        EACH + "map == map" + END,
        EACH + "map | merge(map)" + END,
        EACH + "map | toJson" + END,
        EACH + "numbers | reverse" + END,
        EACH + "numbers contains numbers" + END,
        EACH + "texts | sort" + END,
        EACH + "texts | distinct" + END,
        EACH + "texts | join(',')" + END,
        EACH + "[[[[1]]]] == [[[[1]]]]" + END,
        EACH + "[[1]] ~ ''" + END,
        EACH + "[3, 1, 2] | sort | distinct | join" + END,
        SHARED + "{{ l }}",
        SHARED + "{{ render(l) }}",
        SHARED + "{{ l ~ '' }}",
        SHARED + "{{ l | toJson }}",
        SHARED + "{{ l | flatten }}",
        SHARED + "{{ l | escapeChar('single') }}",
        SHARED + "{{ l isIn [1] }}",
        SHARED + "{{ l == [l | first, l | last, 1] }}",
        SHARED.replace("l", "m") + SHARED + "{{ m == l }}",
        # memory
        GROWING + "emoji ~ i]" + END,
        WIDE + GROWING + "w ~ i]" + END,
        WIDE + GROWING + "w | upper]" + END,
        WIDE + GROWING + "w | slice(1)]" + END,
        GROWING + "big ~ i]" + END,
        GROWING + "1..10000]" + END,
        GROWING + "numbers | chunk(1)]" + END,
        GROWING + "map | merge({i: 1})]" + END,
        GROWING + "[map] | merge(map)]" + END,
        GROWING + "render(map)]" + END,
        GROWING + "{1: {2: {3: {4: {5: {6: {7: {8: i}}}}}}}}]" + END,
        GROWING + "{}, {}, {}, {}, [], [], [], [], {1: 1}, {1: 1}, {1: 1}, {1: 1}]" + END,
        GROWING + "fromJson('[' ~ (big | replace({'a': '[],[],'})) ~ '1]')]" + END,
        "{{ fromJson('[' ~ " + LISTS + " ~ '1]') | length }}",
        "{{ ('[' ~ " + LISTS + " ~ '1]') is json }}",
        "[{% for i in 1..100000 %}[],[],[],[],[],[],[],[],[],[],[],[],[],{% endfor %}{{ [] }}]",
        '[{% for i in 1..70000 %}{"a":1},{"b":2},{"c":1},{"d":2},{"e":1},{"f":2},{% endfor %}{{ [] }}]',
        "{% for i in 1..100000 %}{{ big }}{% endfor %}",
        "{% for i in 1..100000 %}{{ map }}{% endfor %}",
        # sources
        "{{ 1 }}" * 140_000,
        "{{ 1 ~ 1 ~ 1 }}" * 3_000,
        "{% if true %}{% endif %}" * 40_000,
        "{{ " + "[1, " * 40 + "1" + "]" * 40 + " }}",
        "{{ [" + "1, " * 1_990 + "1] }}",
        nested("{% for x in numbers %}", "{% endfor %}", 15),
        nested("{% filter upper %}", "{% endfilter %}", 15),
        nested("{% if true %}", "{% endif %}", 15),
        "{% block a %}{{ block('a') }}{% endblock %}",
        "{% macro m(n) %}{{ n > 0 ? m(n - 1) ~ m(n - 1) : '' }}{% endmacro %}{{ m(39) }}",
        "{{ render(self_made) }}",
        EACH + "render('{{ 1 }}')" + END,
        EACH + "render('{{ ' ~ i ~ ' }}')" + END,
        # compiling
        EACH + "render('{{ [' ~ i ~ '" + ", 1" * 1_900 + "] }}')" + END,
        EACH + "render(i ~ '" + "{{ i }}" * 2_000 + "')" + END,
        EACH + "render('{{ map.kye' ~ i ~ ' }}') ?? 1" + END,
        # numbers
        EACH + "('1E9000' | number('BIGDECIMAL')) ~ ''" + END,
        EACH + "('1E-9000' | number('BIGDECIMAL')) + 1" + END,
        "{{ digits | number('BIGINTEGER') }}",
        "{{ ('1E10000' | number('BIGDECIMAL')) * ('1E10000' | number('BIGDECIMAL')) % 7 }}",
        "{{ 1..9223372036854775807 }}",
        "{{ range(9223372036854775807, 0 - 9223372036854775807, 0 - 1) }}",
        "{{ 'a' | indent(9223372036854775807) }}",
        "{{ 'a' | abbreviate(9223372036854775807) }}",
        "{{ numbers | chunk(9223372036854775807) }}",
        "{{ numbers | slice(0, 9223372036854775807) }}",
    ],
)
def test_a_template_has_a_second_and_a_little_memory(cost_of: Callable[[str], Cost], template: str) -> None:
    cost = cost_of(template)
    assert not cost.outcome.startswith("ended"), "the process did not live to tell"
    assert (cost.seconds <= SECONDS, cost.mebibytes <= MEBIBYTES) == (True, True), cost
