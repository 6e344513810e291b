"""A problem with the line that it is about, as a terminal shows it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from service.flows.problems import Problem, Severity, escaped, lines_of, visible

#: How much of a long line is shown.
WIDTH = 100
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTICE: "36"}


def excerpt(problem: Problem, source: str, color: bool = False) -> str:
    """The problem with the line it is about, the place underlined, as it is shown in a terminal."""
    lines = lines_of(source.removeprefix("\ufeff"))
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    width = max(3, len(str(problem.line)))
    bar = f"{' ' * width}|"
    shown, before, marked = _window(line, problem)
    paint = _painter(problem.severity) if color else _bare
    rows = [
        f"{paint(f'{problem.severity}[{problem.code}]' if problem.code else problem.severity)}: {problem.message}",
        f"{' ' * (width - 1)}--> {escaped(problem.path, 300)}:{problem.line}:{problem.column}",
        bar,
        f"{problem.line:>{width}}| {shown}".rstrip(),
        f"{bar} {' ' * before}{paint('^' * marked)}",
    ]
    if problem.hint:
        rows.append(f"{' ' * width}= help: {problem.hint}")
    return "\n".join(rows)


def _window(line: str, problem: Problem) -> tuple[str, int, int]:
    """The part of the line around the column, the cells before the mark, and the width of the mark."""
    column = min(problem.column - 1, len(line))
    first = max(0, column - WIDTH // 2) if len(line) > WIDTH else 0
    part = line[first : first + WIDTH]
    end = problem.end_column - 1 if problem.end_column and problem.end_line in (None, problem.line) else _token_end(line, column)
    cells = [_cell(character) for character in part]
    start = column - first
    before, marked = cells[:start], cells[start : max(start + 1, min(end - first, len(part)))]
    shown = "".join(cells)
    left, right = ("…" if first else ""), ("…" if first + WIDTH < len(line) else "")
    return left + shown + right, len(left) + _cells(before), max(1, _cells(marked))


def _token_end(line: str, column: int) -> int:
    match = re.compile(r"""'[^']*'|"[^"]*"|[^\s:,\]}]+(?::[^\s]+)*|.""").match(line, column)
    return match.end() if match else column + 1


def _cell(character: str) -> str:
    """One character for one, so that columns stay true."""
    if character == "\t":
        return "→"
    return character if visible(character) == character else "\ufffd"


def _cells(characters: Iterable[str]) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in characters)


def _painter(severity: Severity) -> Callable[[str], str]:
    return lambda text: f"\x1b[1;{_COLOURS[severity]}m{text}\x1b[0m"


def _bare(text: str) -> str:
    return text
