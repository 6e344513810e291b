"""Template text to tokens: Pebble's lexical grammar.

Outside of delimiters everything is text. Inside, words such as `is` and `contains` are operators wherever they stand (after a dot they are names again),
a single- or double-quoted text knows one escape, its own quote, and double quotes may hold `#{expression}`. `{%- … -%}` eats the white space around a
tag; line ends after tags are kept. `raw` (and `verbatim`) blocks become text here, so nothing in them is ever an expression. A dash beside a delimiter of a
comment is one of trimming only where white space stands behind it: `{#-----#}` is a line that somebody drew.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from service.expressions.errors import ExpressionError, error_at
from service.expressions.limits import Limits

TEXT, PRINT, PRINT_END, TAG, TAG_END, END = "text", "{{", "}}", "{%", "%}", "end"
NAME, NUMBER, STRING, OPERATOR, PUNCTUATION = "name", "number", "string", "operator", "punctuation"
#: A double-quoted text with expressions in it: OPEN (PART | INTERPOLATION … INTERPOLATION_END)* CLOSE.
OPEN, PART, INTERPOLATION, INTERPOLATION_END, CLOSE = "open", "part", "#{", "}", "close"

_LARGEST = 2**63 - 1
_MOST_DIGITS = 19
#: A part of a template has one token or a few; a template with many times more tokens than it may have parts isn't read to its end.
_TOKENS_OF_A_PART = 8
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_MATTERS = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%-*\s*raw\s*-*%\}(.*?)\{%-*\s*endraw\s*-*%\}", re.DOTALL)
_VERBATIM = re.compile(r"\{%-?\s*verbatim\s*(-?)%\}(.*?)\{%(-?)\s*endverbatim\s*(-?)%\}", re.DOTALL)
_RAW_START = re.compile(r"\{%-*\s*(raw|verbatim)\s*-*%\}")
_SPACE = re.compile(r"\s*")
#: What trimming takes away: Java's white space, to which no space belongs that keeps words together.
_BLANK = "".join(character for character in map(chr, range(0x3001)) if character.isspace() and character not in "\x85\xa0\u2007\u202f")
_EXPRESSION = re.compile(
    r"""
    (?P<operator>\?\?\?|\?\?|\.\.|==|!=|<=|>=|[<>+\-*/%~]|is\s+not(?!\w)|(?:is|not|and|or|contains|equals|isIn)(?!\w))
    | (?P<name>[^\W\d]\w*)
    | (?P<number>[0-9]+(?:\.[0-9]+)?)(?P<long>[lL](?!\w))?
    | (?P<punctuation>[()\[\]{}?:.,|=])
    | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
    | (?P<double>")
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_PART = re.compile(r'[^#"\\]*(?:(?:\\.|#(?!\{))[^#"\\]*)*', re.DOTALL)


class Token(NamedTuple):
    """One token: its kind, its value (text, or a number), and where it stands in the template (offsets, end exclusive)."""

    kind: str
    value: str | int | float
    start: int
    end: int


def has_expressions(template: str) -> bool:
    """Whether there is anything to do at all."""
    return "{" in template and _MATTERS.search(template) is not None


def tokenize(template: str, limits: Limits) -> list[Token]:
    """All tokens, ended by END. Raises ExpressionError at the first character that can't be read."""
    return _Lexer(template, limits).run()


class _Lexer:
    def __init__(self, template: str, limits: Limits) -> None:
        self.template = template
        self.limits = limits
        self.tokens: list[Token] = []
        self.position = 0
        self.strip_next = False
        self.level = 0

    def run(self) -> list[Token]:
        if len(self.template) > self.limits.text:
            raise self.error(0, f"a template longer than {self.limits.text:,} characters")
        while opening := _MATTERS.search(self.template, self.position):
            if len(self.tokens) > _TOKENS_OF_A_PART * self.limits.total_nodes:
                raise self.error(opening.start(), f"a template of more than {self.limits.total_nodes:,} parts")
            self.text(self.position, opening.start(), trim_end=self.trims(opening.end()) and not _RAW.match(self.template, opening.start()))
            self.opened(opening.group(), opening.start())
        self.text(self.position, len(self.template), trim_end=False)
        self.add(END, "", len(self.template), len(self.template))
        return self.tokens

    def error(self, offset: int, message: str) -> ExpressionError:
        return error_at(self.template, offset, message)

    def add(self, kind: str, value: str | float, start: int, end: int) -> None:
        self.tokens.append(Token(kind, value, start, end))

    def trims(self, offset: int) -> bool:
        """`{{-` and `{#-` trim only before white space: `{{-1}}` is a number."""
        return self.template[offset : offset + 1] == "-" and (self.template[offset - 1] == "%" or self.template[offset + 1 : offset + 2].isspace())

    def text(self, start: int, end: int, *, trim_end: bool) -> None:
        value = self.template[start:end]
        if self.strip_next:
            value = value.lstrip(_BLANK)
            self.strip_next = False
        if trim_end:
            value = value.rstrip(_BLANK)
        if value:
            self.add(TEXT, value, start, end)

    def opened(self, delimiter: str, start: int) -> None:
        if delimiter == "{#":
            self.comment(start)
        elif delimiter == "{{":
            self.inside(PRINT, PRINT_END, start)
        elif not self.raw(start):
            self.inside(TAG, TAG_END, start)

    def comment(self, start: int) -> None:
        end = self.template.find("#}", start + 2)
        if end < 0:
            raise self.error(start, "this comment is never closed; where `{#` is meant as it is, write {% raw %}{#{% endraw %}")
        self.strip_next = self.template[end - 1] == "-" and self.template[start + 2 : end - 1][-1:].isspace()
        self.position = end + 2

    def raw(self, start: int) -> bool:
        if not (opening := _RAW_START.match(self.template, start)):
            return False
        name = opening.group(1)
        block = (_RAW if name == "raw" else _VERBATIM).match(self.template, start)
        if not block:
            raise self.error(start, f"this `{name}` block is never closed by {{% end{name} %}}")
        value = block.group(1) if name == "raw" else block.group(2)
        self.strip_next = False
        if name == "verbatim":
            value = value.lstrip(_BLANK) if block.group(1) else value
            value = value.rstrip(_BLANK) if block.group(3) else value
            self.strip_next = bool(block.group(4))
        if value:
            self.add(TEXT, value, start, block.end())
        self.position = block.end()
        return True

    def inside(self, kind: str, closing: str, start: int) -> None:
        self.add(kind, kind, start, start + 2)
        self.position = start + 2 + self.trims(start + 2)
        self.expression(start, closing, closing)
        end = self.position
        if self.template[end] == "-":
            self.strip_next = True
            end += 1
        self.add(closing, closing, end, end + 2)
        self.position = end + 2

    def expression(self, start: int, closing: str, shown: str) -> None:
        """Tokens up to the closing delimiter, which is left where it is."""
        brackets: list[tuple[str, int]] = []
        last = start + self.limits.expression
        while True:
            self.position = _SPACE.match(self.template, self.position).end()  # type: ignore[union-attr]  # matches always
            if self.position > last:
                raise self.error(start, f"an expression longer than {self.limits.expression:,} characters")
            if not brackets and self.at_end(closing):
                return
            if self.position >= len(self.template):
                where, what = (brackets[-1][1], brackets[-1][0]) if brackets else (start, "#{" if shown == "}" else {"}}": "{{", "%}": "{%"}[shown])
                raise self.error(where, f"this `{what}` is never closed")
            self.token(brackets)

    def at_end(self, closing: str) -> bool:
        here = self.position
        return self.template.startswith(closing, here) or (len(closing) == 2 and self.template.startswith("-" + closing, here))

    def token(self, brackets: list[tuple[str, int]]) -> None:
        start = self.position
        match = _EXPRESSION.match(self.template, start)
        if not match:
            raise self.unreadable(start)
        kind = match.lastgroup
        self.position = end = match.end()
        if kind == "operator":
            self.operator(match.group(), start, end)
        elif kind == "name":
            self.add(NAME, match.group(), start, end)
        elif kind in ("number", "long"):
            self.number(match["number"], start, end)
        elif kind == "single":
            self.add(STRING, match["single"].replace("\\'", "'"), start, end)
        elif kind == "double":
            self.double(start)
        else:
            self.bracket(match.group(), start, brackets)
            self.add(PUNCTUATION, match.group(), start, end)

    def unreadable(self, start: int) -> ExpressionError:
        character = self.template[start]
        if character == "'":
            return self.error(start, "this text is never closed by `'`")
        hint = {"&": "; `and` is a word here", "!": "; `not` is a word here"}.get(character, "")
        return self.error(start, f"unexpected character `{character}`{hint}")

    def operator(self, text: str, start: int, end: int) -> None:
        after_dot = self.tokens[-1].kind == PUNCTUATION and self.tokens[-1].value == "."
        if after_dot and text.isidentifier():
            self.add(NAME, text, start, end)
        else:
            self.add(OPERATOR, " ".join(text.split()), start, end)

    def number(self, digits: str, start: int, end: int) -> None:
        if "." in digits:
            value: int | float = float(digits)
            if value == float("inf"):
                raise self.error(start, "this number is too large")
        else:
            digits = digits.lstrip("0") or "0"
            value = int(digits) if len(digits) <= _MOST_DIGITS else _LARGEST + 1
            if value > _LARGEST:
                raise self.error(start, "this number does not fit into 64 bits")
        self.add(NUMBER, value, start, end)

    def bracket(self, character: str, start: int, brackets: list[tuple[str, int]]) -> None:
        if character in _CLOSES:
            brackets.append((character, start))
            if len(brackets) > self.limits.depth:
                raise self.error(start, f"an expression nested deeper than {self.limits.depth} levels")
        elif character in _CLOSES.values():
            if not brackets:
                raise self.error(start, f"unexpected `{character}`")
            opening, where = brackets.pop()
            if _CLOSES[opening] != character and self.template.startswith(("}}", "%}"), start):
                raise self.error(where, f"this `{opening}` is never closed")
            if _CLOSES[opening] != character:
                raise self.error(start, f"`{character}` does not close the `{opening}` at column {self.error(where, '').column}")

    def double(self, start: int) -> None:
        """A double-quoted text: one STRING, or its parts when it interpolates."""
        whole = _DOUBLE_PART.match(self.template, self.position)
        assert whole is not None
        if self.template[whole.end() : whole.end() + 1] == '"':
            self.position = whole.end() + 1
            self.add(STRING, whole.group().replace('\\"', '"'), start, self.position)
            return
        self.add(OPEN, '"', start, start + 1)
        self.parts(start)

    def parts(self, start: int) -> None:
        while True:
            part = _DOUBLE_PART.match(self.template, self.position)
            assert part is not None
            if part.group():
                self.add(PART, part.group().replace('\\"', '"'), part.start(), part.end())
            self.position = part.end()
            if self.template.startswith("#{", self.position):
                self.interpolation()
            elif self.template.startswith('"', self.position):
                self.position += 1
                self.add(CLOSE, '"', self.position - 1, self.position)
                return
            else:
                raise self.error(start, 'this text is never closed by `"`')

    def interpolation(self) -> None:
        start = self.position
        self.level += 1
        if self.level > self.limits.blocks:
            raise self.error(start, f"texts interpolated deeper than {self.limits.blocks} levels")
        self.add(INTERPOLATION, "#{", start, start + 2)
        self.position += 2
        self.expression(start, "}", "}")
        self.add(INTERPOLATION_END, "}", self.position, self.position + 1)
        self.position += 1
        self.level -= 1
