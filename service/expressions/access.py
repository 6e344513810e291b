"""`a.b` and `a['b']`: keys of maps and indexes of lists, and nothing else. No attribute of a Python object can be reached from here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from service.expressions.errors import Absent, Refused, did_you_mean
from service.expressions.values import is_list, is_number, kind

_INDEX = re.compile(r"[+-]?[0-9]{1,10}")
_SHOWN_NAMES = 8
_WORDS = {None: "null", True: "true", False: "false"}


def item(value: Any, key: Any, owner: str) -> Any:
    """What a map or list holds under a key. `owner` is the value's source text, for the message of Absent."""
    if isinstance(value, Mapping):
        return _of_map(value, key, owner)
    if is_list(value):
        return _of_list(value, key, owner)
    raise Absent(f"`{owner}` is {kind(value)}, it has no `{_shown(key)}`")


def as_key(key: Any) -> Any:
    """What a map holds a key under. Python can't tell true from 1, so that a boolean is there by its text."""
    return _WORDS[key] if isinstance(key, bool) else key


def new_key(key: Any) -> Any:
    """What a map that a template writes holds a value under. Raises Refused for what is no key."""
    if not (isinstance(key, str | bool) or is_number(key)):
        raise Refused(f"a key of a map is text or a number, not {kind(key)}")
    return as_key(key)


def _of_map(value: Mapping[Any, Any], key: Any, owner: str) -> Any:
    keys = (key, _text_key(key)) if is_number(key) else (as_key(key),)
    for each in keys:
        try:
            return value[each]
        except (KeyError, TypeError):
            continue
    raise Absent(lambda: _no_key(value, key, owner))


def _text_key(key: Any) -> str:
    return str(int(key)) if float(key).is_integer() else str(key)


def _of_list(value: Any, key: Any, owner: str) -> Any:
    text = key if isinstance(key, str) else str(key) if isinstance(key, int) and not isinstance(key, bool) else ""
    if not _INDEX.fullmatch(text):
        raise Absent(f"`{owner}` is a list: it has items by number, no `{_shown(key)}`")
    index = int(text)
    if not 0 <= index < len(value):
        there = f"its items are numbered 0 to {len(value) - 1}" if value else "it is empty"
        raise Absent(f"`{owner}` is a list without item {index}: {there}")
    return value[index]


def _no_key(value: Mapping[Any, Any], key: Any, owner: str) -> str:
    start = f"`{owner}` has no `{_shown(key)}`"
    if isinstance(key, str):
        dashed = next((name for name in value if isinstance(name, str) and name.startswith(f"{key}-")), None)
        if dashed is not None:
            return f"{start}; a name with a hyphen is written `{owner}['{dashed}']`"
        if hint := did_you_mean(key, value):
            return start + hint
    if not value:
        return f"{start}: it is empty"
    if len(value) <= _SHOWN_NAMES:
        return f"{start}; it has {', '.join(f'`{_shown(name)}`' for name in value)}"
    return start


def _shown(key: Any) -> str:
    text = key if isinstance(key, str) else _WORDS[key] if key is None or isinstance(key, bool) else str(key) if is_number(key) else kind(key)
    return text if len(text) <= 60 else text[:57] + "..."
