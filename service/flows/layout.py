"""The canonical layout of a YAML text: two spaces for each level, dashes two below their key.

Only the room between libyaml's tokens is written anew. The tokens themselves (keys, values, quotes, block scalars, anchors) and all comments are taken
over as they stand, so that nothing has to be read and written again that a library might spell in another way: `010`, `1_000`, escapes, folded lines,
merge keys. Columns of the old text are mapped to those of the new one level by level. What belongs to no level (comments, lines within brackets, the
further lines of a text) moves with the level it is in.

A second run finds every level where it already is, and so changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from yaml import tokens as t
from yaml._yaml import CParser

from service.flows.multiline import BREAK, block, moved

STEP = 2

_OPENING, _CLOSING = (t.FlowSequenceStartToken, t.FlowMappingStartToken), (t.FlowSequenceEndToken, t.FlowMappingEndToken)
_STARTS = (t.BlockMappingStartToken, t.BlockSequenceStartToken)
_MARKERS = (t.DirectiveToken, t.DocumentStartToken, t.DocumentEndToken)
#: What stands in the column of its level, and after which one space is left.
_INDICATORS = (t.BlockEntryToken, t.KeyToken, t.ValueToken)
_SPACED = (*_INDICATORS, *_MARKERS, t.AnchorToken, t.TagToken, t.AliasToken, t.FlowEntryToken)


class Level(NamedTuple):
    """A column of the old text, and where it is in the new one."""

    old: int
    new: int
    kind: type = t.BlockMappingStartToken

    def column(self, old: int) -> int:
        """Where another column goes that keeps its distance to this one."""
        return self.new + old - self.old


_ROOT = Level(0, 0)
#: The kind of a list whose dashes stand in the column of its key: libyaml has no token for its start and its end.
_DASHES = t.BlockEntryToken


def tokens(text: str) -> Iterator[Any]:
    """libyaml's tokens, the end of the stream included."""
    scan = CParser(text).get_token
    while type(token := scan()) is not t.StreamEndToken:
        yield token
    yield token


def laid_out(text: str) -> str:
    """The text in the canonical layout, with the line ends that its first line has. It has to be YAML that can be read."""
    first = BREAK.search(text)
    written = _Writer(text).written()
    return written.replace("\n", "\r\n") if first is not None and first[0] == "\r\n" else written


def comments(text: str) -> list[str]:
    """All comments in their order, from `#` to the end of the line."""
    found: list[str] = []
    end = 0
    for token in tokens(text):
        found += [comment for line in BREAK.split(text[end : token.start_mark.index]) if (comment := line.strip(" \t"))]
        end = max(end, token.end_mark.index)
        if _is_block(token):
            found += re.findall(r"#.*", BREAK.split(text[token.start_mark.index : end])[0].rstrip(" \t"))
    return found


def _is_block(token: Any) -> bool:
    return type(token) is t.ScalarToken and token.style in ("|", ">")


