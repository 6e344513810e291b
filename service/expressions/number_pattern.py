"""Number patterns as Java's DecimalFormat reads them: `#,##0.00`, `0.###E0`, `0 %;(0 %)`.

A pattern is a text before the digits, the digits, and a text after them; behind `;` may follow those of negative numbers, whose digits don't count.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

from service.expressions.errors import Refused

_LONGEST = 1_000
_DIGITS = "#0,."
_MULTIPLIERS = {"%": 100, "‰": 1000}

#: What stands before or after the digits, a sign at a time; true where it stands for a symbol of the locale: `-`, `%`, `‰`, `¤`, `¤¤`.
Affix = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPattern:
    """How a number is written. `fewest` and `most` are digits before the point; None is any number of them. `exponent` is 0 without one."""

    positive: tuple[Affix, Affix] = ((), ())
    negative: tuple[Affix, Affix] = ((("-", True),), ())
    fewest: int = 0
    most: int | None = None
    fewest_decimals: int = 0
    most_decimals: int | None = None
    group: int = 3
    exponent: int = 0
    always_point: bool = False
    multiplier: int = 1
    money: bool = False


@lru_cache(maxsize=256)
def read_pattern(pattern: str) -> NumberPattern:
    """The pattern in a text. Raises Refused, with the place, for one that can't be read."""
    if len(pattern) > _LONGEST:
        raise Refused(f"a number pattern of more than {_LONGEST:,} characters")
    if not pattern:
        return NumberPattern()
    positive = _Half(pattern)
    positive.read(0)
    result = positive.digits()
    own = (tuple(positive.prefix), tuple(positive.suffix))
    result = replace(result, positive=own, negative=((("-", True), *own[0]), own[1]), multiplier=positive.multiplier, money=positive.money)
    return _with_negative(result, pattern, positive.end) if positive.end < len(pattern) else result


def _with_negative(result: NumberPattern, pattern: str, start: int) -> NumberPattern:
    half = _Half(pattern, negative=True)
    half.read(start)
    half.check_quote()
    other = (tuple(half.prefix), tuple(half.suffix))
    # A `%` of the second half is written and does not multiply.
    result = replace(result, money=result.money or half.money)
    return result if other == result.positive else replace(result, negative=other)


@dataclass(slots=True)
class _Half:
    """Reads one half of a pattern."""

    pattern: str
    negative: bool = False
    prefix: list[tuple[str, bool]] = field(default_factory=list)
    suffix: list[tuple[str, bool]] = field(default_factory=list)
    multiplier: int = 1
    money: bool = False
    left: int = 0  #: `#` before the first `0`
    zeros: int = 0
    right: int = 0  #: `#` after it
    point: int | None = None  #: digits before it
    group: int | None = None
    exponent: int = 0
    quoted: int | None = None  #: where an open quote begins
    end: int = 0

    def wrong(self, at: int, what: str) -> Refused:
        return Refused(f"in the number pattern `{self.pattern[:80]}`, character {at + 1}: {what}")

    def check_quote(self) -> None:
        if self.quoted is not None:
            raise self.wrong(self.quoted, "this `'` is not closed")

    def read(self, at: int) -> None:
        affix, size = self.prefix, len(self.pattern)
        while at < size:
            sign = self.pattern[at]
            if self.quoted is None and sign in _DIGITS:
                at, affix = self._digits_from(at), self.suffix
            elif self.quoted is None and sign == ";":
                if self.negative or affix is self.prefix:
                    raise self.wrong(at, "`;` stands between two patterns only; quote it with `'`")
                at += 1
                break
            else:
                at = self._sign(at, sign, affix)
        self.end = at

    def _sign(self, at: int, sign: str, affix: list[tuple[str, bool]]) -> int:
        """One sign before or after the digits; gives the place behind it."""
        following = self.pattern[at + 1 : at + 2]
        if sign == "'" and following == "'":
            affix.append(("'", False))
            return at + 2
        if sign == "'":
            self.quoted = at if self.quoted is None else None
        elif self.quoted is not None:
            affix.append((sign, False))
        elif sign == "¤":
            self.money = True
            affix.append(("¤¤" if following == sign else sign, True))
            return at + (2 if following == sign else 1)
        else:
            self._multiply(at, sign)
            affix.append((sign, sign in _MULTIPLIERS or sign == "-"))
        return at + 1

    def _multiply(self, at: int, sign: str) -> None:
        if sign in _MULTIPLIERS:
            if self.multiplier != 1:
                raise self.wrong(at, "a second `%` or `‰`; quote it with `'`")
            self.multiplier = _MULTIPLIERS[sign]

    def _digits_from(self, at: int) -> int:
        """The digits; gives the place behind them."""
        while at < len(self.pattern):
            sign = self.pattern[at]
            if sign not in _DIGITS and sign != "E":
                break
            at += 1
            if self.negative:
                continue
            if sign == "E":
                return self._exponent(at)
            self._digit(at - 1, sign)
        return at

    def _digit(self, at: int, sign: str) -> None:
        if sign == ",":
            self.group = 0
        elif sign == ".":
            if self.point is not None:
                raise self.wrong(at, "a second `.`")
            self.point = self.left + self.zeros + self.right
        else:
            self._count(at, sign)
            if self.group is not None and self.point is None:
                self.group += 1

    def _count(self, at: int, sign: str) -> None:
        if sign == "0":
            if self.right:
                raise self.wrong(at, "a `0` behind `#` that follows another `0`")
            self.zeros += 1
        elif self.zeros:
            self.right += 1
        else:
            self.left += 1

    def _exponent(self, at: int) -> int:
        end = at
        while end < len(self.pattern) and self.pattern[end] == "0":
            end += 1
        # Java takes a second exponent right behind the first, and then writes negative numbers without their sign.
        if self.exponent or self.pattern[end : end + 1] == "E":
            raise self.wrong(end if not self.exponent else at - 1, "a second exponent")
        if end == at or self.left + self.zeros < 1:
            raise self.wrong(at - 1, "an exponent is written as `E0`, behind digits; quote the letter with `'`")
        self.exponent = end - at
        return end

    def digits(self) -> NumberPattern:
        """What the digits say, once they are read."""
        self.check_quote()
        if not self.zeros and self.left and self.point is not None:
            # `##.##` is `#0.##`, and `.##` is `.0#`.
            before = max(self.point, 1)
            self.right, self.left, self.zeros = self.left - before, before - 1, 1
        if self.group == 0:
            raise self.wrong(len(self.pattern) - 1, "no digit follows the last `,`")
        misplaced = self.right if self.point is None else not self.left <= self.point <= self.left + self.zeros
        if misplaced:
            raise self.wrong(len(self.pattern) - 1, "`#` stand outside of the `0`, on both sides of the point")
        total = self.left + self.zeros + self.right
        point = total if self.point is None else self.point
        return NumberPattern(
            fewest=point - self.left,
            most=point if self.exponent else None,
            fewest_decimals=0 if self.point is None else self.left + self.zeros - point,
            most_decimals=total - point,
            group=self.group or 0,
            exponent=self.exponent,
            always_point=self.point is not None and self.point in (0, total),
        )
