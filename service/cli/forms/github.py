"""Annotations for GitHub Actions: workflow commands, one on each line of the log."""

from __future__ import annotations

from collections.abc import Sequence

from service.cli.checked import Checked
from service.flows.problems import Problem


def text(checked: Sequence[Checked]) -> str:
    """One workflow command for each problem; what would end its fields is escaped as GitHub wants it."""
    return "\n".join(_annotation(problem) for found in checked for problem in found.problems)


def _annotation(problem: Problem) -> str:
    fields = {"file": problem.path, **_region(problem), "title": problem.code}
    named = ",".join(f"{name}={_field(str(value))}" for name, value in fields.items())
    return f"::{problem.severity.value} {named}::{_body(_message(problem))}"


def _region(problem: Problem) -> dict[str, int]:
    """GitHub refuses columns for what goes over several lines."""
    if problem.end_line is None or problem.end_column is None:
        return {"line": problem.line, "col": problem.column}
    if problem.end_line != problem.line:
        return {"line": problem.line, "endLine": problem.end_line}
    return {"line": problem.line, "col": problem.column, "endLine": problem.end_line, "endColumn": problem.end_column}


def _message(problem: Problem) -> str:
    return f"{problem.message}. {problem.hint}" if problem.hint else problem.message


def _body(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _field(value: str) -> str:
    return _body(value).replace(":", "%3A").replace(",", "%2C")
