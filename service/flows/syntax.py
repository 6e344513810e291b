"""libyaml's complaints, told so that the person who wrote the file sees what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yaml import YAMLError

from service.flows.problems import escaped

#: `key:value` where `key: value` was meant; `http://…` and `a::b` are left alone.
UNSPACED = re.compile(r"(?P<key>[A-Za-z_][\w.-]*):(?=[^\s:/])")
_NO_SPACE = re.compile(rf"\s*(?:- +)?{UNSPACED.pattern}")
_FOREIGN_SPACE = re.compile(r"[ ]*(?:- *)*(?:[\w.'\"-]+:)?(?P<space>[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])")
_EXPRESSION = re.compile(r"(?:^\s*|[:,\[]\s+|-\s+)(?P<braces>\{\{)")
_VALUE = re.compile(r"\s*(?:- +)*(?:[\w.'\"-]+:\s+)?")
_NO_SPACE_AFTER_DASH = re.compile(r"(?P<margin>\s*)-(?P<key>[A-Za-z_][\w.-]*):(?:\s|$)")
_AFTER_BRACKET = re.compile(r"[:-]\s+(?P<whole>\{[^{}]*\}|\[[^\[\]]*\])\s*(?=[^\s#,\]}])")
_AFTER_QUOTE = re.compile(r"""[:-]\s+("[^"]*"|'[^']*')\s+(?=[^\s#])""")


@dataclass(frozen=True, slots=True)
class Explained:
    """A code, a place (from 1), and words."""

    code: str
    line: int
    column: int
    message: str
    hint: str | None = None


def explain(error: YAMLError, lines: Sequence[str]) -> Explained:
    """What is most likely wrong. The guesses look at the text around the place; none fits: libyaml's own words."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    text = lines[line] if line < len(lines) else ""
    problem = str(getattr(error, "problem", None) or "it can't be read")
    context = getattr(error, "context_mark", None)
    for guess in (_tab, _foreign_space, _expression, _missing_space, _dash, _colon_in_text, _after_quote, _after_bracket, _indicator):
        found = guess(problem, lines, line, column, text)
        if found:
            return found
    if "unexpected end of stream" in problem and context:
        return Explained("HG-0100", context.line + 1, context.column + 1, "a quote is opened here and never closed", "close it, or double it inside the text")
    if "',' or" in problem and context and context.line < line:
        return Explained(
            "HG-0100", context.line + 1, context.column + 1, "a bracket is opened here and never closed", "text that begins with a bracket needs quotes"
        )
    if "escape" in problem:
        return Explained("HG-0100", line + 1, column + 1, _worded(problem), "in double quotes a backslash begins an escape; use single quotes, or \\\\")
    return Explained("HG-0100", line + 1, column + 1, _worded(problem), _indentation(problem))


def _worded(problem: str) -> str:
    return f"this is not YAML: {problem}"


def _indentation(problem: str) -> str | None:
    if "expected key" in problem or "'-' indicator" in problem or "block end" in problem:
        return "check the indentation: what belongs together begins in the same column"
    if "',' or" in problem:
        return "a bracket is opened and not closed; text that begins with a bracket needs quotes"
    if "sequence entries" in problem:
        return "a list begins on a line of its own, below its key"
    return None


def _tab(_problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    margin = text[: len(text) - len(text.lstrip())]
    if "\t" in margin and column <= len(margin):
        return Explained("HG-0106", line + 1, margin.index("\t") + 1, "a tab can't indent YAML", "use spaces")
    if text[column : column + 1] == "\t":
        return Explained("HG-0106", line + 1, column + 1, "a tab can't stand here", "use spaces")
    return None


def _foreign_space(_problem: str, lines: Sequence[str], line: int, _column: int, text: str) -> Explained | None:
    """A space of web pages and word processors where YAML looks for a plain one."""
    for number, candidate in _with_above(lines, line, text):
        found = _FOREIGN_SPACE.match(candidate)
        if found:
            name = f"U+{ord(found['space']):04X}"
            return Explained("HG-0100", number + 1, found.start("space") + 1, f"this is no space to YAML but {name}", "replace it with a plain space")
    return None


def _expression(_problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    found = _EXPRESSION.search(text)
    if found is None or column < found.start("braces"):
        return None
    start = found.start("braces") + 1
    return Explained("HG-0108", line + 1, start, "an expression at the start of a value needs quotes", 'put the whole value in quotes: "{{ … }} …"')


def _missing_space(problem: str, lines: Sequence[str], line: int, _column: int, text: str) -> Explained | None:
    if "mapping values" not in problem and "expected ':'" not in problem:
        return None
    for number, candidate in _with_above(lines, line, text):
        found = _NO_SPACE.match(candidate)
        if found:
            key = found["key"]
            return Explained("HG-0107", number + 1, found.end(), f"a space is missing after `{key}:`", f"write `{key}: …`")
    return None


def _with_above(lines: Sequence[str], line: int, text: str) -> Iterator[tuple[int, str]]:
    """A line and the nearest one above it that is not empty."""
    yield line, text
    above = next((number for number in range(line - 1, max(-1, line - 20), -1) if lines[number].strip()), None)
    if above is not None:
        yield above, lines[above]


def _dash(problem: str, lines: Sequence[str], line: int, _column: int, text: str) -> Explained | None:
    if "mapping values" not in problem and "expected key" not in problem and "expected ':'" not in problem:
        return None
    for number, candidate in _with_above(lines, line, text):
        found = _NO_SPACE_AFTER_DASH.match(candidate)
        if found:
            return Explained("HG-0107", number + 1, len(found["margin"]) + 1, "a space is missing after `-`", f"write `- {found['key']}: …`")
    return None


def _colon_in_text(problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    if "mapping values" not in problem:
        return None
    value = _VALUE.match(text)
    start = value.end() if value else 0
    if 0 < start < column:
        return Explained("HG-0108", line + 1, column + 1, "a colon and a space in text that is not quoted", "put the whole text in quotes")
    return Explained("HG-0100", line + 1, column + 1, _worded(problem), "check the indentation of this line and of the one above")


def _after_quote(problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    found = _AFTER_QUOTE.search(text)
    if "expected key" not in problem or found is None or found.end() != column:
        return None
    return Explained("HG-0100", line + 1, column + 1, "text follows a closing quote", "put the whole value in quotes; quotes within it are doubled ('it''s')")


def _after_bracket(problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    found = _AFTER_BRACKET.search(text)
    if "expected key" not in problem or found is None or found.end() != column:
        return None
    sign = found["whole"][0]
    return Explained("HG-0108", line + 1, found.start("whole") + 1, f"text that begins with {sign} must be in quotes", "put the whole value in quotes")


def _indicator(problem: str, _lines: Sequence[str], line: int, column: int, text: str) -> Explained | None:
    """Text whose first character is one of YAML's own."""
    for start in (column, column - 1):
        sign = text[start : start + 1]
        if sign and sign in "%@`}]|>&*!" and _begins_value(text, start):
            whole = escaped(text[start:].rstrip(), 60)
            quote = '"' if '"' not in whole and "\\" not in whole else "'"
            return Explained("HG-0108", line + 1, start + 1, f"text that begins with {sign} must be in quotes", f"write {quote}{whole}{quote}")
    if "found character that cannot start any token" in problem:
        return Explained("HG-0108", line + 1, column + 1, "this character can't begin a value", "put the text in quotes")
    return None


def _begins_value(text: str, start: int) -> bool:
    value = _VALUE.match(text)
    return start == 0 or (value is not None and value.end() == start)
