"""Regular expressions that people write, run by RE2: time grows with the text and nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_LONGEST = 1_000


class BadPattern(ValueError):
    """The pattern can't be used; the text says why."""


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        raise BadPattern(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def check_pattern(pattern: str) -> None:
    """Raises BadPattern for what RE2 does not take (look-around, back references) or what is too large."""
    if len(pattern) > _LONGEST:
        raise BadPattern(f"longer than {_LONGEST:,} characters")
    _compiled(pattern)


def matches_whole(pattern: str, text: str) -> bool:
    """Whether the whole text matches a checked pattern."""
    return _compiled(pattern).fullmatch(text) is not None
