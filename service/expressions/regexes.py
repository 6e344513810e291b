r"""Java regular expressions on Python's engine, for patterns whose cost is bounded.

Python backtracks and can't be stopped, so a pattern that could take exponential time is refused before it runs: no quantifier around a group that can
repeat or choose, no back references, few choices, and at most two repetitions that what follows them could match too. A repetition that anything follows
may read to the end from every start: then the text has to be short, because that costs its square, or its cube.
`$1` in a replacement is Java's way to write `\1`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from service.expressions.errors import Refused
from service.expressions.limits import Budget

_LONGEST_PATTERN = 1_000
#: By the degree of the cost: the longest text, and how many ways there may be to try one start.
_LONGEST = {1: 1_048_576, 2: 3_900, 3: 200}
_MOST_WAYS = {1: 100, 2: 4, 3: 4}
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d{1,4})(?:(,)(\d{0,4}))?\})([?+]?)")
#: One character that stands for itself and must be there.
_LITERAL = re.compile(r"(?:([^\\\[\](){}.*+?^$|])|\\([^\w\s]))(?![*?{])")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_GROUP = re.compile(r"\((?:\?(?::|=|!|<=|<!|<[A-Za-z][A-Za-z0-9]*>|[imsx]+\)))?")


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern, and what running it costs: how many ways one start can be tried in, and which power of the text's length it takes."""

    pattern: re.Pattern[str]
    ways: int
    degree: int

    def pay(self, text: str, budget: Budget) -> str:
        """The text, when it is short enough for this pattern; its search is paid for. Raises Refused."""
        longest = _LONGEST[self.degree]
        if len(text) > longest:
            raise Refused(f"the regular expression `{self.pattern.pattern[:60]}` could take too long on a text of more than {longest:,} characters")
        budget.spend((2 * len(text) ** self.degree * self.ways) >> 4)
        return text


@lru_cache(maxsize=512)
def regex(source: str) -> Regex:
    """Compiles a Java pattern. Raises Refused for one that is wrong, or that could take too long."""
    if len(source) > _LONGEST_PATTERN:
        raise Refused("this regular expression is too long")
    cost = _Cost(source)
    cost.look()
    try:
        pattern = re.compile(re.sub(r"(?<!\\)\(\?<([A-Za-z])", r"(?P<\1", source), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(f"the regular expression `{source[:60]}` is wrong: {error}") from None
    return Regex(pattern, cost.ways, cost.degree)


@dataclass(slots=True)
class _Group:
    """An open group: how many branches it has, and whether what it matches can vary."""

    branches: int = 1
    varies: bool = False


class _Cost:
    """A look over a pattern, left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.ways = 1  #: how many ways one start could be tried in
        self.inside = 0  #: endless repetitions that what follows them could also match
        self.pending = False  #: an endless repetition has just ended
        self.repeated = ""  #: the single character or class that it repeats; nothing for a group
        self.looks = False  #: a repetition is followed by something, or looks ahead: each start may read to the end
        self.groups = [_Group()]

    @property
    def degree(self) -> int:
        return max(1 + self.inside, 2 if self.looks else 1)

    def look(self) -> None:
        position = 0
        while position < len(self.source):
            character = self.source[position]
            if self.pending and character not in ")|":
                self.follows(position)
            end, varies = self.atom(position)
            match = None if character in "|(" else _QUANTIFIER.match(self.source, end)
            if match:
                self.quantified(match, varies, "" if character == ")" else self.source[position:end])
                end = match.end()
            position = end
        self.ways *= self.groups[0].branches
        if self.ways > _MOST_WAYS.get(self.degree, 0):
            raise self.too_long()

    def follows(self, position: int) -> None:
        """Something stands behind an endless repetition. A character that it can't match itself leaves no choice where it ends."""
        self.pending = False
        self.looks = True
        literal = _LITERAL.match(self.source, position)
        if not literal or not self.repeated or re.fullmatch(self.repeated, literal[1] or literal[2], re.ASCII | re.DOTALL):
            self.inside += 1

    def too_long(self) -> Refused:
        return Refused(f"the regular expression `{self.source[:60]}` could take too long; use fewer repetitions")

    def wrong(self, why: str) -> Refused:
        return Refused(f"the regular expression `{self.source[:60]}` is wrong: {why}")

    def atom(self, position: int) -> tuple[int, bool]:
        """The end of what starts here, and, for a group that ends here, whether what it matches can vary."""
        match self.source[position]:
            case "\\":
                return self.escape(position), False
            case "[":
                found = _CLASS.match(self.source, position)
                if not found:
                    raise self.wrong("`[` is not closed")
                return found.end(), False
            case "(":
                return self.open(position), False
            case ")":
                return position + 1, self.close()
            case "|":
                self.groups[-1].branches += 1
                self.varies()
        return position + 1, False

    def open(self, position: int) -> int:
        found = _GROUP.match(self.source, position)
        if not found:
            raise self.wrong("`(` is not closed")
        if not found.group().endswith(")"):
            self.groups.append(_Group())
        self.looks = self.looks or found.group().startswith(("(?=", "(?!", "(?<=", "(?<!"))
        return found.end()

    def close(self) -> bool:
        if len(self.groups) == 1:
            raise self.wrong("`)` closes nothing")
        group = self.groups.pop()
        self.ways *= group.branches
        return group.varies

    def escape(self, position: int) -> int:
        following = self.source[position + 1 : position + 2]
        if (following.isdigit() and following != "0") or following in tuple("kpPQGXRhH"):
            raise Refused(f"`\\{following}` in a regular expression is not supported by this version of Headgate")
        return position + 2

    def varies(self) -> None:
        for group in self.groups:
            group.varies = True

    def quantified(self, found: re.Match[str], group_varies: bool, atom: str) -> None:
        text = found.group()
        exact = text[0] == "{" and not found[2]
        if group_varies and text[0] != "?":
            raise self.too_long()
        if exact:
            return
        if text[0] == "?":
            self.ways *= 2
        else:
            self.pending, self.repeated = True, atom
        self.varies()


def replacement(template: str) -> str:
    """Java's replacement text as Python's."""
    result, index = "", 0
    while index < len(template):
        character, following = template[index], template[index + 1 : index + 2]
        if character == "\\" and following:
            result += "\\\\" if following == "\\" else following
            index += 2
        elif character == "$" and following.isdigit():
            result += f"\\g<{following}>"
            index += 2
        elif character == "$" and (name := re.match(r"\{([A-Za-z][A-Za-z0-9]*)\}", template[index + 1 :])):
            result += f"\\g<{name[1]}>"
            index += 1 + name.end()
        else:
            result += "\\\\" if character == "\\" else character
            index += 1
    return result
