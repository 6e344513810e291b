"""How a text of several lines differs, in time that grows with its length alone.

Lines that both sides have once anchor the comparison, the longest run of them that is in order; what lies between two anchors is compared in the same
way, to a fixed depth. Anything else is taken as replaced. That may find a few lines more than differ, never fewer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from service.flows.plan_values import LineChange
from service.flows.problems import escaped

_DEEPEST = 8
_AROUND = 2
_LONGEST_LINE = 160
_MOST_LINES = 24

Pair = tuple[int, int]


def line_change(before: Sequence[str], after: Sequence[str]) -> LineChange:
    """How the lines differ."""
    script = list(_script(before, after))
    shown = [number for number, (sign, _) in enumerate(script) if sign != " "]
    near = sorted({close for number in shown for close in range(number - _AROUND, number + _AROUND + 1) if 0 <= close < len(script)})
    excerpt: list[str] = []
    for last, number in zip([-1, *near], near, strict=False):
        if number != last + 1:
            excerpt.append("…")
        sign, line = script[number]
        excerpt.append(sign + escaped(line, _LONGEST_LINE))
    counted = Counter(sign for sign, _ in script)
    return LineChange(counted["+"], counted["-"], tuple(excerpt[:_MOST_LINES]), max(0, len(excerpt) - _MOST_LINES))


def _script(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each line with ` `, `-` or `+`, in the order of a diff."""
    old = new = 0
    for left, right in [*_pairs(before, after, (0, len(before)), (0, len(after)), _DEEPEST), (len(before), len(after))]:
        yield from (("-", line) for line in before[old:left])
        yield from (("+", line) for line in after[new:right])
        if left < len(before):
            yield " ", before[left]
        old, new = left + 1, right + 1


def _pairs(before: Sequence[str], after: Sequence[str], left: Pair, right: Pair, depth: int) -> Iterator[Pair]:
    """Numbers of lines that are the same, in the order of both sides, within these bounds."""
    (low, high), (start, end) = left, right
    while low < high and start < end and before[low] == after[start]:
        yield low, start
        low, start = low + 1, start + 1
    same = 0
    while low < high - same and start < end - same and before[high - same - 1] == after[end - same - 1]:
        same += 1
    if depth and low < high - same and start < end - same:
        at, to = low, start
        for one, other in [*_anchors(before, after, (low, high - same), (start, end - same)), (high - same, end - same)]:
            yield from _pairs(before, after, (at, one), (to, other), depth - 1 if (at, one, to, other) != (low, high - same, start, end - same) else 0)
            if one < high - same:
                yield one, other
            at, to = one + 1, other + 1
    yield from ((high - number, end - number) for number in range(same, 0, -1))


def _anchors(before: Sequence[str], after: Sequence[str], left: Pair, right: Pair) -> list[Pair]:
    """The longest run, in the order of both sides, of lines that each of them has once."""
    old = _once(before, left)
    new = _once(after, right)
    return increasing([(number, new[line]) for line, number in old.items() if line in new])


def _once(lines: Sequence[str], bounds: Pair) -> dict[str, int]:
    counted = Counter(lines[bounds[0] : bounds[1]])
    return {lines[number]: number for number in range(*bounds) if counted[lines[number]] == 1}


def increasing(pairs: Sequence[Pair]) -> list[Pair]:
    """Of pairs that are in order by their first number, the most that are in order by the second too."""
    ends: list[int] = []
    links: list[tuple[Pair, int]] = []
    last_of: list[int] = []
    for pair in pairs:
        length = bisect_left(ends, pair[1])
        ends[length : length + 1] = [pair[1]]
        last_of[length : length + 1] = [len(links)]
        links.append((pair, last_of[length - 1] if length else -1))
    chain: list[Pair] = []
    at = last_of[-1] if last_of else -1
    while at >= 0:
        pair, at = links[at]
        chain.append(pair)
    return chain[::-1]
