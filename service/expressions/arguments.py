"""What filters share: checks of what they are given, and the walk through nested values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.values import is_list, is_number, java_text, kind

#: What Java's `trim` takes away.
JAVA_SPACE = "".join(map(chr, range(33)))
_MOST = 2**31 - 1


def text_of(name: str, value: Any) -> str:
    """A text, for the filter `name`. Raises Refused for anything else."""
    if not isinstance(value, str):
        raise Refused(f"`{name}` takes text, not {kind(value)}")
    return value


def optional_text(name: str, value: Any) -> str | None:
    """A text, or null for none. Raises Refused for anything else."""
    return None if value is None else text_of(name, value)


def count_of(name: str, value: Any) -> int:
    """A whole number of 0 or more. Raises Refused for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"`{name}` takes a whole number of 0 or more, not {value if isinstance(value, int) else kind(value)}")
    return value


def whole_of(name: str, value: Any) -> int:
    """A number of 0 or more, without its fraction. Raises Refused for anything else."""
    if not is_number(value) or not 0 <= value <= _MOST:
        raise Refused(f"`{name}` takes a number of 0 or more, not {value if is_number(value) else kind(value)}")
    return int(value)


def boolean_of(name: str, value: Any, default: bool) -> bool:
    """A boolean, or the default for null. Raises Refused for anything else."""
    if value is not None and not isinstance(value, bool):
        raise Refused(f"`{name}` takes true or false, not {kind(value)}")
    return default if value is None else value


def list_of(name: str, value: Any) -> list[Any]:
    """A list. Raises Refused for anything else."""
    if not is_list(value):
        raise Refused(f"`{name}` takes a list, not {kind(value)}")
    return list(value)


def is_empty(value: Any) -> bool:
    """Null, blank text, an empty list or map."""
    if isinstance(value, str):
        return not value.strip(JAVA_SPACE)
    return value is None or ((isinstance(value, Mapping) or is_list(value)) and not value)


def through(value: Any, change: Callable[[str], str], budget: Budget) -> Any:
    """Changes a text, or all values of a map or list as texts. Null stays null."""
    return _through(value, change, budget, budget.limits.nesting)


def _through(value: Any, change: Callable[[str], str], budget: Budget, levels: int) -> Any:
    if levels <= 0:
        raise Refused("maps and lists are nested too deeply")
    if value is None:
        return None
    if isinstance(value, Mapping):
        budget.spend(16 + 4 * len(value))
        return {key: _through(item, change, budget, levels - 1) for key, item in value.items()}
    if is_list(value):
        budget.spend(16 + 4 * len(value))
        return [_through(item, change, budget, levels - 1) for item in value]
    changed = change(java_text(value, budget))
    budget.text(len(changed))
    return changed