class _Writer:
    """Writes one text, token by token. `end` and `end_column` are where the last token ended in the old text, `column` is where the new one is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.column = self.end = self.end_column = 0
        self.fresh = True
        self.levels: tuple[Level, ...] = ()
        self.brackets = 0
        self.bracket = _ROOT
        self.last: type | None = None
        self.after_block = self.keeps = False

    def written(self) -> str:
        """The whole text. Tokens without a width (starts and ends of levels, keys) say what the next one is."""
        before, start, key = self.levels, None, False
        for token in tokens(self.text):
            kind = type(token)
            if kind in _STARTS:
                start = token
            elif kind is t.BlockEndToken:
                self._end_dashes()
                self.levels = self.levels[:-1]
            elif kind is t.KeyToken and token.start_mark.index == token.end_mark.index:
                key = True
            elif kind is not t.StreamStartToken:
                self._token(token, before, start, key)
                before, start, key = self.levels, None, False
        text = "".join(self.out)
        return text if self.keeps and self.fresh else text.rstrip("\n") + "\n"

    def _token(self, token: Any, before: tuple[Level, ...], start: Any, key: bool) -> None:
        kind, old = type(token), token.start_mark.column
        if start is None:
            self._change_dashes(kind, old, key)
        gap = self.text[self.end : token.start_mark.index]
        first = self.fresh or kind is t.StreamEndToken or BREAK.search(gap) is not None
        new = self._first_column(kind, old, start, key) if first else self.column + self._space(kind, gap)
        if start is not None:
            self.levels = (*self.levels, Level(old, new, type(start)))
        if first:
            self._gap(gap, before, Level(old, new) if kind is not t.StreamEndToken else None)
        if kind is t.StreamEndToken:
            return
        self._write(" " * (new - self.column))
        self._content(token, Level(old, new) if first and not key and not self.brackets else None)
        self.brackets += (kind in _OPENING) - (kind in _CLOSING)
        self.last = kind

    def _change_dashes(self, kind: type, old: int, key: bool) -> None:
        """A dash in a map begins a list without a start of its own, which ends where the next key of that map comes."""
        if self.brackets:
            return
        if kind is t.BlockEntryToken and (not self.levels or self.levels[-1].kind is t.BlockMappingStartToken):
            self.levels = (*self.levels, Level(old, self._inner(), _DASHES))
        elif key or kind is t.KeyToken or kind is t.ValueToken:
            self._end_dashes()

    def _end_dashes(self) -> None:
        if self.levels and self.levels[-1].kind is _DASHES:
            self.levels = self.levels[:-1]

    def _content(self, token: Any, own: Level | None) -> None:
        """The token itself. Its further lines go with it where it begins a line (`own`), else with what is around it."""
        anchor, least = (own, own.new) if own else (self._around(), self._around().new + STEP)
        if type(token) in _OPENING:
            self.bracket = anchor
        start, self.end, self.end_column = token.start_mark.index, token.end_mark.index, token.end_mark.column
        self.after_block = self.keeps = False
        raw = self.text[start : self.end]
        if _is_block(token):
            level = self._around()
            found = block(raw, level.old, level.new, STEP, self.end == len(self.text))
            self.end, self.after_block, self.keeps = start + found.length, True, found.keeps
            self._write(found.text)
        else:
            self._write(moved(raw, anchor.new - anchor.old, least) if BREAK.search(raw) else raw)

    def _inner(self) -> int:
        """The column of what stands one level deeper."""
        return self.levels[-1].new + STEP if self.levels else 0

    def _around(self) -> Level:
        """The brackets around this place, or else its level."""
        if self.brackets:
            return self.bracket
        return self.levels[-1] if self.levels else _ROOT

    def _first_column(self, kind: type, old: int, start: Any, key: bool) -> int:
        """Where the first token of a line goes."""
        if self.brackets:
            return max(self.bracket.column(old), self.bracket.new + (0 if kind in _CLOSING else STEP))
        if kind in _MARKERS:
            return 0
        if start is None and self.levels and (key or kind in _INDICATORS):
            return self.levels[-1].new
        return self._inner()

    def _space(self, kind: type, gap: str) -> int:
        """How much room is left before a token that follows another on its line."""
        if self.last in _OPENING:
            return 0
        if self.last in _SPACED:
            return 1
        if kind in _CLOSING or kind is t.FlowEntryToken or kind is t.ValueToken:
            return 0
        return min(1, len(gap))

    def _gap(self, gap: str, before: tuple[Level, ...], following: Level | None) -> None:
        """The end of a line, lines of comments, blank lines. `before` are the levels that were open there."""
        rest, *lines = BREAK.split(gap)
        if self.fresh:
            lines = [rest, *lines]
        else:
            self._line_end(rest, before)
        if lines and not lines[-1].strip(" \t"):
            lines.pop()  # the indentation of what follows
        for line in lines:
            comment = line.strip(" \t")
            if comment:
                column = self._comment_column(len(line) - len(line.lstrip(" \t")), before, following)
                self._write(" " * column + comment)
                self.after_block = self.keeps = False
            self._newline()

    def _line_end(self, rest: str, before: tuple[Level, ...]) -> None:
        comment = rest.strip(" \t")
        if comment:
            room = len(rest) - len(rest.lstrip(" \t"))
            level = self.bracket if self.brackets else before[-1] if before else _ROOT
            # Comments below each other stay so where there is room, however much their lines have shrunk.
            column = max(level.column(self.end_column + room), self.column + max(1, min(room, 2)))
            self._write(" " * (column - self.column) + comment)
        self._newline()

    def _comment_column(self, old: int, before: tuple[Level, ...], following: Level | None) -> int:
        """A comment goes with what follows it in its column; else it keeps its distance to the level that it stands in."""
        if self.brackets:
            return max(self.bracket.column(old), self.bracket.new + STEP)
        if following is not None and old == following.old:
            return following.new
        # In the column of a key and of the dashes below it, a comment is the key's: there it need not move.
        inside = [level for level in before if level.old < old or (level.old == old and level.kind is not _DASHES)]
        level = inside[-1] if inside else _ROOT
        if len(inside) < len(before):
            return min(level.column(old), before[len(inside)].new)
        if following is not None and old > level.old and following.new > level.new:
            return following.new
        # Any deeper, it would belong to the text above it.
        return level.new if self.after_block else level.column(old)

    def _write(self, text: str) -> None:
        self.out.append(text)
        self.fresh = self.fresh and not text
        # What follows a text of several lines on its last one is in brackets, or a comment.
        self.column = self.column + len(text) if "\n" not in text else len(text) - text.rindex("\n") - 1

    def _newline(self) -> None:
        self.out.append("\n")
        self.column, self.fresh = 0, True
