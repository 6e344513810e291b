"""Text around expressions, tags, modes, and what a scope is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from service.expressions import ExpressionError, Expressions, Ports, truthy


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("no expression", "no expression"),
        ("{ not: one }", "{ not: one }"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("", ""),
        ("a{{ 1 }}b{{ 2 }}c", "a1b2c"),
        ("{{1}}", "1"),
        ("{{ 1 }}\n", "1\n"),
        ("{% if true %}\nx\n{% endif %}\n", "\nx\n\n"),
        ("a {# hidden {{ x }} #} b", "a  b"),
        ("a {#- hidden -#} b", "ab"),
        ("a {#- hidden #} b", "a b"),
        ("a {# hidden -#} b", "a b"),
        ("a {#hidden#} b", "a  b"),
        ("a {#-hidden-#} b", "a  b"),
        ("a {#-----#} b", "a  b"),
        ("a {#--- hidden ---#} b", "a  b"),
        ("a {#-#} b", "a  b"),
        ("a {##} b", "a  b"),
        ("a {{ 1 -}} {#- c -#} {{- 2 }} b", "a 12 b"),
        ("a\u00a0{{- 1 -}}\u202fb", "a\u00a01\u202fb"),
        ("a\u3000\n{{- 1 -}}\x1fb", "a1b"),
        ("{{ 0012 + 00000000000000000000000000 }}", "12"),
        ("a {{- ' x ' -}} b", "a x b"),
        ("a  {%- if true -%}  x  {%- endif -%}  b", "axb"),
        ("{{-1}}", "-1"),
        ("{{ 'it\\'s' }}", "it's"),
        ('{{ "say \\"hi\\"" }}', 'say "hi"'),
        ("{{ '\\n' }}", "\\n"),
        ("{{ '\\\\d' }}", "\\\\d"),
        ("{{ '{{ x }}' }}", "{{ x }}"),
        ("{{ 'a}}b' }}", "a}}b"),
        ("{{ {'a': {'b': 1}} }}", '{"a":{"b":1}}'),
        ("{{ {'a': {'b': {}}}}}", '{"a":{"b":{}}}'),
        ('{{ "a#{1 + 1}b#{"x" ~ "#{3}"}" }}', "a2bx3"),
        ('{{ "# no #" }}', "# no #"),
        ("{{ '#{1}' }}", "#{1}"),
        ("{% raw %}{{ x }}{% endif %}{% endraw %}", "{{ x }}{% endif %}"),
        ("a {% raw %} ${#list[@]} {% endraw %} b", "a  ${#list[@]}  b"),
        ("{%- raw -%} x {%- endraw -%}", " x "),
        ("{{ '{% raw %}{{ x }}{% endraw %}' }}", "{{ x }}"),
        ("{{ marked }}{{ marked }}", "b {{ x }} eb {{ x }} e"),
        ("{{ marked | length }}", "34"),
        ("{% verbatim %}{% raw %}{{ x }}{% endraw %}{% endverbatim %}", "{{ x }}"),
        ("{% raw %}{% verbatim %}x{% endverbatim %}{% endraw %}", "{% verbatim %}x{% endverbatim %}"),
        ("{% raw %}{% raw %}x{% endraw %}", "{% raw %}x"),
        ("{{ '{% raw %}' }}x{{ '{% endrow %}' }}", "{% raw %}x{% endrow %}"),
        ("{{ '{% endraw %}' }}{{ '{% raw %}' }}", "{% endraw %}{% raw %}"),
        ("{% verbatim %}{{ x }}{% endverbatim %}", "{{ x }}"),
        ("{% verbatim -%} {{ x }} {%- endverbatim %}", "{{ x }}"),
        ("{{ [1,\n 2] }}", "[1,2]"),
        ("ünï {{ 'cödé' }} 🎉", "ünï cödé 🎉"),
        ("{{ größe }}", "12"),
        ("{% set orÜ = 1 %}{% set is_it = 2 %}{% set notes = 3 %}{{ orÜ }}{{ is_it }}{{ notes }}", "123"),
        ("{% if 1 > 2 %}a{% elseif 2 > 1 %}b{% else %}c{% endif %}", "b"),
        ("{% if false %}a{% endif %}", ""),
        ("{% if 'false' %}a{% endif %}", "a"),
        ("{% if 0 %}a{% else %}b{% endif %}", "b"),
        ("{% for x in [3, 4] %}{{ x }},{% endfor %}", "3,4,"),
        ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in null %}{{ x }}{% else %}none{% endfor %}", ""),
        ("{% for e in {'a': 1, 'b': 2} %}{{ e.key }}={{ e.value }};{% endfor %}", "a=1;b=2;"),
        (
            "{% for x in 'a'..'c' %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ loop.length }} {% endfor %}",
            "0truefalse23 1falsefalse13 2falsetrue03 ",
        ),
        ("{% for x in 1..2 %}{% for y in 1..2 %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}", "110 121 0;210 221 1;"),
        ("{% for x in 1..3 %}{% if x == 2 %}two{% else %}{{ x }}{% endif %}{% endfor %}", "1two3"),
        ("{% set x = 1 + 1 %}{{ x }}", "2"),
        ("{% set sum = 0 %}{% for x in 1..4 %}{% set sum = sum + x %}{% endfor %}{{ sum }}", "10"),
        ("{% for x in 1..2 %}{% set seen = x %}{% endfor %}{{ seen ?? 'gone' }}", "gone"),
        ("{% for x in 1..3 %}{{ seen ?? 0 }}{% set seen = x %}{% endfor %}", "012"),
        ("{% for x in 1..2 %}{% for y in 1..2 %}{% set x = 9 %}{% endfor %}{{ x }}{% endfor %}", "99"),
        ("{% for x in 1..2 %}{% if x == 1 %}{% set seen = x %}{% endif %}{{ seen }}{% endfor %}", "11"),
        ("{% if true %}{% set seen = 1 %}{% endif %}{{ seen }}", "1"),
        ("{% filter upper %}{% set seen = 'a' %}{% endfilter %}{{ seen }}", "a"),
        ("{% for x in 1..2 %}{% set name = x %}{% endfor %}{{ name }}", "2"),
        ("{% for x in 1..2 %}{% set outer = loop %}{% for y in 1..2 %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}", "00 01 10 11 "),
        ("{% set name = 'inner' %}{{ name }}", "inner"),
        ("{% for name in ['a'] %}{{ name }}{% endfor %}{{ name }}", "aouter"),
        ("{{ loop ?? 'none' }}", "none"),
    ],
)
def test_a_template_renders_to(text: Callable[..., str], template: str, wanted: str) -> None:
    assert text(template, {"name": "outer", "größe": 12, "marked": "b{%- raw %} {{ x }} {% endraw -%}e"}) == wanted


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 1 }}", 1),
        ("{{ 1.5 }}", 1.5),
        ("{{ true }}", True),
        ("{{ '1' }}", "1"),
        ("{{ [1, 'a', null] }}", [1, "a", None]),
        ("{{ {'a': {'b': 2}} }}", {"a": {"b": 2}}),
        ("{{ null }}", None),
        ("{{ null }}{{ null }}", None),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("{{ 1 }} ", "1 "),
        ("a{{ true }}{{ 1.0 }}", "atrue1.0"),
        ("{{ null }}{{ 1 }}", 1),
        ("{{ [1] }}\n", [1]),
        ("[{{ {'a': 1} }}, 2]", [{"a": 1}, 2]),
        ("items: {{ [1] }}", "items: [1]"),
        ("{% if true %}{{ 5 }}{% endif %}", 5),
        ("{% for x in 1..3 %}{{ x }}{% endfor %}", "123"),
        ("plain", "plain"),
        ("12", "12"),
        (12, 12),
        (None, None),
        (["{{ 1 }}", "x{{ 1 }}", 3], [1, "x1", 3]),
        ({"{{ 'k' }}": {"n": "{{ [1] }}"}, "{{ 1 }}": 2}, {"k": {"n": [1]}, "1": 2}),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ '{% raw %}{{ x }}{% endraw %}' }}", "{{ x }}"),
        ("{{ ['{% raw %}x{% endraw %}'] }}", ["{% raw %}x{% endraw %}"]),
    ],
)
def test_typed_mode_keeps_types(typed: Callable[..., Any], template: Any, value: Any) -> None:
    outcome = typed(template)
    assert outcome == value
    assert type(outcome) is type(value)


def test_typed_values_are_copies(typed: Callable[..., Any]) -> None:
    held = {"list": [1]}
    typed("{{ held }}", held=held)["list"].append(2)
    assert held == {"list": [1]}


def test_text_mode_of_nested_values_makes_text_of_every_template(expressions: Expressions, ports: Ports) -> None:
    assert expressions.nested_text({"a": ["{{ 1 }}", 2], "{{ 'b' }}": "{{ [1] }}"}, {}, ports) == {"a": ["1", 2], "b": "[1]"}


def test_a_value_that_is_no_text_is_printed_by_the_same_rules(text: Callable[..., str]) -> None:
    assert [text(value) for value in (None, True, 1.0, [1, None], {"a": "ü"})] == ["", "true", "1.0", "[1,null]", '{"a":"ü"}']


def test_an_error_in_a_nested_value_says_where(expressions: Expressions, ports: Ports) -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.typed({"env": [{"A": "ok"}, {"B": "x {{ nope }}"}]}, {}, ports)
    assert caught.value.path == ("env", 1, "B")
    assert (caught.value.line, caught.value.column) == (1, 6)


class Asked(Mapping[str, Any]):
    """A scope that writes down what it is asked for."""

    def __init__(self, **names: Any) -> None:
        self.names = names
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        return self.names[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("nobody needs all names")

    def __len__(self) -> int:
        return len(self.names)


def test_a_scope_is_asked_only_for_what_is_used(expressions: Expressions, ports: Ports) -> None:
    outputs = Asked(one={"x": 1}, two=None)
    scope = Asked(outputs=outputs, inputs={"a": 2}, vars={})
    assert expressions.text("{{ outputs.one.x }}{{ false ? inputs.a : 3 }}", scope, ports) == "13"
    assert (scope.asked, outputs.asked) == (["outputs"], ["one"])


def test_lazy_maps_print_and_become_plain_values(typed: Callable[..., Any], text: Callable[..., str]) -> None:
    class Lazy(Asked):
        def __iter__(self) -> Iterator[str]:
            return iter(self.names)

    assert typed("{{ lazy }}", lazy=Lazy(a=1)) == {"a": 1}
    assert text("{{ lazy }}", lazy=Lazy(a=Lazy(b=(1, 2)))) == '{"a":{"b":[1,2]}}'


def test_what_was_rendered_is_not_rendered_again(text: Callable[..., str]) -> None:
    assert text("{{ body }}", body="{{ secret('TOKEN') }}") == "{{ secret('TOKEN') }}"


def test_render_does_it_when_asked(text: Callable[..., str]) -> None:
    names = {"vars": {"first": "{{ vars.second }}", "second": "2", "map": {"{{ 1 }}": ["{{ vars.second }}"]}}}
    assert text("{{ render(vars.first) }}", names) == "2"
    assert text("{{ renderOnce(vars.first) }} {{ renderOnce('{{ vars.first }}') }}", names) == "2 {{ vars.second }}"
    assert text("{{ render(vars.map) }}", names) == '{"1":["2"]}'
    assert text("{% set x = 3 %}{{ render('{{ x }}') }}") == "3"
    assert text("{{ render('{{ nope }}') ?? 'none' }}") == "none"


RAW = "{% raw %}{{ n }}{% endraw %}"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (RAW, "{{ n }}"),
        (f"{{{{ n }}}} {RAW} {RAW}", "1 {{ n }} {{ n }}"),
        ("{{ raw }}", "{{ n }}"),
        ("{{ raw }}{% raw %}{{ raw }}{% endraw %}", "{{ n }}{{ raw }}"),
        ("{% for i in 1..2 %}{% raw %}{{ n }}{% endraw %}{% endfor %}", "{{ n }}{{ n }}"),
        ("{% raw %}{% raw %}{% endraw %}", "{% raw %}"),
        ("\U000fff007\U000fff01{% raw %}a{% endraw %}", "\U000fff007\U000fff01a"),
    ],
)
def test_what_is_raw_stays_raw_in_every_round(text: Callable[..., str], value: str, wanted: str) -> None:
    assert text("{{ render(value) }}", value=value, raw=RAW, n=1) == wanted


def test_once_rendered_raw_text_is_as_it_is(text: Callable[..., str]) -> None:
    assert text("{{ renderOnce(raw) }}", raw=RAW, n=1) == "{{ n }}"


def test_variables_defined_by_themselves_end(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match="defined by itself"):
        text("{{ render(a) }}", a="{{ render(a) }}")
    with pytest.raises(ExpressionError, match="still not rendered"):
        text("{{ render(a) }}", a="x{{ a }}")


@pytest.mark.parametrize(
    ("rendered", "outcome"),
    [
        (None, False),
        ("", False),
        (" ", False),
        ("false", False),
        (" false\n", False),
        ("0", False),
        ("-0", False),
        ("False", True),
        ("0.0", True),
        ("no", True),
    ],
)
def test_conditions_are_read_from_their_text(rendered: str | None, outcome: bool) -> None:
    assert truthy(rendered) is outcome


def test_the_expressions_of_the_examples(text: Callable[..., str]) -> None:
    names = {
        "inputs": {"user": "Ada"},
        "outputs": {"task-id": {"x": 1}, "poll_api": {"code": 200, "body": {"ok": True}}},
        "taskrun": {"startDate": "2024-03-05T14:07:09Z"},
        "flow": {"id": "f", "namespace": "n", "tenantId": "main", "revision": 3},
        "vars": {"first": "1"},
    }
    assert text("Hey there, {{ inputs.user }}", names) == "Hey there, Ada"
    assert text("{{taskrun.startDate}}", names) == "2024-03-05T14:07:09Z"
    assert text("{{ outputs['task-id'].x }}", names) == "1"
    assert text("{{ outputs.poll_api.code != 200 }}", names) == "false"
    assert text("{{ secret('SLACK_WEBHOOK') }}", names) == "https://hooks.example/T0"
    assert text("{{ flow.tenantId }}/{{ flow.id }}/{{ flow.namespace }}/{{ flow.revision }}", names) == "main/f/n/3"
    assert text("Response: {{ outputs.poll_api.body }}", names) == 'Response: {"ok":true}'
    assert text("{{vars.first}} > 2", names) == "1 > 2"
