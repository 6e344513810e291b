"""The user's mistakes as values: a code (`codes` explains each), a place, what is wrong and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: More problems than this in one file help nobody.
MOST = 50
#: The longest piece of somebody's text that a message repeats.
ECHO = 80


class Severity(StrEnum):
    """How much a problem matters. Only errors keep a flow from running."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Lines and columns count from 1, in characters; `end_column` is the column after the last one."""

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    message: str
    hint: str | None = None
    end_line: int | None = None
    end_column: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API, the CLI's `-o json` and commit statuses show it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }

    @property
    def words(self) -> str:
        """`message (hint)`."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def line_text(self) -> str:
        """One line: `.flows/x.yaml:9:11: error HG-0220: message (hint)`."""
        return f"{escaped(self.path, 300)}:{self.line}:{self.column}: {self.severity} {self.code}: {self.words}"


def capped(problems: Iterable[Problem], most: int = MOST) -> tuple[Problem, ...]:
    """In the order of the file; over the cap, errors are kept first and the last entry says how many more there are."""
    found = sorted(set(problems), key=_position)
    if len(found) <= most:
        return tuple(found)
    kept = sorted(sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)[: most - 1], key=_position)
    severity = Severity.ERROR if any(problem.severity is Severity.ERROR for problem in found) else Severity.WARNING
    last = kept[-1]
    more = Problem("HG-0007", severity, last.path, last.line, last.column, f"at least {len(found) - len(kept)} more problems of this file are not shown")
    return (*kept, more)


def _position(problem: Problem) -> tuple[int, int, str, str]:
    return problem.line, problem.column, problem.code, problem.message


def escaped(text: object, most: int = ECHO) -> str:
    """Somebody's text, fit for a message: one line, capped, with control and invisible characters shown as escapes."""
    shown = str(text)
    short = shown[:most]
    if not short.isascii() or not short.isprintable():
        short = "".join(visible(character) for character in short)
    return short + "…" if len(shown) > most else short


def visible(character: str) -> str:
    """The character, or an escape for one that can't be seen."""
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def lines_of(source: str) -> Sequence[str]:
    """The lines as a YAML reader counts them."""
    return _BREAK.split(source)
