"""The jq filter: what goes in, what comes out, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.expressions import ExpressionError


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("null | jq('.')", None),
        ("'null' | jq('.')", [None]),
        ("'[1, 2]' | jq('.[]')", [1, 2]),
        ("'\"x\"' | jq('.')", ["x"]),
        ("1 | jq('. + 1')", [2]),
        ("lines | jq('.a')", [1]),
        ("'1 2' | jq('.')", [1]),
        ("true | jq('not')", [False]),
        ("data | jq('.list[0]')", [1]),
        ("data | jq('.float')", [1.0]),
        ("data | jq('.float, .whole | . + 1')", [2, 3]),
        ("data | jq('.big')", [12345678901234567890123]),
        ("data | jq('.list')", [[1, 2.5]]),
        ("data | jq('.none')", [None]),
        ("data | jq('.missing')", [None]),
        ("data | jq('empty')", []),
        ("data | jq('.day')", ["2024-03-05T00:00:00Z"]),
        ("data | jq('')  | first | length", 5),
        ("data | jq('.list | length') | first", 2),
    ],
)
def test_data_goes_in_and_a_list_comes_out(typed: Callable[..., Any], expression: str, wanted: Any) -> None:
    data = {
        "list": [1, 2.5],
        "float": 1.0,
        "whole": 2,
        "big": 12345678901234567890123,
        "none": None,
        "day": datetime(2024, 3, 5, tzinfo=UTC),
    }
    found = typed("{{ " + expression + " }}", data=data, lines='{"a": 1}\n{"a": 2}\n')
    assert found == wanted
    assert [type(each) for each in found or []] == [type(each) for each in wanted or []] if isinstance(wanted, list) else True


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'no json' | jq('.')", "`jq` reads a text as JSON, and this one is not: .* at line 1, column 1"),
        ("'[1' | jq('.')", "`jq` reads a text as JSON"),
        ("'1a' | jq('.')", "`jq` reads a text as JSON"),
        ("'' | jq('.')", "`jq` reads a text as JSON"),
        ("1 | jq(1)", "`jq` takes text, not a number"),
        ("1 | jq(null)", "`jq` takes text, not null"),
        ("1 | jq('.a')", "the jq program failed: Cannot index number"),
        ("1 | jq('foo')", "the jq program is wrong: foo/0 is not defined at line 1, column 1"),
        ("nope | jq('.')", "`nope` is not defined"),
        ("1 | jq('reduce range(200) as $i (0; [.])')", "nested deeper than 100 levels"),
        ("1 | jq(long)", "too long"),
    ],
)
def test_what_is_wrong_is_said(text: Callable[..., str], expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        text("{{ " + expression + " }}", long="." + " " * 20_000)


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in 1..100000 %}{{ 1 | jq('.') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ 1 | jq('. + ' ~ i) }}{% endfor %}",
        "{% for i in 1..100000 %}{{ 1 | jq('[range(100000)] | length') }}{% endfor %}",
        "{% for i in 1..100000 %}{{ 1 | jq('range(90000)') | length }}{% endfor %}",
    ],
)
def test_calling_it_again_and_again_is_paid_for(text: Callable[..., str], template: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ExpressionError, match="too much work|took longer"):
        text(template)
    assert time.monotonic() - begun < 6
