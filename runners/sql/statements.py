"""SQL text into statements, and parameters into the form of a driver: as much of the language as that needs, and no more.

A string, a quoted name, a comment or a dollar-quoted body hides what stands in it. A semicolon inside the body of a trigger or a function
(`BEGIN … END`) ends no statement.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runners.protocol import Unusable

_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*+|/\*)
    | (?P<text>(?<![\w$])[eE]'(?:[^'\\]++|''|\\.)*+(?:'|\Z) | '(?:[^']++|'')*+(?:'|\Z))
    | (?P<name>"(?:[^"]++|"")*+(?:"|\Z) | `[^`]*+(?:`|\Z))
    | (?P<body>(?<![\w$])\$(?P<tag>[A-Za-z_]\w*+)?\$)
    | (?P<word>[^\W\d][\w$]*+)
    | (?P<parameter>(?<![:\w\])]):[A-Za-z_]\w*+)
    | (?P<mark>\?\??)
    | (?P<end>;)
    | (?P<space>\s++)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `offset` is where it begins in the text that it was found in, `field` which property that is."""

    text: str
    whole: str
    offset: int
    field: str

    def at(self, offset: int) -> str:
        """A place in it, as people count: `sql, line 2, column 8`."""
        before = self.whole[: self.offset + min(max(offset, 0), len(self.text))]
        return f"{self.field}, line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"

    @property
    def verb(self) -> str:
        """Its first word, in capitals."""
        return next((self.text[at:end].upper() for kind, at, end in _tokens(self.text) if kind == "word"), "")


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement in the form of a driver: which parameters it names, in the order of their first use, and how places in it are found again."""

    statement: Statement
    text: str
    names: tuple[str, ...] = ()
    starts: tuple[tuple[int, int], ...] = ((0, 0),)

    def at(self, offset: int) -> str:
        """The place in the user's text of a place in this one."""
        index = bisect_right(self.starts, (offset, 1 << 62)) - 1
        ours, theirs = self.starts[max(index, 0)]
        return self.statement.at(theirs + offset - ours)


def split(text: str, field: str) -> list[Statement]:
    """The statements of a text, without the semicolons and what is empty."""
    found: list[Statement] = []
    begin, end, depth = -1, 0, 0
    words: list[str] = []
    for kind, at, after in _tokens(text):
        if kind == "end" and depth == 0:
            if begin >= 0:
                found.append(Statement(text[begin:end], text, begin, field))
            begin, words = -1, []
            continue
        if kind in ("space", "comment"):
            continue
        if kind == "word":
            words = [*words[:1], text[at:after].upper()]
            depth += _deeper(words, depth)
        begin, end = (at if begin < 0 else begin), after
    if begin >= 0:
        found.append(Statement(text[begin:end], text, begin, field))
    return found


def _deeper(words: Sequence[str], depth: int) -> int:
    """Of a statement that creates something: whether this word begins or ends a body."""
    if words[0] != "CREATE":
        return 0
    if words[-1] == "BEGIN" or (depth and words[-1] == "CASE"):
        return 1
    return -1 if depth and words[-1] == "END" else 0


def bind(statement: Statement, values: Mapping[str, object] | None, place: Callable[[str, int], str]) -> Bound:
    """Puts `place(name, number)` for each `:name`. Without values nothing is a parameter. Raises Unusable for a name that has no value."""
    if values is None:
        return Bound(statement, statement.text)
    names: list[str] = []

    def put(at: int, after: int) -> str:
        name = statement.text[at + 1 : after]
        if name not in values:
            raise Unusable(f"{statement.at(at)}: parameters has no value for :{name}")
        if name not in names:
            names.append(name)
        return place(name, names.index(name) + 1)

    text, starts = _replaced(statement.text, "parameter", put)
    return Bound(statement, text, tuple(names), starts)


def number(statement: Statement, place: Callable[[int], str]) -> tuple[Bound, int]:
    """Puts `place(number)` for each `?`, and `?` for `??`; also how many there are."""
    count = 0

    def put(at: int, after: int) -> str:
        nonlocal count
        if after - at == 2:
            return "?"
        count += 1
        return place(count)

    text, starts = _replaced(statement.text, "mark", put)
    return Bound(statement, text, (), starts), count


def _replaced(text: str, wanted: str, put: Callable[[int, int], str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text with each token of a kind replaced, and where its parts came from."""
    parts: list[str] = []
    starts, done, length = [(0, 0)], 0, 0
    for kind, at, after in _tokens(text):
        if kind == wanted:
            parts += text[done:at], put(at, after)
            length += at - done + len(parts[-1])
            done = after
            starts.append((length, done))
    return "".join((*parts, text[done:])), tuple(starts)


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """What a text is made of: kind, begin, end. What has no meaning here is `other`, one character each."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        kind, after = (str(found.lastgroup), found.end()) if found else ("other", at + 1)
        if found and found["body"]:
            kind, closed = "body", text.find(found["body"], after)
            after = closed + len(found["body"]) if closed >= 0 else len(text)
        elif found and found[0] == "/*":
            after = _comment(text, after)
        yield kind, at, after
        at = after


def _comment(text: str, at: int) -> int:
    """Where a comment ends; one may hold others."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(text, at)):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at if depth == 0 else len(text)
