"""The decimal digits of a double as Java's number formatting finds them.

They are not always the fewest that mean the double, which `Double.toString` has printed since Java 19: formatting still finds digits as it did in 1996, and
1e23 is 99999999999999990000000 there. The way is Steele's and White's: digits are taken until the rest is smaller than half a unit in the last place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_BITS = 53
_LEAST_EXPONENT = -1022
_WORD, _LONG_WORD = 32, 64
_SMALL, _MOST_FIVES = range(-21, 63), 27


class Digits(NamedTuple):
    """0.`text` · 10^`point`; whether that is exactly the number it was made from, and whether it lies above it."""

    text: str
    point: int
    exact: bool = True
    above: bool = False


def double_digits(value: float) -> Digits:
    """The digits of a finite double above 0."""
    fraction, power = math.frexp(value)
    exponent = power - 1
    significant = _BITS - max(0, _LEAST_EXPONENT - exponent)
    bits = int(math.ldexp(fraction, _BITS))
    odd = bits >> (tail := (bits & -bits).bit_length() - 1)
    width = _BITS - tail
    tiny = max(0, width - exponent - 1)
    if exponent in _SMALL and tiny == 0:
        return _whole(int(value), exponent, significant)
    estimate = math.floor((fraction * 2 - 1.5) * 0.289529654 + 0.176091259 + exponent * 0.301029995663981)
    return _Generator(odd, width, exponent, significant, tiny, estimate).digits()


def _whole(value: int, exponent: int, significant: int) -> Digits:
    """A whole number: its digits, without those that the double can't tell apart."""
    rest = exponent - significant - 1
    lost = len(str(2**rest)) - 1 if exponent > significant and rest > 1 else 0
    text = str((value + 10**lost // 2) // 10**lost)
    return Digits(text, len(text) + lost, exact=False)


class _Generator:
    """Long division of `above` by `below`, until what is left is less than `margin`, half a unit in the last place."""

    def __init__(self, odd: int, width: int, exponent: int, significant: int, tiny: int, estimate: int) -> None:
        fives, fives_below = max(0, -estimate), max(0, estimate)
        twos, twos_below = fives + tiny + exponent, fives_below + tiny
        margin = twos - significant
        twos -= width - 1
        common = min(twos, twos_below)
        twos, twos_below, margin = twos - common, twos_below - common, margin - common
        margin -= width == 1
        if margin < 0:
            twos, twos_below, margin = twos - margin, twos_below - margin, 0
        self.above = odd * 5**fives << twos
        self.below = 5**fives_below << twos_below
        self.margin = 5**fives << margin
        self.point = estimate + 1
        #: Sums of machine words stop only above the divisor, those of big numbers at it, too.
        self.words = max(width + twos + _five_bits(fives), twos_below + 1 + _five_bits(fives_below + 1)) < _LONG_WORD
        self.text = ""

    def digits(self) -> Digits:
        digit, low, high = self._step()
        if digit == 0 and not high:
            self.point -= 1
        else:
            self.text += str(digit)
        if not -3 <= self.point - 1 < 8:  # noqa: PLR2004  (Java wants two digits at least where it prints an exponent)
            low = high = False
        while not low and not high:
            digit, low, high = self._step()
            self.text += str(digit)
        exact = self.above == 0
        if high and (not low or self._nearer_up()):
            return self._up(exact)
        return Digits(self.text, self.point, exact)

    def _step(self) -> tuple[int, bool, bool]:
        digit, rest = divmod(self.above, self.below)
        self.above, self.margin = rest * 10, self.margin * 10
        end = self.above + self.margin - self.below * 10
        return digit, self.above < self.margin, end > 0 or (end == 0 and not self.words)

    def _nearer_up(self) -> bool:
        difference = self.above * 2 - self.below * 10
        return difference > 0 or (difference == 0 and int(self.text[-1]) % 2 == 1)

    def _up(self, exact: bool) -> Digits:
        rest = self.text.rstrip("9")
        if not rest:
            return Digits("1", self.point + 1, exact)
        return Digits(rest[:-1] + str(int(rest[-1]) + 1), self.point, exact, above=True)


def _five_bits(power: int) -> int:
    return (5**power).bit_length() if power <= _MOST_FIVES - 1 else power * 3
