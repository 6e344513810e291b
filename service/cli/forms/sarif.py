"""SARIF 2.1.0: one run, the codes that occur as its rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from service.cli.checked import Checked
from service.cli.forms.places import fingerprinted, relative
from service.flows.codes import CODES
from service.flows.problems import Problem, Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
#: Where lines end for a YAML reader, and so for our places.
_LINE_ENDS = ["\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"]


def text(checked: Sequence[Checked]) -> str:
    """The log, in JSON."""
    from importlib.metadata import version  # slow, and for this form alone

    found = list(fingerprinted(checked))
    codes = sorted({problem.code for problem, _ in found})
    run = {
        "tool": {"driver": {"name": "Headgate", "version": version("headgate"), "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_ENDS,
        "artifacts": [{"location": _artifact(path)} for path in dict.fromkeys(found.path for found in checked)],
        "results": [_result(problem, fingerprint, codes.index(problem.code)) for problem, fingerprint in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: str) -> dict[str, Any]:
    meaning = CODES[code]
    return {"id": code, "shortDescription": {"text": meaning.title}, "fullDescription": {"text": meaning.explanation}, "help": {"text": meaning.explanation}}


def _result(problem: Problem, fingerprint: str, rule: int) -> dict[str, Any]:
    place = {"artifactLocation": _artifact(problem.path), "region": _region(problem)}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": _LEVELS[problem.severity],
        "message": {"text": problem.words},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"headgateProblem/v1": fingerprint},
    }


def _artifact(path: str) -> dict[str, str]:
    """Relative to the root of the sources, where the file lies below the current directory."""
    name = relative(path)
    if name.startswith("/"):
        return {"uri": "file://" + quote(name)}
    # A first part with a colon would be read as a scheme, which `quote` prevents.
    return {"uri": quote(name), "uriBaseId": "%SRCROOT%"}


def _region(problem: Problem) -> dict[str, int]:
    region = {"startLine": problem.line, "startColumn": problem.column}
    end = (problem.end_line or problem.line, problem.end_column or 0)
    return region | {"endLine": end[0], "endColumn": end[1]} if end > (problem.line, problem.column) else region
