"""Makes text fit what a forge takes, without losing what it was for.

Lengths are counted in UTF-16 units, the strictest of the ways in which forges count.
"""

from __future__ import annotations

import hashlib
import re

_ELLIPSIS = "…"
_DIGEST = 12
# A closing "(3 of 5 runs)" or "(2 m 10 s)" holds the numbers: it is kept.
_TAIL = re.compile(r" \([^()]{1,40}\)$")
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONG_WORD = 20
_LAST_OF_ONE_UNIT = 0xFFFF


def description(text: str, longest: int) -> str:
    """One line of at most `longest` units: its beginning, up to the end of a word where one is near, and a closing parenthesis."""
    line = " ".join(_UNSHOWN.sub(" ", text).split())
    if units(line) <= longest:
        return line
    found = _TAIL.search(line)
    tail = found.group() if found and units(found.group()) < longest // 2 else ""
    return _whole_words(_head(line.removesuffix(tail), longest - units(tail) - 1)) + _ELLIPSIS + tail


def unique(name: str, longest: int) -> str:
    """A name of at most `longest` units; a longer one is cut and told apart by 12 hex digits of its SHA-256."""
    if units(name) <= longest:
        return name
    return f"{_head(name, longest - _DIGEST - 1)}-{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]}"


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(1 for letter in text if ord(letter) > _LAST_OF_ONE_UNIT)


def _head(text: str, longest: int) -> str:
    cut = text[:longest]
    while units(cut) > longest:
        cut = cut[:-1]
    return cut


def _whole_words(text: str) -> str:
    start, space, _ = text.rpartition(" ")
    # Half a place or a long name says more than nothing.
    return (start if space and len(text) - len(start) <= _LONG_WORD else text).rstrip(" ,;:")
