"""What is left out of JSON, what an entry of a map looks like, and text made fit for other languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from service.expressions import ExpressionError

NAMES = {"map": {"a": 1, "b": None, "c": [None, {"d": None, "e": {}}]}, "text": '{"a":null,"b":1}', "n": None}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # Kestra's writer leaves out what is null in maps, at any depth, and keeps it in lists
        ("map", '{"a":1,"c":[null,{"e":{}}]}'),
        ("[map]", '[{"a":1,"c":[null,{"e":{}}]}]'),
        ("{'a': null}", "{}"),
        ("[null]", "[null]"),
        ("map | toJson", '{"a":1,"c":[null,{"e":{}}]}'),
        ("map | json", '{"a":1,"c":[null,{"e":{}}]}'),
        ("map | toJson(true)", '{"a":1,"b":null,"c":[null,{"d":null,"e":{}}]}'),
        ("map | toJson(includeNulls=true)", '{"a":1,"b":null,"c":[null,{"d":null,"e":{}}]}'),
        ("map | toJson(null)", '{"a":1,"c":[null,{"e":{}}]}'),
        ("fromJson(text) | toJson", '{"b":1}'),
        ("map | jq('keys | first')", '["a"]'),
        ("text | jq('keys | first')", '["a"]'),
        ("text | jq('.')", '[{"b":1}]'),
        # other forms keep it
        ("map | toIon", "{a:1,b:null,c:[null,{d:null,e:{}}]}"),
        ("{'a': null} | yaml", "a: null\n"),
        ("'' ~ map", "{a=1, b=null, c=[null, {d=null, e={}}]}"),
        ("map | keys", '["a","b","c"]'),
        ("map | length", "3"),
        # Jackson reads one value, and doesn't look at what follows it
        ('fromJson(\'{"a": 1}\n{"a": 2}\')', '{"a":1}'),
        ("fromJson('[1] and more')", "[1]"),
        ("fromJson('1 2')", "1"),
        ("'[1] and more' is json", "true"),
        ("'1x' is json", "false"),
        ("n | className", ""),
    ],
)
def test_an_expression_prints(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}", NAMES) == wanted


def test_a_typed_value_keeps_what_is_null(typed: Callable[..., Any]) -> None:
    assert typed("{{ map }}", NAMES) == NAMES["map"]
    assert typed("{{ fromJson(text) }}", NAMES) == {"a": None, "b": 1}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("{{ e }}", "a=1;b=null;c=[1, {d=2}];"),
        ("{{ e ~ '' }}", "a=1;b=null;c=[1, {d=2}];"),
        ("{{ e | toJson }}", '{"a":1};{};{"c":[1,{"d":2}]};'),
        ("{{ [e] }}", '[{"a":1}];[{}];[{"c":[1,{"d":2}]}];'),
        ("{{ [e] | join }}", "a=1;b=null;c=[1, {d=2}];"),
        ("{{ e.key }}{{ e.value }}", 'a1;b;c[1,{"d":2}];'),
        ("{{ e['key'] | upper }}", "A;B;C;"),
    ],
)
def test_an_entry_of_a_map_prints_as_in_java(text: Callable[..., str], body: str, wanted: str) -> None:
    assert text("{% for e in map %}" + body + ";{% endfor %}", map={"a": 1, "b": None, "c": [1, {"d": 2}]}) == wanted


def test_merged_entries_are_entries(text: Callable[..., str]) -> None:
    assert text("{{ [0] | merge({'a': 1}) }} {{ ([0] | merge({'a': 1})) | join(',') }}") == '[0,{"a":1}] 0,a=1'


ESCAPES = [
    ('<a b="c">it\'s & é</a>', "html", "&lt;a b=&quot;c&quot;&gt;it&#39;s &amp; é&lt;/a&gt;"),
    ('</b> é 😀 it\'s "q" \\ /\n\t\0\x7f', "js", '<\\/b> \\xE9 \\uD83D\\uDE00 it\\\'s \\"q\\" \\\\ /\\n\\t\\0\\x7F'),
    ('</b> é 😀 it\'s "q" \\ /\n\t\0\x7f', "json", '<\\/b> \\u00E9 \\uD83D\\uDE00 it\'s \\"q\\" \\\\ /\\n\\t\\u0000\\u007F'),
    ("a-b_c", "css", "a-b_c"),
    ("1a", "css", "\\31 a"),
    ("-1", "css", "\\-1"),
    ("--x", "css", "\\--x"),
    ("_x", "css", "\\_x"),
    ("a b:c.d é😀f", "css", "a\\ b\\3A c\\.d\\ \\E9\\1F600 f"),
    ("a b&c=d+e#f[é]~/?", "url_param", "a%20b%26c%3Dd%2Be%23f%5B%C3%A9%5D~/?"),
    *((plain, name, plain) for plain in ("", "abc") for name in ("html", "js", "json", "css", "url_param")),
]


@pytest.mark.parametrize(("plain", "strategy", "wanted"), ESCAPES)
def test_text_is_escaped_for(text: Callable[..., str], plain: str, strategy: str, wanted: str) -> None:
    assert text("{{ t | escape(s) }}", t=plain, s=strategy) == wanted
    assert text("{{ t | escape(strategy=s) }}", t=plain, s=strategy) == wanted


def test_html_is_what_is_meant_without_a_strategy(text: Callable[..., str]) -> None:
    assert text("{{ '<' | escape }}{{ '<' | escape(null) }}{{ 1.0 | escape }}{{ n | escape }}", NAMES) == "&lt;&lt;1.0"
    with pytest.raises(ExpressionError, match=r"did you mean `html`\?"):
        text("{{ '<' | escape('htm') }}")


def test_raw_is_the_text_as_it_is(text: Callable[..., str], typed: Callable[..., Any]) -> None:
    assert text("{{ '<b>' | raw }}{{ n | raw }}{{ 1.0 | raw }}", NAMES) == "<b>1.0"
    assert typed("{{ n | raw }}", NAMES) is None
    with pytest.raises(ExpressionError, match="`nothing` is not defined"):
        text("{{ nothing | raw }}")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # an optional argument that is null is one that was left out
        ("nanoId(null, 'a') | length", 21),
        ("nanoId(2, null) | length", 2),
        ("render('{' ~ '{ 1 }}', null)", "1"),
        ("'ab' | regexExtract('(a)', null)", "a"),
        ("'abc' | slice(null, 2)", "ab"),
        ("range(1, 3, null)", [1, 2, 3]),
        ("kv('nothing', null, false)", None),
        ("secret('DATABASE', null, 'user')", "admin"),
        ("fromIon('1 2', null)", 1),
        ("fromIon('')", None),
        ("'a' | replace({'a': 'b'}, null)", "b"),
        ("'a,b,c' | split(',', null)", ["a", "b", "c"]),
        ("'2024-03-05' | date('HH:mm', null, null, null)", "00:00"),
        ("'2024-03-05' | dateAdd(1, 'HOURS', 'HH:mm', null, null, null)", "01:00"),
        ("isPublicHoliday('2024-12-25', 'FR', null)", True),
        ("isPublicHoliday('2024-12-25', 'FR', ' ')", True),
        ("isLastWorkingDay('2024-03-29', null)", True),
        ("env('nothing', null)", None),
        ("randomInt(5, 5)", 5),
        # numbers are text for regular expressions
        ("42 | regexMatch('^4')", True),
        ("null | regexMatch('a')", False),
        ("42 | regexReplace('4', 5)", "52"),
        ("42 | regexExtract(2)", "2"),
        ("'ab' | regexExtract('(a)(b)', 2.0)", "b"),
        ("'a,b,c' | split(',', 2.0)", ["a", "b,c"]),
        ("null | replace(1)", None),
        ("'a\u00a0b c' | slugify", "ab-c"),
    ],
)
def test_an_argument_may_be(typed: Callable[..., Any], expression: str, wanted: Any) -> None:
    assert typed("{{ " + expression + " }}") == wanted


@pytest.mark.parametrize(
    "expression",
    ["kv('answer', errorOnMissing='no')", "fromIon('1', 'false')", "render('x', 'true')", "secret('TOKEN', full='yes')", "{} | toJson('true')"],
)
def test_a_flag_is_true_or_false(text: Callable[..., str], expression: str) -> None:
    with pytest.raises(ExpressionError, match="takes true or false, not text"):
        text("{{ " + expression + " }}")
