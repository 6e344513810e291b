"""Data to text."""

from __future__ import annotations

from typing import Any

from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import json_text


@filter_("toJson", "json")
def to_json(call: Run, value: Any) -> str:
    """As compact JSON.

    {{ {'a': [1, 2.0, true, null]} | toJson }} -> {"a":[1,2.0,true,null]}
    {{ 'a"b' | toJson }} -> "a\\"b"
    {{ null | toJson }} -> null
    """
    return json_text(value, call.budget)
