"""Lists."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cmp_to_key, partial
from typing import Any

from service.expressions.arguments import list_of, text_of, whole_of
from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.operators import compare
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import equal, is_list, java_text


@filter_("join")
def join(call: Run, value: Any, separator: Any = None) -> str | None:
    """All items as one text, with a separator in between. Null reads `null`, and lists and maps in it read as in Java: `[1, 2]`, `{a=1}`.

    {{ ['a', 1, null] | join('-') }} -> a-1-null
    {{ ['a', 'b'] | join }} -> ab
    """
    if value is None:
        return None
    items = list_of("join", value)
    glue = "" if separator is None else text_of("join", separator)
    parts = [java_text(item, call.budget) for item in items]
    call.budget.text(sum(map(len, parts)) + len(glue) * len(parts))
    return glue.join(parts)


@filter_("sort")
def sort(call: Run, value: Any) -> list[Any] | None:
    """In rising order: numbers, texts (capitals first), booleans or dates, of one sort and without null.

    {{ [3, 1, 2] | sort }} -> [1,2,3]
    """
    return None if value is None else _sorted(call, list_of("sort", value), backwards=False)


@filter_("rsort")
def rsort(call: Run, value: Any) -> list[Any] | None:
    """In falling order; see `sort`.

    {{ [3, 1, 2] | rsort }} -> [3,2,1]
    """
    return None if value is None else _sorted(call, list_of("rsort", value), backwards=True)


#: Of these a list is sorted by itself; numbers are sorted with numbers, texts with texts.
_ORDERED = (bool, datetime, date, time, timedelta)


def _sorted(call: Run, items: list[Any], *, backwards: bool) -> list[Any]:
    call.budget.spend(4 * len(items) * len(items).bit_length())
    return sorted(items, key=cmp_to_key(partial(_order, call.budget)), reverse=backwards)


def _order(budget: Budget, left: Any, right: Any) -> int:
    if left is None or right is None:
        raise Refused("null can't be sorted")
    if type(left) is type(right) and isinstance(left, _ORDERED):
        return int(left > right) - int(left < right)
    return compare(">", left, right, budget) - compare("<", left, right, budget)


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
    items, width = list_of("chunk", value), whole_of("chunk", size)
    if width == 0:
        raise Refused("`chunk` needs a size of 1 or more")
    return [items[start : start + width] for start in range(0, len(items), width)]


@filter_("distinct", "uniq")
def distinct(call: Run, value: Any) -> list[Any] | str:
    """Every item once, at its first place. Of null it makes the text `null`, as in Kestra.

    {{ [1, 2, 1] | distinct }} -> [1,2]
    """
    if value is None:
        return "null"
    kept: dict[str, list[Any]] = {}
    result = []
    items = list_of("distinct", value)
    call.budget.spend(4 * len(items))
    for item in items:
        same = kept.setdefault(java_text(item, call.budget), [])
        if not any(equal(item, other, call.budget) for other in same):
            same.append(item)
            result.append(item)
    return result
