"""Ion in templates."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.expressions import ExpressionError, Expressions, Ports

EXPRESSIONS = Expressions()
PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: key)


@pytest.mark.parametrize(
    ("ion", "found"),
    [
        (None, None),
        ("{a:1,b:sym,c:'q'}", {"a": 1, "b": "sym", "c": "q"}),
        ("{a:1} {a:2}", {"a": 1}),
        ("{a:1} not closed [", {"a": 1}),
        ("null.struct", None),
        ("1.50", Decimal("1.50")),
        ("2024-03-05T10:00:00Z", datetime(2024, 3, 5, 10, tzinfo=UTC)),
        ("[{{aGk=}}, {a:{{aGk=}}}, {{\"hi\"}}, {a:'{{'}]", ["aGk=", {"a": "aGk="}, "aGk=", {"a": "{{"}]),
        (b"{a:1}", {"a": 1}),
        ("{'{{': 1}", {"{{": 1}),
    ],
)
def test_from_ion_gives_the_first_row(typed: Callable[..., Any], ion: Any, found: Any) -> None:
    assert typed("{{ fromIon(rows) }}", rows=ion) == found


def test_from_ion_gives_all_rows_when_asked(typed: Callable[..., Any]) -> None:
    assert typed("{{ fromIon(rows, true) }}", rows="{a:1}\n{a:2}\n3") == [{"a": 1}, {"a": 2}, 3]
    assert typed("{{ fromIon(ion=rows, allRows=true) }}", rows="") == []
    assert typed("{{ fromIon(rows, allRows=false) }}", rows="1 2") == 1


def test_what_from_ion_gives_prints_as_in_java(text: Callable[..., str]) -> None:
    assert text("{{ fromIon(rows) }}", rows="{d:1.50,f:1e0,t:2024-03-05T10:00:00.5Z,l:2024-03-05,n:null,s:a,b:{{aGk=}}}") == (
        '{"d":1.50,"f":1.0,"t":"2024-03-05T10:00:00.500Z","l":"2024-03-05","s":"a","b":"aGk="}'
    )


@pytest.mark.parametrize(
    ("ion", "message"),
    [
        ("{a:", "this text is not Ion: the text ends in the middle of a value at line 1, column 4"),
        (12, "reads text, not a number"),
        ({"a": 1}, "reads text, not a map"),
        (b"\xe0\x01\x00\xea\x11", "binary Ion"),
        (b"\xff", "these bytes are none"),
        ("[" * 200, "nested deeper than 100 levels"),
    ],
)
def test_from_ion_refuses(typed: Callable[..., Any], ion: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        typed("{{ fromIon(rows) }}", rows=ion)


@pytest.mark.parametrize(
    ("value", "ion"),
    [
        (None, "null"),
        ("x", '"x"'),
        (1.123, "1.123e0"),
        (datetime(2024, 3, 5, 10, tzinfo=UTC), "2024-03-05T10:00:00Z"),
        (date(2024, 3, 5), "2024-03-05"),
        (timedelta(hours=1), '"PT1H"'),
        ([1, (2, None)], "[1,[2,null]]"),
        ({"a b": {"c": []}}, "{'a b':{c:[]}}"),
    ],
)
def test_to_ion_writes_as_in_java(text: Callable[..., str], value: Any, ion: str) -> None:
    assert text("{{ value | toIon }}", value=value) == ion


def test_to_ion_refuses_what_is_no_value(text: Callable[..., str]) -> None:
    with pytest.raises(ExpressionError, match="can't be printed"):
        text("{{ [value] | toIon }}", value=object())
    deep: Any = 1
    for _ in range(101):
        deep = {"a": deep}
    with pytest.raises(ExpressionError, match="nested too deeply"):
        text("{{ value | toIon }}", value=deep)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_a_template_writes_it_reads_again(value: Any) -> None:
    assert EXPRESSIONS.typed("{{ fromIon(value | toIon) }}", {"value": value}, PORTS) == value
    assert EXPRESSIONS.typed("{{ fromIon((value | toIon) ~ ' ' ~ (value | toIon), allRows=true) }}", {"value": value}, PORTS) == [value, value]


@pytest.mark.parametrize(
    "ion", ["1 " * 1_000_000, "[" + "1," * 1_000_000, "{" + "a:1," * 600_000, "{}" * 1_000_000, '"' * 2_000_001, "''' '''" * 300_000], ids=lambda ion: ion[:4]
)
def test_a_large_text_has_its_price(typed: Callable[..., Any], ion: str) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError):
        typed("{{ fromIon(rows, allRows=true) | className }}{{ fromIon('[') }}", rows=ion)
    assert time.thread_time() - start < 2


def test_a_bomb_of_shared_lists_is_stopped(text: Callable[..., str]) -> None:
    start = time.thread_time()
    with pytest.raises(ExpressionError):
        text("{% set x = ['a'] %}" + "{% set x = [x, x, x, x, x, x, x, x] %}" * 12 + "{{ x | toIon }}")
    assert time.thread_time() - start < 2
