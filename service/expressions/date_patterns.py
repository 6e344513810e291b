"""The patterns of Java's DateTimeFormatter, read into fields: `yyyy-MM-dd'T'HH:mm[:ss]`.

A field is a letter and how often it stands in a row; how often it may is Java's own table, and anything else is an error as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from service.expressions.errors import Refused

LONGEST_PATTERN = 200
_MOST_CHOICES = 20


class Text(NamedTuple):
    """What stands in a date as it is."""

    text: str


class Field(NamedTuple):
    """A letter, how often it is repeated, and to which width it is padded with spaces (0: it isn't)."""

    letter: str
    width: int
    pad: int = 0


class Choice(NamedTuple):
    """`[…]`: always written, may be missing where a date is read."""

    nodes: tuple[Node, ...]


Node: TypeAlias = Text | Field | Choice

_ANY = range(1, 20)
#: How often each letter may be repeated.
WIDTHS: Mapping[str, range | tuple[int, ...]] = {
    **dict.fromkeys("uyYAnNg", _ANY),
    **dict.fromkeys("GMLQqEeXxZ", range(1, 6)),
    **dict.fromkeys("dhHkKmsw", range(1, 3)),
    **dict.fromkeys("aFW", range(1, 2)),
    "D": range(1, 4),
    "c": (1, 3, 4, 5),
    "B": (1, 4, 5),
    "S": range(1, 10),
    "V": (2,),
    "v": (1, 4),
    "O": (1, 4),
    "z": range(1, 5),
}


@lru_cache(maxsize=512)
def nodes(pattern: str) -> tuple[Node, ...]:
    """The parts of a pattern. Raises Refused for one that can't be read."""
    if len(pattern) > LONGEST_PATTERN:
        raise Refused("this date pattern is too long")
    if pattern.count("[") > _MOST_CHOICES:
        raise Refused(f"this date pattern has more than {_MOST_CHOICES} optional parts")
    found, end = _sequence(pattern, 0)
    if end < len(pattern):
        raise Refused(f"the date pattern `{pattern}` has a `]` without a `[` before it")
    return found


def _sequence(pattern: str, index: int) -> tuple[tuple[Node, ...], int]:
    """Nodes up to the end or the `]` that closes them; a `[` that isn't closed reaches to the end, as in Java."""
    result: list[Node] = []
    while index < len(pattern) and pattern[index] != "]":
        letter = pattern[index]
        if letter == "[":
            inner, index = _sequence(pattern, index + 1)
            result.append(Choice(inner))
            index += 1
        elif letter.isascii() and letter.isalpha():
            field, index = _field(pattern, index)
            result.append(field)
        else:
            text, index = _text(pattern, index)
            result.append(Text(text))
    return tuple(result), index


def _field(pattern: str, index: int) -> tuple[Field, int]:
    letter, width = pattern[index], _run(pattern, index)
    index += width
    pad = 0
    if letter == "p":
        if index == len(pattern) or not (pattern[index].isascii() and pattern[index].isalpha()):
            raise Refused(f"in the date pattern `{pattern}` no letter follows `p`, which pads the next one")
        letter, pad, width = pattern[index], width, _run(pattern, index)
        index += width
    allowed = WIDTHS.get(letter)
    if allowed is None:
        raise Refused(f"the date pattern `{pattern}` holds the letter `{letter}`, which has no meaning here; quote text with `'`")
    if width not in allowed:
        raise Refused(f"the date pattern `{pattern}` holds `{letter * min(width, 25)}`: of `{letter}` there may be {_counts(allowed)}")
    return Field(letter, width, pad), index


def _counts(allowed: range | tuple[int, ...]) -> str:
    if isinstance(allowed, range) and len(allowed) > 2:
        return f"{allowed[0]} to {allowed[-1]}"
    return " or ".join(map(str, allowed))


def _run(pattern: str, index: int) -> int:
    end = index
    while end < len(pattern) and pattern[end] == pattern[index]:
        end += 1
    return end - index


def _text(pattern: str, index: int) -> tuple[str, int]:
    letter = pattern[index]
    if letter == "'":
        return _quoted(pattern, index)
    if letter in "{}#":
        raise Refused(f"the date pattern `{pattern}` holds `{letter}`, which has no meaning; quote it with `'`")
    return letter, index + 1


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    if pattern.startswith("''", start):
        return "'", start + 2
    end, text = start + 1, ""
    while True:
        close = pattern.find("'", end)
        if close < 0:
            raise Refused(f"in the date pattern `{pattern}` a `'` is not closed")
        text += pattern[end:close]
        if not pattern.startswith("''", close):
            return text, close + 1
        text, end = text + "'", close + 2


def flat(found: tuple[Node, ...]) -> Iterator[Text | Field]:
    """All texts and fields, the optional ones too: as a date is written."""
    for node in found:
        if isinstance(node, Choice):
            yield from flat(node.nodes)
        else:
            yield node
