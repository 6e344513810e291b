"""Parts of a text, beginnings and ends."""

from __future__ import annotations

from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text, kind


def _part(call: Run, name: str, value: Any, separator: Any) -> str | None:
    if value is None:
        return None
    text = java_text(value, call.budget)
    before, last = "Before" in name, "Last" in name
    if separator is not None and not isinstance(separator, str):
        raise Refused(f"`{name}` takes text as its separator, not {kind(separator)}")
    if separator is None or (last and not separator):
        return text if before else ""
    if not separator:  # it is found at once, in front of everything
        return "" if before else text
    head, found, tail = text.rpartition(separator) if last else text.partition(separator)
    if not found:
        return text if before else ""
    return head if before else tail


@filter_("substringBefore")
def substring_before(call: Run, value: Any, separator: Any) -> str | None:
    """What stands before the first separator; all of it without one.

    {{ 'a.b.c' | substringBefore('.') }} -> a
    """
    return _part(call, "substringBefore", value, separator)


@filter_("substringBeforeLast")
def substring_before_last(call: Run, value: Any, separator: Any) -> str | None:
    """What stands before the last separator; all of it without one.

    {{ 'a.b.c' | substringBeforeLast('.') }} -> a.b
    """
    return _part(call, "substringBeforeLast", value, separator)


@filter_("substringAfter")
def substring_after(call: Run, value: Any, separator: Any) -> str | None:
    """What stands after the first separator; nothing without one.

    {{ 'a.b.c' | substringAfter('.') }} -> b.c
    """
    return _part(call, "substringAfter", value, separator)


@filter_("substringAfterLast")
def substring_after_last(call: Run, value: Any, separator: Any) -> str | None:
    """What stands after the last separator; nothing without one.

    {{ 'a.b.c' | substringAfterLast('.') }} -> c
    """
    return _part(call, "substringAfterLast", value, separator)


@filter_("startsWith")
def starts_with(call: Run, value: Any, value_: Any) -> bool:
    """Whether text begins so.

    {{ 'kestra' | startsWith('kes') }} -> true
    {{ 2024 | startsWith(20) }} -> true
    """
    return _there("startsWith", call, value).startswith(_there("startsWith", call, value_))


@filter_("endsWith")
def ends_with(call: Run, value: Any, value_: Any) -> bool:
    """Whether text ends so.

    {{ 'data.csv' | endsWith('.csv') }} -> true
    """
    return _there("endsWith", call, value).endswith(_there("endsWith", call, value_))


def _there(name: str, call: Run, value: Any) -> str:
    """The text of anything but null."""
    if value is None:
        raise Refused(f"`{name}` takes text, not null")
    return java_text(value, call.budget)
