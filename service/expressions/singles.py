"""Numbers of 32 bits, Java's Float: what `number` makes of a short decimal.

A `Single` holds the double that prints like it, as all texts and comparisons go by that; arithmetic counts with the 32 bits.
"""

from __future__ import annotations

import math
import struct

#: Six digits are right in any single, nine tell any two apart.
_DIGITS = range(6, 10)


class Single(float):
    """A number that has 32 bits in Java."""

    __slots__ = ()


def single(value: float) -> Single:
    """The nearest number of 32 bits, as its shortest decimal."""
    exact = rounded(value)
    if not math.isfinite(exact):
        return Single(exact)
    return next(found for digits in _DIGITS if _packed(found := Single(f"{exact:.{digits}g}")) == exact)


def widened(value: float) -> float:
    """A number as a double: of a single what its 32 bits are, 0.10000000149011612 for 0.1."""
    if isinstance(value, Single):
        return _packed(value)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def rounded(value: float) -> float:
    """The double that the nearest number of 32 bits is."""
    return _packed(widened(value))


def _packed(value: float) -> float:
    try:
        exact: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return exact
