"""Java's regular expressions, as far as their cost is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from service.expressions import ExpressionError


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("'a.b' | split('\\.')", '["a","b"]'),
        ("'a  b\tc' | split('\\s+')", '["a","b","c"]'),
        ("'a, b ,c' | split('\\s*,\\s*')", '["a","b","c"]'),
        ("'a|b' | split('[|]')", '["a","b"]'),
        ("'abc' | split('')", '["a","b","c"]'),
        ("',a' | split(',')", '["","a"]'),
        ("'a,,' | split(',', -1)", '["a","",""]'),
        ("'' | split(',')", '[""]'),
        ("'a-b' | regexReplace('(?<x>a)-(b)', '${x}+$2')", "a+b"),
        ("'price' | regexReplace('price', '\\$5')", "$5"),
        ("'2024-03-05.csv' | regexExtract('[0-9]{4}-[0-9]{2}')", "2024-03"),
        ("'x' | regexExtract('y') ?? 'none'", "none"),
        ("'foo' | regexMatch('^(foo|bar)$')", "true"),
        ("'main' | regexMatch('^(main|release/.*)$')", "true"),
        ("'v1.2.30' | regexExtract('^v\\d+\\.(\\d+)\\.\\d+$', 1)", "2"),
        ("'key = value' | regexReplace('([a-z]+)\\s*=\\s*(.*)', '$1:$2')", "key:value"),
        ("'v12' | regexMatch('^v\\d+$')", "true"),
        ("{'k': ['a1', 2]} | replace({'[0-9]': 'n'}, regexp=true)", '{"k":["an","n"]}'),
    ],
)
def test_a_pattern_works_as_in_java(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}") == wanted


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a+)+", "could take too long"),
        ("(a|b)*", "could take too long"),
        ("a*a*a*a*b", "could take too long"),
        ("(a)\\1", "not supported"),
        ("\\p{Alpha}", "not supported"),
        ("(a", "is wrong"),
        ("a)", "is wrong"),
        ("[a", "is wrong"),
        ("*a", "is wrong"),
        ("a" * 2000, "too long"),
    ],
)
def test_a_pattern_that_is_wrong_or_dear_is_refused(text: Callable[..., str], pattern: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        text("{{ 'x' | regexMatch(pattern) }}", pattern=pattern)


@pytest.mark.parametrize("pattern", ["a?a?a?a?a?a?b", "a*b", "[ab]*a*b", "(a|a|a|a|a|a|a|a|a)b", "(?=a*)b", "a{1,999}b", "(?:a|b)(?:a|b)c", "a*"])
def test_searching_again_and_again_is_paid_for(text: Callable[..., str], pattern: str) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError):
        text(
            "{% for i in 1..100000 %}{{ long | regexMatch(pattern) }}{{ long | split(pattern) | length }}{% endfor %}",
            long="a" * (190 if pattern.startswith("[") else 3_890),
            pattern=pattern,
        )
    assert time.thread_time() - start < 2
