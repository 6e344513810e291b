"""YAML in templates: read as Jackson types it, written as Jackson lays it out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.expressions import ExpressionError, Expressions, Ports

EXPRESSIONS = Expressions()
PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: key)


def read(text: Any) -> Any:
    return EXPRESSIONS.typed("{{ yaml(text) }}", {"text": text}, PORTS)


def written(value: Any) -> str:
    return EXPRESSIONS.text("{{ value | yaml }}", {"value": value}, PORTS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("foo: [666, 1, 2]\n", {"foo": [666, 1, 2]}),
        ("a", "a"),
        ("---\n", None),
        ("a: ~\nb:\nc: null\nd: NULL\ne: nuLL\nf: ''", {"a": None, "b": None, "c": None, "d": None, "e": "nuLL", "f": ""}),
        ("[yes, No, ON, off, true, FALSE, y, n, yEs, 'yes']", [True, False, True, False, True, False, "y", "n", "yEs", "yes"]),
        ("[0, -1, +2, 1_000, 010, 0x1F, 0b101, 0o17, 09, 12345678901234567890]", [0, -1, 2, 1000, 8, 31, 5, "0o17", "09", 12345678901234567890]),
        ("[1.0, -1.5, 1e3, 1., .5, 1_0.5, -.5, 1.5e+3, 1.2.3]", [1.0, -1.5, 1000.0, 1.0, 0.5, 10.5, "-.5", 1500.0, "1.2.3"]),
        ("[.inf, -.INF, +.Inf]", [math.inf, -math.inf, math.inf]),
        ("[12:30, 12:30:45, 2024-03-05, 2024-03-05T10:00:00Z]", ["12:30", "12:30:45", "2024-03-05", "2024-03-05T10:00:00Z"]),
        ("1: a\nnull: b\nyes: c\n~: d\n1.5: e", {"1": "a", "null": "b", "yes": "c", "~": "d", "1.5": "e"}),
        ("a: 1\na: 2", {"a": 2}),
        ("a: 1\n---\nb: 2", {"a": 1}),
        (
            "[!!str 12, !!int '12', !!float 1, !!bool 'yes', !!null x, !!binary aGk=, !own 12, ! 12, !!int x]",
            ["12", 12, 1.0, True, None, "aGk=", "12", 12, "x"],
        ),
        ("[!!float x, !!bool x, !!float .inf]", ["x", "x", math.inf]),
        ("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("&k key: 1\nb: *k", {"key": 1, "b": "key"}),
        ("k: &k key\n*k : 2", {"k": "key", "key": 2}),
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", {"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1}}),
        ("- &x {p: 1}\n- &y {p: 2, q: 2}\n- {r: 0, <<: [*x, *y]}", [{"p": 1}, {"p": 2, "q": 2}, {"r": 0, "p": 1, "q": 2}]),
        ("'<<': 1", {"<<": 1}),
        ("=", "="),
        ("[]", []),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        ("a: !!set {x, y}", {"a": {"x": None, "y": None}}),
    ],
)
def test_yaml_is_read_as_jackson_types_it(text: Any, value: Any) -> None:
    found = read(text)
    assert found == value
    assert repr(found) == repr(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(read(".nan"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no YAML in this text"),
        ("# nothing", "no YAML in this text"),
        ("a: [1", "not YAML: .* at line 2, column 1"),
        ("a: b: c", "not YAML: .* at line 1, column 5"),
        ("a: *x", "alias `\\*x` without an anchor"),
        ("a: &x [*x]", "`\\*x` stands inside of what it names"),
        ("? [a]\n: 1", "can't be a key"),
        ("a: &x [1]\n*x : 1", "can't be a key"),
        ("<<: 1", "merges a map or a list of maps"),
        ("a: !!binary '*'", "not Base64"),
        ("1" * 1001, "more than 1,000 digits"),
        ("0x" + "1" * 1001, "more than 1,000 digits"),
        ("0." + "1" * 1001, "more than 1,000 digits"),
        ("[" * 101, "deeper than 100 levels"),
        ("- " * 101, "deeper than 100 levels"),
        ("\ud800", "half a character"),
        ("\0", "not YAML"),
        ("\ta: 1", "not YAML"),
        (12, "`yaml` reads text, not a number"),
        (None, "`yaml` reads text, not null"),
        ({}, "`yaml` reads text, not a map"),
    ],
)
def test_what_is_wrong_is_refused(text: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (1, "1\n"),
        (1.0, "1.0\n"),
        (1e10, "1.0E10\n"),
        (Decimal("1.50"), "1.50\n"),
        (True, "true\n"),
        (math.inf, ".inf\n"),
        ("string", "string\n"),
        ("two words", "two words\n"),
        ([], "[]\n"),
        ({}, "{}\n"),
        ({"a": None, "b": [], "c": {}}, "a: null\nb: []\nc: {}\n"),
        ({"a": {"b": {"c": 1}}}, "a:\n  b:\n    c: 1\n"),
        ({"a": [1, [2, 3], {"b": 4, "c": [5]}]}, "a:\n - 1\n -\n   - 2\n   - 3\n -\n  b: 4\n  c:\n   - 5\n"),
        ([[[]], [{}]], " -\n   - []\n -\n   - {}\n"),
        ({"a": "x\ny"}, "a: |-\n  x\n  y\n"),
        ({"a": "x\ny\n", "b": 1}, "a: |\n  x\n  y\nb: 1\n"),
        ({"a": {"b": "x\n\ny\n\n"}}, "a:\n  b: |+\n    x\n\n    y\n\n"),
        (["x\ny", {"a": "x\n  y"}], " - |-\n  x\n  y\n -\n  a: |-\n    x\n      y\n"),
        (" x\ny", "|2-\n   x\n  y\n"),
        ([" x\ny", "\nx"], " - |1-\n   x\n  y\n - |1-\n\n  x\n"),
        ({"a": [" x\ny"], "b": " x\ny"}, "a:\n - |1-\n   x\n  y\nb: |2-\n   x\n  y\n"),
        ("x\ny", "|-\n  x\n  y\n"),
        ("x \ny", '"x \\ny"\n'),
        ("a: b\nc", '"a: b\\nc"\n'),
        ("a\tb", '"a\\tb"\n'),
        (datetime(2024, 3, 5, 10, tzinfo=UTC), "2024-03-05T10:00:00Z\n"),
        (date(2024, 3, 5), "2024-03-05\n"),
        (timedelta(hours=1), "PT1H\n"),
        ({1: 2, "it's": "it's", "a b": "é😀"}, "1: 2\nit's: it's\na b: é😀\n"),
        ({"yes": 1, "": 2, "a: b": 3, "- a": 4, "x\ny": 5, "null": 6, "12": 7}, '"yes": 1\n"": 2\n\'a: b\': 3\n\'- a\': 4\n"x\\ny": 5\n"null": 6\n12: 7\n'),
        ({"k" * 200: {"a": 1}}, "? " + "k" * 200 + "\n: a: 1\n"),
    ],
)
def test_yaml_is_written_as_jackson_lays_it_out(value: Any, text: str) -> None:
    assert written(value) == text


@pytest.mark.parametrize("text", [*"y n Y ~ yes No ON off true FALSE null Null 1 -1 1.5 1e3 010 0x1F .inf .nan 1_000 0b1 <<".split(), ""])
def test_text_that_looks_like_another_type_is_quoted(text: str) -> None:
    assert written(text) == f'"{text}"\n'
    assert read(written([text])) == [text]


@pytest.mark.parametrize("text", ["a, b", "[x]", "{x}", "a: b", "a:", "# a", "a # b", "a]"])
def test_text_with_meaning_is_in_double_quotes(text: str) -> None:
    assert written(text) == f'"{text}"\n'


@pytest.mark.parametrize("text", ["- a", "-", "*a", "&a", "!a", "%a", "@a", "`a", "'a'", '"a"', "|", ">", "? a", " a", "a ", "---", "--- a", "...", "?"])
def test_text_that_begins_or_ends_badly_is_in_single_quotes(text: str) -> None:
    quoted = text.replace("'", "''")
    assert written(text) == f"'{quoted}'\n"
    assert read(written({"a": text})) == {"a": text}


@pytest.mark.parametrize("text", ["-a", "a-b", "a:b", "a#b", "?a", "a'b", 'a"b', "http://x/y?z=1&b=2", "12:30", "2024-03-05", "1.2.3", "a/b", "=", "a*b", "p%"])
def test_text_that_is_only_text_stays_bare(text: str) -> None:
    assert written(text) == f"{text}\n"


@pytest.mark.parametrize("text", [" x\ny", "\nx", "\n'", " \nx", "\n x\n", "\n", "\n\n"])
@pytest.mark.parametrize("around", [lambda text: text, lambda text: [text], lambda text: {"a": text}, lambda text: [[text], {"b": [text]}]])
def test_lines_that_begin_with_space_are_the_same_wherever_they_stand(around: Callable[[str], Any], text: str) -> None:
    assert read(written(around(text))) == around(text)
    assert yaml.safe_load(written(around(text))) == around(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.text("ab \n:-#'\"|>[]{},&*!%@`?.~0", max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.text("a :#-?\n'", max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_a_template_writes_it_reads_again(value: Any) -> None:
    if value is None:
        return
    text = written(value)
    assert text.endswith("\n")
    assert read(text) == value


@given(st.recursive(st.text(max_size=12), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)))
def test_another_reader_finds_the_same_texts(value: Any) -> None:
    text = written([value])
    loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (it makes text only)
    assert loaded == [value]


@given(st.lists(st.sampled_from([*"ab:-#'\"|>[]{},&*!%@?.~ \n\t01", "<<: ", "&a ", "*a ", "- ", ": ", "!!int ", "---\n", "? "]), max_size=16).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = ""
    try:
        read(text)
    except ExpressionError as error:
        refused = error.message
    assert refused == "" or "YAML" in refused


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 8)}]\n" for m, n in zip("abcdefghijkl", "bcdefghijklm", strict=True))
MERGES = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2_000)) + "}\n" + "".join(f"m{n}:\n  <<: *a\n" for n in range(5_000))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ yaml(text) }}", BOMB),
        ("{{ yaml(text) | yaml }}", BOMB),
        ("{{ yaml(text) | toJson }}", BOMB),
        ("{{ yaml(text) | toIon }}", BOMB),
        ("{{ yaml(text) | length }}", MERGES),
        ("{{ yaml(text) | length }}", "- a\n" * 500_000),
        ("{{ yaml(text) | length }}", "[" + "a," * 500_000),
        ("{{ yaml(text) | length }}", "{" * 500_000),
        ("{{ yaml(text) | length }}", "? " * 500_000),
        ("{{ yaml(text) | length }}", "- &a " * 300_000),
        ("{{ yaml(text) | length }}", "'" * 1_000_001),
        ("{{ yaml([text]) | yaml }}", "\n" * 1_000_000),
    ],
    ids=range(12),
)
def test_a_hostile_text_has_its_price(template: str, text: str) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError):
        EXPRESSIONS.text(template, {"text": text}, PORTS)
    assert time.thread_time() - start < 2


def test_lines_that_would_be_indented_without_end_are_refused() -> None:
    deep: Any = "\n" * 3_000_000
    for _ in range(90):
        deep = {"a": deep}
    start = time.thread_time()
    with pytest.raises(ExpressionError, match="longer than"):
        written(deep)
    assert time.thread_time() - start < 2


def test_a_value_that_is_none_is_refused(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match="can't be printed"):
        text("{{ [value] | yaml }}", value=object())
    deep: Any = 1
    for _ in range(101):
        deep = [deep]
    with pytest.raises(ExpressionError, match="nested deeper than 100"):
        text("{{ value | yaml }}", value=deep)
