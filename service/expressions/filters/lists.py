"""Lists, and what text and lists have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

from service.expressions.arguments import count_of, list_of, text_of
from service.expressions.errors import Refused
from service.expressions.operators import compare
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import equal, is_list, java_text, kind


@filter_("first")
def first(value: Any) -> Any:
    """The first item of a list or character of a text; null of nothing.

    {{ [3, 4] | first }} -> 3
    {{ 'abc' | first }} -> a
    """
    return _end("first", value, 0)


@filter_("last")
def last(value: Any) -> Any:
    """The last item of a list or character of a text; null of nothing.

    {{ [3, 4] | last }} -> 4
    {{ 'abc' | last }} -> c
    """
    return _end("last", value, -1)


def _end(name: str, value: Any, index: int) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, str) and not is_list(value):
        raise Refused(f"`{name}` takes a list or text, not {kind(value)}")
    return value[index] if value else None


@filter_("length")
def length(value: Any) -> int:
    """How many items or characters; 0 for null and for what has none.

    {{ [1, 2] | length }} -> 2
    {{ null | length }} -> 0
    """
    return len(value) if isinstance(value, str | Mapping) or is_list(value) else 0


@filter_("join")
def join(call: Run, value: Any, separator: Any = None) -> str | None:
    """All items as one text.

    {{ ['a', 1, null] | join('-') }} -> a-1-null
    {{ ['a', 'b'] | join }} -> ab
    """
    if value is None:
        return None
    items = list_of("join", list(value) if isinstance(value, Mapping) else value)
    glue = "" if separator is None else text_of("join", separator)
    parts = [java_text(item, call.budget) for item in items]
    call.budget.text(sum(map(len, parts)) + len(glue) * len(parts))
    return glue.join(parts)


@filter_("slice")
def slice_(value: Any, from_index: Any = 0, to_index: Any = None) -> Any:
    """The items or characters from one index up to, but without, another.

    {{ ['a', 'b', 'c'] | slice(1, 3) }} -> ["b","c"]
    {{ 'abc' | slice(1) }} -> bc
    """
    if value is None:
        return None
    if not isinstance(value, str) and not is_list(value):
        raise Refused(f"`slice` takes a list or text, not {kind(value)}")
    start = count_of("slice", 0 if from_index is None else from_index)
    end = len(value) if to_index is None else count_of("slice", to_index)
    if end > len(value) or start > len(value):
        raise Refused(f"`slice({start}, {end})` reaches behind the end: there are {len(value)}")
    if to_index is not None and start >= end:
        raise Refused(f"`slice({start}, {end})`: the end must lie behind the start")
    return value[start:end] if isinstance(value, str) else list(value[start:end])


@filter_("reverse")
def reverse(value: Any) -> Any:
    """Backwards.

    {{ [1, 2, 3] | reverse }} -> [3,2,1]
    {{ 'abc' | reverse }} -> cba
    """
    if value is None:
        return None
    return value[::-1] if isinstance(value, str) else list_of("reverse", value)[::-1]


@filter_("sort")
def sort(call: Run, value: Any) -> list[Any] | None:
    """In rising order.

    {{ [3, 1, 2] | sort }} -> [1,2,3]
    """
    return None if value is None else _sorted(call, list_of("sort", value), backwards=False)


@filter_("rsort")
def rsort(call: Run, value: Any) -> list[Any] | None:
    """In falling order.

    {{ [3, 1, 2] | rsort }} -> [3,2,1]
    """
    return None if value is None else _sorted(call, list_of("rsort", value), backwards=True)


def _sorted(call: Run, items: list[Any], *, backwards: bool) -> list[Any]:
    call.budget.spend(len(items) * len(items).bit_length())
    return sorted(items, key=cmp_to_key(_order), reverse=backwards)


def _order(left: Any, right: Any) -> int:
    if left is None or right is None:
        raise Refused("null can't be sorted")
    return compare(">", left, right) - compare("<", left, right)


@filter_("flatten")
def flatten(call: Run, value: Any) -> list[Any] | None:
    """Lists inside the list opened, one level deep.

    {{ [1, [2, [3]]] | flatten }} -> [1,2,[3]]
    """
    if value is None:
        return None
    items = list_of("flatten", value)
    call.budget.items(sum(len(item) if is_list(item) else 1 for item in items))
    return [each for item in items for each in (item if is_list(item) else [item])]


@filter_("chunk")
def chunk(value: Any, size: Any) -> list[list[Any]] | None:
    """Lists of at most so many items each.

    {{ [1, 2, 3] | chunk(2) }} -> [[1,2],[3]]
    """
    if value is None:
        return None
    items, width = list_of("chunk", value), count_of("chunk", size)
    if width == 0:
        raise Refused("`chunk` needs a size of 1 or more")
    return [items[start : start + width] for start in range(0, len(items), width)]


@filter_("distinct", "uniq")
def distinct(call: Run, value: Any) -> list[Any] | None:
    """Every item once, at its first place.

    {{ [1, 2, 1] | distinct }} -> [1,2]
    """
    if value is None:
        return None
    kept: dict[str, list[Any]] = {}
    result = []
    for item in list_of("distinct", value):
        same = kept.setdefault(java_text(item, call.budget), [])
        if not any(equal(item, other, call.budget) for other in same):
            same.append(item)
            result.append(item)
    return result
