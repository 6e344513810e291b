"""What `flow validate` knows of one text after it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.flows.problems import Problem, Severity


@dataclass(frozen=True, slots=True)
class Checked:
    """One text and what is to be said of it. `origin` is the commit that it was read from, empty for a file."""

    path: str
    source: str
    identity: tuple[str, str] | None
    problems: tuple[Problem, ...]
    origin: str = ""
    strict: bool = False

    @property
    def valid(self) -> bool:
        """No errors; where it is strict, no warnings either."""
        wrong = (Severity.ERROR, Severity.WARNING) if self.strict else (Severity.ERROR,)
        return not any(problem.severity in wrong for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """As `-o json` shows it."""
        namespace, id = self.identity or (None, None)
        problems = [{**problem.as_json(), "endLine": problem.end_line, "endColumn": problem.end_column} for problem in self.problems]
        return {"path": self.path, "namespace": namespace, "id": id, "valid": self.valid, "problems": problems}


def counted(checked: Sequence[Checked]) -> str:
    """`2 files checked: 1 error, 3 notices`."""
    problems = [problem for found in checked for problem in found.problems]
    counts = [(sum(problem.severity is severity for problem in problems), severity.value) for severity in Severity]
    said = ", ".join(number(count, name) for count, name in counts if count)
    return f"{number(len(checked), 'file')} checked: {said or 'no problems'}"


def number(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
