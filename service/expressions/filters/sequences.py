"""What text and lists have in common: an order, a length, ends and parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.expressions.arguments import list_of, whole_of
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.units import cut, units
from service.expressions.values import is_list, kind


@filter_("first")
def first(value: Any) -> Any:
    """The first item of a list or character of a text; null of null and of an empty list.

    {{ [3, 4] | first }} -> 3
    {{ 'abc' | first }} -> a
    """
    return _end("first", value, 0)


@filter_("last")
def last(value: Any) -> Any:
    """The last item of a list or character of a text; null of null and of an empty list.

    {{ [3, 4] | last }} -> 4
    {{ 'abc' | last }} -> c
    """
    return _end("last", value, -1)


def _end(name: str, value: Any, index: int) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        if not value:
            raise Refused(f"an empty text has no {name} character")
        length = units(value)
        return cut(value, index % length, index % length + 1)
    if not is_list(value):
        raise Refused(f"`{name}` takes a list or text, not {kind(value)}")
    return value[index] if value else None


@filter_("length")
def length(value: Any) -> int:
    """How many items, entries or characters; 0 for null and for what has none. An emoji counts as two characters, as in Java.

    {{ [1, 2] | length }} -> 2
    {{ 'été' | length }} -> 3
    {{ '😀' | length }} -> 2
    {{ null | length }} -> 0
    """
    if isinstance(value, str):
        return units(value)
    return len(value) if isinstance(value, Mapping) or is_list(value) else 0


@filter_("slice", also={"from": "from_index", "to": "to_index"})
def slice_(value: Any, from_index: Any = 0, to_index: Any = None) -> Any:
    """The items or characters from one index up to, but without, another.

    {{ ['a', 'b', 'c'] | slice(1, 3) }} -> ["b","c"]
    {{ 'abc' | slice(1) }} -> bc
    """
    if value is None:
        return None
    if not isinstance(value, str) and not is_list(value):
        raise Refused(f"`slice` takes a list or text, not {kind(value)}")
    length = units(value) if isinstance(value, str) else len(value)
    start = whole_of("slice", 0 if from_index is None else from_index)
    end = length if to_index is None else whole_of("slice", to_index)
    if end > length or start > length:
        raise Refused(f"`slice({start}, {end})` reaches behind the end: there are {length}")
    if to_index is not None and start >= end:
        raise Refused(f"`slice({start}, {end})`: the end must lie behind the start")
    return cut(value, start, end) if isinstance(value, str) else list(value[start:end])


@filter_("reverse")
def reverse(value: Any) -> Any:
    """A list backwards.

    {{ [1, 2, 3] | reverse }} -> [3,2,1]
    """
    return None if value is None else list_of("reverse", value)[::-1]
