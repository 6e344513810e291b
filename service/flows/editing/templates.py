"""The expression that somebody is writing: its words so far, and what the template around it has given names to.

Reads forwards like the language's own lexer, but never refuses: what is wrong or unfinished further up is passed over. Each character is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from service.expressions.statements import ENDS

NAME, NUMBER, TEXT, OPEN, SIGN = "name", "number", "text", "open text", "sign"

#: Nobody writes longer ones by hand; of more only the end is read.
_LONGEST = 20_000
_DELIMITER = re.compile(r"\{[{%#]")
_CLOSING = {"{{": re.compile(r"-?\}\}"), "{%": re.compile(r"-?%\}")}
_RAW = re.compile(r"\{%-*\s*(raw|verbatim)\s*-*%\}")
_RAW_END = {name: re.compile(rf"\{{%-*\s*end{name}\s*-*%\}}") for name in ("raw", "verbatim")}
_SPACE = re.compile(r"\s*")
_WORD = re.compile(
    r"""
    (?P<text>'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")
    | (?P<open>'.*|".*)
    | (?P<name>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<sign>\?{2,3}|\.\.|[=!<>]=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
#: After a dot an id goes on over hyphens: what is meant is the id, though it is read as a subtraction.
_ID = re.compile(r"\w[\w-]*")
_KINDS = {"text": TEXT, "open": OPEN, "name": NAME, "number": NUMBER, "sign": SIGN}


class Word(NamedTuple):
    """One word of an expression, with its place in the text that was read."""

    kind: str
    text: str
    start: int
    end: int

    def is_(self, *signs: str) -> bool:
        """Whether it is one of these signs or names."""
        return self.kind in (SIGN, NAME) and self.text in signs


class Bound(NamedTuple):
    """A name that the template gives, and by which tag. A macro has parameters."""

    name: str
    tag: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What stands between the beginning of an expression (`{{`) or a tag (`{%`) and the place where somebody writes. `length` is the place.

    `bound` are the names that the template has given before, `waiting` the tags that have no end yet, the innermost last.
    """

    opened: str
    words: tuple[Word, ...]
    length: int
    bound: tuple[Bound, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def in_text(self) -> bool:
        """Whether the place lies in a text whose quote is not closed."""
        return bool(self.words) and self.words[-1].kind == OPEN


def unfinished(text: str) -> Unfinished | None:
    """The expression or tag that is open at the end of a template's text; None outside of them."""
    text = text[-_LONGEST:]
    found = _Reader(text).read()
    if found is None or not found.in_text:
        return found
    interpolated = _interpolated(text, found)
    if interpolated is not None:
        return interpolated
    # A quote that was forgotten further up hides all that follows it.
    last = max(text.rfind("{{"), text.rfind("{%"))
    if last > found.words[-1].start:
        inner = _Reader(text[last:]).read()
        words = tuple(word._replace(start=word.start + last, end=word.end + last) for word in inner.words) if inner else ()
        return inner and replace(inner, words=words, length=len(text), bound=found.bound, waiting=found.waiting)
    return found


def _interpolated(text: str, found: Unfinished) -> Unfinished | None:
    """What is open in the `#{` of a text in double quotes."""
    start = text.rfind("#{", found.words[-1].start)
    if start < 0 or text[found.words[-1].start] != '"':
        return None
    words, end = _words(text, start + 2, re.compile(r"\}"))
    return None if end is not None else replace(found, opened="{{", words=tuple(words))


def _words(text: str, at: int, closing: re.Pattern[str]) -> tuple[list[Word], int | None]:
    """The words up to the closing delimiter, and where that ends; None where there is none."""
    words: list[Word] = []
    level = 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        closed = closing.match(text, at) if level == 0 else None
        if closed is not None:
            return words, closed.end()
        if at >= len(text):
            return words, None
        word = _word(text, at, words)
        if word.kind == SIGN:
            level = max(0, level + (word.text in "([{") - (word.text in ")]}"))
        words.append(word)
        at = word.end


def _word(text: str, at: int, words: Sequence[Word]) -> Word:
    if words and words[-1].is_(".") and words[-1].end == at and (id := _ID.match(text, at)):
        return Word(NAME, id[0], at, id.end())
    match = _WORD.match(text, at)
    assert match is not None  # the last sign is any
    return Word(_KINDS[str(match.lastgroup)], match[0], at, match.end())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._bound: list[Bound] = []
        #: Tags that are open, and how many names there were when they began.
        self._waiting: list[tuple[str, int]] = []

    def read(self) -> Unfinished | None:
        at: int | None = 0
        while at is not None and (opening := _DELIMITER.search(self._text, at)):
            at = self._passed(opening[0], opening.start())
            if at is None and opening[0] in _CLOSING and not _RAW.match(self._text, opening.start()):
                words, _ = _words(self._text, opening.end() + self._text.startswith("-", opening.end()), _CLOSING[opening[0]])
                return Unfinished(opening[0], tuple(words), len(self._text), tuple(self._bound), tuple(tag for tag, _ in self._waiting))
        return None

    def _passed(self, opened: str, start: int) -> int | None:
        """Where the comment, the expression or the tag ends that begins here; None where it doesn't."""
        if opened == "{#":
            end = self._text.find("#}", start)
            return end + 2 if end >= 0 else None
        if raw := _RAW.match(self._text, start):
            close = _RAW_END[raw[1]].search(self._text, raw.end())
            return close.end() if close else None
        words, closed = _words(self._text, start + 2 + self._text.startswith("-", start + 2), _CLOSING[opened])
        if closed is not None and opened == "{%" and words:
            self._tag(words)
        return closed

    def _tag(self, words: Sequence[Word]) -> None:
        tag, name = words[0].text, words[1].text if len(words) > 1 else ""
        if tag == "set" and name:
            self._bound.append(Bound(name, tag))
        elif tag == "macro":
            parameters = tuple(word.text for before, word in zip(words[2:], words[3:], strict=False) if before.is_("(", ",") and word.kind == NAME)
            self._bound.append(Bound(name, tag, parameters))
            self._begin(tag, [Bound(parameter, "parameter") for parameter in parameters])
        elif tag in ENDS:
            self._begin(tag, [Bound(name, tag), Bound("loop", "loop")] if tag == "for" else [])
        elif tag.startswith("end") and any(open_ == tag[3:] for open_, _ in self._waiting):
            self._end(tag[3:])

    def _begin(self, tag: str, names: Sequence[Bound]) -> None:
        self._waiting.append((tag, len(self._bound)))
        self._bound.extend(names)

    def _end(self, tag: str) -> None:
        while self._waiting:
            open_, count = self._waiting.pop()
            stays = ("macro",) if open_ in ("for", "macro") else ("set", "macro")
            self._bound[count:] = [one for one in self._bound[count:] if one.tag in stays]
            if open_ == tag:
                return
