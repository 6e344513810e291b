"""Java's regular expressions, run in bounded time.

What RE2 can run, it runs: its time grows with the text and the pattern, and is paid for by both. The rest, and the search for all matches of a pattern that
may read on to the end for each of them, goes to a backtracking engine on a time ration. That is paid for before it is used, in rising rations: the steps of
a render bound the time of everything in it, with no clock in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import re2

from service.expressions.characters import package
from service.expressions.errors import Refused
from service.expressions.java_patterns import Translation, translate
from service.expressions.limits import Budget

T = TypeVar("T")

_LONGEST_PATTERN = 1_000
#: Steps and seconds of each ration, which begins from the start.
_RATIONS = ((2_000, 0.002), (60_000, 0.03), (600_000, 0.25))
_MEMORY = 1 << 20
#: Characters: the backtracking engine remembers where it has been.
_LONGEST_BACKTRACKED = 1_048_576
_TERMINATORS = ("\n", "\r", "\x85", "\u2028", "\u2029")
#: Up to this length the square of it is cheap enough.
_SHORT = 2_048
#: The backtracking engine writes out as many copies of what is repeated as there must be.
_MOST_ROUNDS = 10_000
_ROUND = 4
_SMALL = 300  #: what is larger is not kept
_MATCH, _FAST_MATCH, _PROPERTY = 14, 4, 30_000
#: Tenths of an instruction that RE2 needs for each range of Unicode's large sets; only few of them are at work at a time.
_SET_PART = 16


class Match(Protocol):
    """What either engine gives for a match."""

    def group(self, group: int, /) -> Any:
        """The text of a group, None when it took no part."""

    def start(self) -> int:
        """Where it begins."""

    def end(self) -> int:
        """Where it ends."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern that is ready to run."""

    source: str
    translation: Translation
    linear: Any  #: RE2's form, None without one
    weight: int  #: instructions that RE2 may be busy with at each character

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return self.translation.groups

    def group(self, named: str) -> int | None:
        """The number of a named group."""
        return self.translation.names.get(named)

    def first(self, text: str, budget: Budget) -> Match | None:
        """The first match anywhere in the text. Raises Refused when looking for it takes too long."""
        if self._is_linear(text):
            self._pay(text, budget)
            found: Match | None = self.linear.search(text)
        else:
            found = self._rationed(text, budget, lambda full, seconds: full.search(text, timeout=seconds, concurrent=True))
        return found

    def all(self, text: str, budget: Budget, most: int = -1) -> list[Match]:
        """All matches, at most `most` of them. Raises Refused when looking for them takes too long, or when there are too many.

        A pattern that repeats nothing is run by the engine that gives matches fastest.
        """
        if self._is_linear(text) and not self.translation.fixed:
            if not self.translation.far or len(text) <= _SHORT:
                self._pay(text, budget)
                budget.spend(len(text) ** 2 >> 8 if self.translation.far else 0)
                return _taken(self.linear.finditer(text), budget, most, _MATCH)
            if self.first(text, budget) is None:
                return []
        return self._rationed(text, budget, lambda full, seconds: _stepped(full, text, budget, most, seconds))

    def _is_linear(self, text: str) -> bool:
        if self.linear is None:
            return False
        if self.translation.lines and (not text or text.endswith(_TERMINATORS) or any(odd in text for odd in _TERMINATORS[1:])):
            return False
        if text.isascii():
            return True
        edges = self.translation.edges
        return not ("B" in edges or _has_halves(text) or (edges and _mark().search(text)))

    def _pay(self, text: str, budget: Budget) -> None:
        budget.spend(20 + (len(text) * self.weight >> 5))

    def _rationed(self, text: str, budget: Budget, run: Callable[[Any, float], T]) -> T:
        if len(text) > _LONGEST_BACKTRACKED:
            raise Refused(f"the regular expression `{self.source[:60]}` can't be run on a text of more than {_LONGEST_BACKTRACKED:,} characters")
        budget.spend((len(text) >> 4) + _ROUND * self.translation.rounds)
        full = _small(self.source) if self.translation.rounds <= _SMALL else _backtracking(self.source)
        for steps, seconds in _RATIONS:
            budget.spend(steps)
            try:
                return run(full, seconds)
            except TimeoutError:
                continue
            except MemoryError:
                break
        raise Refused(f"the regular expression `{self.source[:60]}` took too long on a text of {len(text):,} characters")


