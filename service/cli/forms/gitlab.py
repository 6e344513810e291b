"""A Code Quality report for GitLab: what `artifacts: reports: codequality:` takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from service.cli.checked import Checked
from service.cli.forms.places import fingerprinted, relative
from service.flows.problems import Problem, Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTICE: "info"}


def text(checked: Sequence[Checked]) -> str:
    """A list of issues, in JSON."""
    return json.dumps([_issue(problem, fingerprint) for problem, fingerprint in fingerprinted(checked)], indent=2, ensure_ascii=False)


def _issue(problem: Problem, fingerprint: str) -> dict[str, Any]:
    return {
        "type": "issue",
        "categories": ["Bug Risk"],
        "check_name": problem.code,
        "description": problem.words,
        "severity": _SEVERITIES[problem.severity],
        "fingerprint": fingerprint,
        "location": {"path": relative(problem.path), **_lines(problem)},
    }


def _lines(problem: Problem) -> dict[str, Any]:
    end_line, end_column = problem.end_line or problem.line, problem.end_column or problem.column
    return {
        "lines": {"begin": problem.line, "end": end_line},
        "positions": {"begin": {"line": problem.line, "column": problem.column}, "end": {"line": end_line, "column": end_column}},
    }
