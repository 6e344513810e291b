"""Java's regular expressions, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from service.expressions import ExpressionError, Limits
from service.expressions.limits import Budget
from service.expressions.regexes import regex


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
        ("'a,b,c' | split(',', 2)", '["a","b,c"]'),
        ("'a,b,,' | split(',', 3)", '["a","b",","]'),
        ("'abc' | split('', -1)", '["a","b","c",""]'),
        ("'abc' | split('', 2)", '["a","bc"]'),
        ("',,' | split(',')", "[]"),
        ("'aBc' | split('(?=[A-Z])')", '["a","Bc"]'),
        ("'Abc' | split('(?=[A-Z])')", '["Abc"]'),
        ("'abc' | split('x*')", '["a","b","c"]'),
        ("' ab' | split('\\b', -1)", '[" ","ab",""]'),
        ("null | split(',')", ""),
        ("null | regexReplace('a', 'b')", ""),
        ("null | regexMatch('a')", "false"),
        ("null | regexExtract('a')", ""),
        ("'' | split(',')", '[""]'),
        ("'a-b' | regexReplace('(?<x>a)-(b)', '${x}+$2')", "a+b"),
        ("'price' | regexReplace('price', '\\$5')", "$5"),
        ("'ab' | regexReplace('(a)', '$12')", "a2b"),
        ("'ab' | regexReplace('(x)?b', '[$1]')", "a[]"),
        ("'ab' | regexReplace('b', 'x$0\\\\y')", "axb\\y"),
        ("'ab' | regexReplace('x', '$')", "ab"),
        ("'aXbX' | regexReplace('(?<l>[a-z])X', '${l}')", "ab"),
        ("'ab' | regexReplace('', '-')", "-a-b-"),
        ("'aab' | regexReplace('a*', '-')", "--b-"),
        ("' ab c' | regexReplace('\\b', '|')", " |ab| |c|"),
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
    ("pattern", "value", "wanted"),
    [
        ("a.c", "abc a\nc a\rc a\x85c a\u2028c a\u2029c", ["abc"]),
        ("(?s)a.c", "a\nc", ["a\nc"]),
        ("(?d)a.c", "a\nc a\rc", ["a\rc"]),
        ("c$", "c\r\n", ["c"]),
        ("c$", "c\n\n", []),
        ("\n$", "c\r\n", ["\n"]),
        ("c\\Z", "c\u2028", ["c"]),
        ("c\\z", "c\n", []),
        ("(?d)c$", "c\r", []),
        ("(?m)^.", "a\nb\r\nc\rd\x85e", ["a", "b", "c", "d", "e"]),
        ("(?m).$", "a\nb\r\nc\rd\x85e", ["a", "b", "c", "d", "e"]),
        ("(?m)^", "a\n", [""]),
        ("(?m)$", "a\r\nb", ["", ""]),
        ("(?md)^.", "a\nb\rc", ["a", "b"]),
        ("\\Ga", "aab a", ["a", "a"]),
        ("\\Aa", "aa", ["a"]),
        ("\\w+", "aé_1", ["a", "_1"]),
        ("(?U)\\w+", "aé_1", ["aé_1"]),
        ("\\d", "1\u0663", ["1"]),
        ("(?U)\\d", "1\u0663", ["1", "\u0663"]),
        ("\\s", " \x0b\xa0", [" ", "\x0b"]),
        ("\\h", " \x0b\xa0", [" ", "\xa0"]),
        ("\\v", " \x0b\u2028", ["\x0b", "\u2028"]),
        ("\\H\\V", "a\t", ["a\t"]),
        ("\\R", "\r\n\n\x0b", ["\r\n", "\n", "\x0b"]),
        ("\\X", "e\u0301x", ["e\u0301", "x"]),
        ("\\ba", "éa", ["a"]),
        ("(?U)\\ba", "éa a", ["a"]),
        ("a\\B.", "ab a ", ["ab"]),
        ("(?i)k", "kK\u212a", ["k", "K"]),
        ("(?iu)k", "kK\u212a", ["k", "K", "\u212a"]),
        ("(?i)é", "éÉ", ["é"]),
        ("(?iu)é", "éÉ", ["é", "É"]),
        ("(?i)[a-c&&[^b]]", "ABC", ["A", "C"]),
        ("(?i)\\p{Lower}", "aA1", ["a", "A"]),
        ("(?i)\\p{Lu}", "éÉ", ["é", "É"]),
        ("a(?i)b(?-i)c", "aBc aBC", ["aBc"]),
        ("a(?i:b)c", "aBc aBC", ["aBc"]),
        ("((?i)a)a", "Aa AA", ["Aa"]),
        ("[a-z&&[^aeiou]]+", "hello", ["h", "ll"]),
        ("[a-d[m-p]]+", "abmz", ["abm"]),
        ("[^a[b]]", "abc", ["c"]),
        ("[a-z&&def]+", "abdefg", ["def"]),
        ("[]a]+", "a]b", ["a]"]),
        ("[^]]", "a]", ["a"]),
        ("[a-]", "-b", ["-"]),
        ("[\\d-x]", "5-xy", ["5", "-", "x"]),
        ("[&^]", "&^", ["&", "^"]),
        ("[ab&&[a]&c]+", "abc", ["abc"]),
        ("[&&[b]c]", "abc", ["b", "c"]),
        ("a\\b{1,2}", "a ab", ["a"]),
        ("(?=a|b)|b", "ab", ["", ""]),
        ("(?<=\\G..)", "abcde", ["", ""]),
        ("a}]", "a}]", ["a}]"]),
        ("\\Qa.b\\E+", "a.bb axb", ["a.bb"]),
        ("\\Qa*", "a*", ["a*"]),
        ("[\\Q]-\\E]+", "]-a", ["]-"]),
        ("\\p{Alpha}\\pL\\PL", "aé1", ["aé1"]),
        ("\\p{IsLatin}+", "aéж", ["aé"]),
        ("\\p{IsAlphabetic}+", "aж1", ["aж"]),
        ("\\p{InCyrillic}", "aж", ["ж"]),
        ("\\p{script=Greek}", "aα", ["α"]),
        ("\\p{javaLowerCase}+", "aéA", ["aé"]),
        ("\\p{Punct}+", "a!$+é", ["!$+"]),
        ("(?U)\\p{Upper}", "AÉa", ["A", "É"]),
        ("\\x41\\x{42}\\u0043\\0104", "ABCD", ["ABCD"]),
        ("\\uD83D\\uDE00", "\U0001f600", ["\U0001f600"]),
        ("\\t\\a\\e\\f\\cA", "\t\x07\x1b\x0c\x01", ["\t\x07\x1b\x0c\x01"]),
        ("(?x) a b # comment\n [ c d ] \\ ", "abc ", ["abc "]),
        ("(a)(b)\\2", "abb", ["abb"]),
        ("(?<x>a)\\k<x>", "aa", ["aa"]),
        ("(?i)(a)\\1", "aA", ["aA"]),
        ("(a)\\11", "aa1", ["aa1"]),
        ("a\\2(b)", "ab", []),
        ("(?<=a)b|(?<!a)c", "abc", ["b", "c"]),
        ("(?>a+)b|a++c", "aabaac", ["aab", "aac"]),
        ("a++a", "aaa", []),
        ("a{2}", "aaaa", ["aa", "aa"]),
        ("a{1,}?", "aa", ["a", "a"]),
        ("(?:ab){1,5000}", "abab", ["abab"]),
        ("x*", "axb", ["", "x", "", ""]),
        ("\\_\\-", "_-", ["_-"]),
        ("a|ab", "ab", ["a"]),
        ("(?m)^", "", []),
        ("\\bx", "e\u0301x x", ["x"]),
        ("e\\b", "e\u0301 e", ["e"]),
        ("\\B+?", "a C\xe9_", []),
        ("\\B", "\xe9\u20ac", ["", "", ""]),
        ("(?iu)i", "\u0130\u0131I", ["\u0130", "\u0131", "I"]),
        ("\\p{LD}\\p{javaMirrored}", "a(1]", ["a(", "1]"]),
        ("(?x) [\\ ] b", " b", [" b"]),
        ("a{1001}", "a" * 2_000, ["a" * 1_001]),
        ("\ud800", "\ud800", ["\ud800"]),
    ],
)
def test_every_match_is_what_java_finds(pattern: str, value: str, wanted: list[str]) -> None:
    assert [match.group(0) for match in regex(pattern, Budget(Limits())).all(value, Budget(Limits()))] == wanted


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "is wrong at character 3: `\\(` is not closed"),
        ("a)", "`\\)` closes nothing"),
        ("[a", "`\\[` is not closed"),
        ("[]", "`\\[` is not closed"),
        ("*a", "`\\*` has nothing to repeat"),
        ("a**", "`\\*` has nothing to repeat"),
        ("a|*", "`\\*` has nothing to repeat"),
        ("a{,2}", "begins no count"),
        ("a{x}", "begins no count"),
        ("a{", "begins no count"),
        ("a{3,2}", "the count ends before it begins"),
        ("a{2147483648}", "the count is too large"),
        ("a{20000}", "repeats too much"),
        ("(?:(?:ab?){200}){200}", "repeats too much"),
        ("\\i", "there is no escape"),
        ("\\", "there is no escape"),
        ("[\\b]", "there is no escape"),
        ("\\x4", "2 hexadecimal digits"),
        ("\\u12", "4 hexadecimal digits"),
        ("\\0", "octal digits"),
        ("\\p{Nope}", "no property `Nope`"),
        ("[z-a]", "a range ends before it begins"),
        ("(?<a>x)(?<a>y)", "two groups `a`"),
        ("(?<1>x)", "the name of a group"),
        ("\\k<a>", "no group `a`"),
        ("(?P<a>x)", "this kind of group"),
        ("(?z)", "this kind of group"),
        ("\\b{g}", "not supported"),
        ("(" * 101 + ")" * 101, "nested too deeply"),
        ("a" * 2000, "too long"),
    ],
)
def test_a_pattern_that_is_wrong_is_refused(text: Callable[..., str], pattern: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        text("{{ 'x' | regexMatch(pattern) }}", pattern=pattern)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'a' | regexReplace('a', '$')", "followed by a group"),
        ("'a' | regexReplace('a', 'x$y')", "followed by a group"),
        ("'a' | regexReplace('a', backslash)", "ends with"),
        ("'a' | regexReplace('a', '$1')", "the group 1"),
        ("'a' | regexReplace('a', '${x}')", "the group `x`"),
        ("'a' | regexExtract('a', 1)", "no group 1; it has 0"),
        ("'a' | regexExtract('a', 'x')", "no group x"),
        ("'a' | regexExtract('a', true)", "no group"),
        ("1 | split(',')", "`split` takes text, not a number"),
        ("'a' | split(1)", "`split` takes text, not a number"),
        ("'a' | split(',', 'x')", "takes a number as its limit"),
        ("'a' | regexMatch(null)", "`regexMatch` needs a regular expression"),
        ("'a' | regexReplace('a', null)", "`regexReplace` needs a replacement"),
        ("'a' | regexReplace(null, 'a')", "`regexReplace` needs a regular expression"),
        ("'a' | regexExtract(null)", "`regexExtract` needs a regular expression"),
        ("'a' | replace({'a': 'b'}, 'true')", "`replace` takes true or false, not text"),
        ("'a' | split(',', '1')", "`split` takes a number as its limit"),
        ("nope | regexMatch('1')", "`nope` is not defined"),
    ],
)
def test_what_is_wrong_with_the_call_is_said(text: Callable[..., str], expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        text("{{ " + expression + " }}", backslash="\\")


@pytest.mark.parametrize("pattern", ["a?a?a?a?a?a?b", "a*b", "[ab]*a*b", "(a|a|a|a|a|a|a|a|a)b", "(?=a*)b", "a{1,999}b", "(?:a|b)(?:a|b)c", "a*", "a.*b|a"])
def test_searching_again_and_again_is_paid_for(text: Callable[..., str], pattern: str) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError):
        text("{% for i in 1..100000 %}{{ long | regexMatch(pattern) }}{{ long | split(pattern) | length }}{% endfor %}", long="a" * 3_890, pattern=pattern)
    assert time.thread_time() - start < 2


def test_compiling_again_and_again_is_paid_for(text: Callable[..., str]) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError, match="too much work"):
        text("{% for i in 1..100000 %}{{ 'x' | regexMatch('(\\p{L}|a{1,999})' ~ i) }}{% endfor %}")
    assert time.thread_time() - start < 2
