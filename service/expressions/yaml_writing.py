"""Data to YAML text, as Kestra's writer lays it out: blocks of two spaces, no `---`, no folded lines. A list stands one column to the right of its key, and a
map or list inside of it begins on a line of its own.

Text stays bare where it can, is literal (`|`) where it has lines, and else quoted: in double quotes where it holds a character that means something in
YAML or would be read as another type, in single quotes where it only begins or ends badly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.values import is_list, is_number, java_text
from service.expressions.yaml_reading import resolve

_STEP = 2
_LONGEST_KEY = 127
_RESERVED = frozenset("y Y n N ~ <<".split())
_HEXADECIMAL = re.compile(r"[-+]?0[xX][0-9a-fA-F]+")
#: Brackets, commas, comments and colons: such a text is always quoted.
_MEANING = re.compile(r"[\[\]{},]|(?:^|[ \t])#|:(?:[ \t]|$)", re.MULTILINE)
#: What can't stand in a bare or single-quoted text.
_NOT_PLAIN = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NOT_LITERAL = re.compile(f"{_NOT_PLAIN.pattern[:2]}\n{_NOT_PLAIN.pattern[2:]}| (?:\n|$)")
_BAD_BEGIN = re.compile(r"[#,\[\]{}&*!|>'\"%@` ]|[-?:](?:[ ]|$)|---|\.\.\.")
_ESCAPED = re.compile(f'["\\\\\xa0]|{_NOT_PLAIN.pattern}')
_ESCAPES = {
    **{'"': '\\"', "\\": "\\\\", "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v"},
    **{"\f": "\\f", "\r": "\\r", "\x1b": "\\e", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P"},
}


def yaml_text(value: Any, budget: Budget) -> str:
    """A value as a YAML document, with its line end. Raises Refused."""
    writer = _Writer(budget)
    writer.item(value, -_STEP, budget.limits.nesting)
    text = "".join(writer.parts)
    budget.text(len(text))
    return text


class _Writer:
    """Writes lines. A map or list whose first line has been begun already (behind `: `) leaves out the indentation of that line."""

    def __init__(self, budget: Budget) -> None:
        self.parts: list[str] = []
        self._budget = budget

    def _out(self, text: str) -> None:
        self._budget.spend(4)
        self._budget.text(len(text))
        self.parts.append(text)

    def item(self, value: Any, indent: int, levels: int) -> None:
        """A value on the line that has been begun at `indent`."""
        if _holds(value):
            self._nested(value, indent + _STEP, levels, begun=True)
        else:
            self._out(f"{self._scalar(value, max(indent, 0) + _STEP)}\n")

    def _nested(self, value: Any, indent: int, levels: int, *, begun: bool = False) -> None:
        if levels <= 0:
            raise Refused(f"maps and lists are nested deeper than {self._budget.limits.nesting} levels")
        write = self._entry if isinstance(value, Mapping) else self._element
        pad = " " * indent
        for part in value.items() if isinstance(value, Mapping) else value:
            self._out("" if begun else pad)
            begun = False
            write(part, indent, levels - 1)

    def _element(self, value: Any, indent: int, levels: int) -> None:
        self._out(" -")
        if _holds(value):
            self._out("\n")
            self._nested(value, indent + _STEP, levels)
        else:
            self._out(f" {self._scalar(value, indent + _STEP, _STEP - 1)}\n")

    def _entry(self, entry: tuple[Any, Any], indent: int, levels: int) -> None:
        key, value = entry
        name = java_text(key, self._budget)
        if len(name) > _LONGEST_KEY:
            self._out(f"? {_name(name)}\n{' ' * indent}: ")
            self.item(value, indent, levels)
            return
        self._out(f"{_name(name)}:")
        if not _holds(value):
            self._out(f" {self._scalar(value, indent + _STEP)}\n")
            return
        self._out("\n")
        self._nested(value, indent + _STEP if isinstance(value, Mapping) else indent, levels)

    def _scalar(self, value: Any, indent: int, step: int = _STEP) -> str:
        """Its lines, if it has some, at `indent`: `step` columns to the right of the key or dash that it belongs to."""
        if value is None or isinstance(value, bool) or is_number(value):
            return _bare(value, self._budget)
        if isinstance(value, Mapping) or is_list(value):
            return "{}" if isinstance(value, Mapping) else "[]"
        text = java_text(value, self._budget)
        self._budget.text(len(text) + text.count("\n") * indent)  # before the lines are indented
        return _text(text, indent, step)


def _holds(value: Any) -> bool:
    return (isinstance(value, Mapping) or is_list(value)) and len(value) > 0


def _bare(value: Any, budget: Budget) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return java_text(value, budget)


def _name(text: str) -> str:
    """A key: it is text for every reader, so only words are quoted that look like something else."""
    words = not text or text in _RESERVED or not isinstance(resolve(text) if text[0].isalpha() else text, str) or _HEXADECIMAL.fullmatch(text)
    return _quoted(text) if words else _plain(text, ": " in text or " #" in text or text.endswith(":"))


def _text(text: str, indent: int, step: int) -> str:
    if not text or _MEANING.search(text) or text in _RESERVED or _is_another_type(text):
        return _quoted(text)
    if "\n" in text:
        return _literal(text, indent, step) if not _NOT_LITERAL.search(text) else _quoted(text)
    return _plain(text, False)


def _is_another_type(text: str) -> bool:
    """Whether it would be read as null, a boolean or a number. What is too long for a number is quoted too."""
    return (text[0] in "+-.0123456789~nNtTfFyYoO" and len(text) > 1_000) or not isinstance(resolve(text), str)


def _plain(text: str, quoted: bool) -> str:
    if _NOT_PLAIN.search(text):
        return _quoted(text)
    if quoted or text[-1] == " " or _BAD_BEGIN.match(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _literal(text: str, indent: int, step: int) -> str:
    hint = str(step) if text[0] in " \n" else ""
    if not text.endswith("\n"):
        chomp = "-"
    else:
        chomp = "+" if text in ("\n",) or text.endswith("\n\n") else ""
        text = text[:-1]
    pad = "\n" + " " * indent
    lines = "".join(f"{pad}{line}" if line else "\n" for line in text.split("\n"))
    return f"|{hint}{chomp}{lines}"


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _ESCAPES.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")
