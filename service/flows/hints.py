"""What was probably meant by a value of the wrong kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from service.flows.syntax import UNSPACED


def kind_hint(value: Any, wanted: Iterable[str]) -> str | None:
    """How to mend it; None where there is nothing to say but what was wanted. `wanted` are the kinds, as messages name them."""
    if isinstance(value, str) and "a map" in wanted:
        if re.fullmatch(r"[a-z]\w*(\.\w+){2,}", value):
            return "write `type: …` on a line of its own below"
        found = UNSPACED.match(value)
        return f"a space is missing after `{found['key']}:`" if found else None
    if isinstance(value, dict) and tuple(wanted) == ("a list",):
        if any(key.startswith("-") for key in value):
            return "a space is missing after `-`"
        return "put `- ` before each entry"
    if isinstance(value, dict) and "text" in wanted and len(value) == 1:
        return "a colon with a space behind it makes a map: put the whole text in quotes" if isinstance(next(iter(value.values())), str) else None
    if isinstance(value, int) and not isinstance(value, bool) and tuple(wanted) == ("a duration",):
        return f"`PT{value}S` is so many seconds"
    if isinstance(value, str) and "a list" in wanted:
        if re.match(r"-[^\s-]", value):
            return "a space is missing after `-`"
        return "put it on a line of its own, with `- ` before it"
    return "put it in quotes" if isinstance(value, bool | int | float) and "text" in wanted else None
