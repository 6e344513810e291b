"""One entry of a map."""

from __future__ import annotations

from typing import Any


class Entry(dict[str, Any]):
    """What `for` goes over in a map, with `key` and `value`. Its text is `key=value`, as in Java; its JSON is a map of that one entry."""

    __slots__ = ()