def _has_halves(text: str) -> bool:
    """Whether there are halves of surrogate pairs, which have no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _stepped(full: Any, text: str, budget: Budget, most: int, seconds: float) -> list[Match]:
    """Java goes on one character after an empty match; the engine looks for a longer one at the same place first. Where it finds one it is asked
    for the matches that overlap too, so that those can be taken which begin where Java looks."""
    found = _taken(full.finditer(text, timeout=seconds, concurrent=True), budget, most, _FAST_MATCH)
    if all(one.end() < other.start() or one.start() < one.end() for one, other in pairwise(found)):
        return found
    return _taken(_apart(full.finditer(text, timeout=seconds, concurrent=True, overlapped=True)), budget, most, _FAST_MATCH)


def _apart(found: Iterable[Match]) -> Iterator[Match]:
    at = 0
    for match in found:
        if match.start() >= at:
            yield match
            at = match.end()


def _taken(found: Iterable[Match], budget: Budget, most: int, price: int) -> list[Match]:
    matches: list[Match] = []
    last = -1
    for match in found:
        if len(matches) == most:
            break
        budget.spend(price)
        empty = match.start() if match.start() == match.end() else -1
        if empty == last >= 0:
            continue  # RE2's iterator gives an empty match twice when it had to look for it
        last = empty
        matches.append(match)
        if len(matches) > budget.limits.items:
            budget.items(len(matches))
    return matches


def regex(source: str, budget: Budget) -> Regex:
    """A Java pattern, paid for as if it were compiled when a value names it first. Raises Refused for one that is wrong."""
    if len(source) > _LONGEST_PATTERN:
        raise Refused("this regular expression is too long")
    budget.once(("regex", source), 20 + 100 * len(source) + _PROPERTY * source.count("\\p{"), 20)
    return _kept(source)


@lru_cache(maxsize=128)
def _kept(source: str) -> Regex:
    translation = translate(source)
    linear = _linear(translation)
    weight = linear.programsize - translation.sets * _SET_PART // 10 if linear is not None else 0
    return Regex(source, translation, linear, max(8, weight))


def _linear(translation: Translation) -> Any:
    if translation.linear is None:
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(translation.linear, options)
    except (re2.error, UnicodeEncodeError):
        return None  # RE2 knows counts up to 1,000 and programs of a certain size


@lru_cache(maxsize=64)
def _small(source: str) -> Any:
    return _backtracking(source)


@cache
def _mark() -> Any:
    return package().compile(r"\p{Mn}")


def _backtracking(source: str) -> Any:
    backtracking = package()
    translation = translate(source)
    if translation.rounds > _MOST_ROUNDS:
        raise Refused(f"the regular expression `{source[:60]}` repeats too much")
    try:
        return backtracking.compile(translation.full, backtracking.V1, cache_pattern=False)
    except (backtracking.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
        raise Refused(f"the regular expression `{source[:60]}` can't be run: {error}") from None


def expand(template: str, pattern: Regex) -> Callable[[Match], str]:
    r"""What a replacement text makes of a match: `$1`, `$12` as far as there are so many groups, `${name}`, `\$`. Raises Refused where Java does."""
    parts = list(_parts(template, pattern))
    if len(parts) == 1 and isinstance(parts[0], str):
        fixed = parts[0]
        return lambda _match: fixed
    return lambda match: "".join([part if isinstance(part, str) else match.group(part) or "" for part in parts])


def _parts(template: str, pattern: Regex) -> Iterator[str | int]:
    index, text = 0, ""
    while index < len(template):
        character, following = template[index], template[index + 1 : index + 2]
        if character == "\\" and not following:
            raise Refused("the replacement ends with `\\`; as a character it is written `\\\\`")
        if character == "$":
            yield text
            text = ""
            group, index = _group(template, index + 1, pattern)
            yield group
            continue
        text += following if character == "\\" else character
        index += 2 if character == "\\" else 1
    yield text


def _group(template: str, at: int, pattern: Regex) -> tuple[int, int]:
    """The group that is named after a `$`, and where the text goes on."""
    if template.startswith("{", at):
        end = template.find("}", at)
        name = template[at + 1 : end] if end > 0 else ""
        number = pattern.group(name)
        if number is None:
            raise Refused(f"the replacement names the group `{name[:40]}`, which the pattern does not have")
        return number, end + 1
    digits = template[at : at + 1]
    if not digits or digits not in "0123456789":
        raise Refused("a `$` in a replacement is followed by a group, `$1` or `${name}`; as a character it is written `\\$`")
    number, at = int(digits), at + 1
    if number > pattern.groups:
        raise Refused(f"the replacement names the group {number}, which the pattern does not have")
    while (digit := template[at : at + 1]) and digit in "0123456789" and number * 10 + int(digit) <= pattern.groups:
        number, at = number * 10 + int(digit), at + 1
    return number, at
