"""Maps, defaults, and putting things together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.expressions.arguments import is_empty
from service.expressions.entry import Entry
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import is_list, kind

_ENTRY = 8  #: steps


@filter_("default")
def default(value: Any, default_: Any = None) -> Any:
    """Another value for null, unknown names, blank text and empty lists and maps.

    {{ nothing.at.all | default('x') }} -> x
    {{ '' | default('x') }} -> x
    {{ 0 | default('x') }} -> 0
    """
    return default_ if is_empty(value) else value


@filter_("keys")
def keys(value: Any) -> list[Any] | None:
    """The keys of a map; the indexes of a list.

    {{ {'a': 1, 'b': 2} | keys }} -> ["a","b"]
    {{ ['x', 'y'] | keys }} -> [0,1]
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return list(value)
    if is_list(value):
        return list(range(len(value)))
    raise Refused(f"`keys` takes a map or a list, not {kind(value)}")


@filter_("values")
def values(value: Any) -> list[Any] | None:
    """The values of a map.

    {{ {'a': 1, 'b': 2} | values }} -> [1,2]
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return list(value.values())
    raise Refused(f"`values` takes a map, not {kind(value)}")


@filter_("merge")
def merge(call: Run, value: Any, items: Any) -> Any:
    """Two maps or two lists as one; of two equal keys the later one counts. A map takes the items of a list as keys and values, a list the entries of a map;
    null adds nothing.

    {{ {'a': 1} | merge({'b': 2}) }} -> {"a":1,"b":2}
    {{ [1] | merge([2]) }} -> [1,2]
    """
    if value is None or items is None:
        if value is items:
            raise Refused("`merge` has nothing to merge: both sides are null")
        return items if value is None else value
    if isinstance(value, Mapping) and isinstance(items, Mapping):
        return {**value, **items}
    if isinstance(value, Mapping) and is_list(items):
        return {**value, **{item: item for item in items}}
    if is_list(value) and is_list(items):
        return [*value, *items]
    if is_list(value) and isinstance(items, Mapping):
        call.budget.spend(_ENTRY * len(items))
        return [*value, *(Entry(key=key, value=item) for key, item in items.items())]
    raise Refused(f"`merge` can't merge {kind(items)} into {kind(value)}")
