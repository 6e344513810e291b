"""`execution show`: one execution for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from service.cli.screen import harmless, labels, paint, show, state, table
from service.cli.times import date_and_time, duration, length

_LONGEST = 2000


def print_detail(execution: Mapping[str, Any]) -> None:
    """The head as lines, the task runs as a table, then what they gave."""
    width = max(len(name) for name, _ in _head(execution))
    for name, value in _head(execution):
        show(f"{paint(f'{name:<{width}}', '1', sys.stdout)}  {value}")
    runs = execution.get("taskRunList") or []
    if runs:
        show("")
        table(("TASK", "STATE", "STARTED", "DURATION", "ATTEMPTS", "MESSAGE"), map(_run, runs), right=("DURATION", "ATTEMPTS"))
    outputs = [run for run in runs if run.get("outputs")]
    if outputs:
        show("")
    for run in outputs:
        show(f"{paint('outputs.' + run['taskId'], '1', sys.stdout)} {_json(run['outputs'])}")


def _head(execution: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in _facts(execution) if value]


def _facts(execution: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "id", str(execution["id"])
    yield "flow", f"{execution['namespace']}.{execution['flowId']} revision {execution.get('flowRevision')}"
    yield "state", state(execution["state"]["current"], sys.stdout)
    yield "started", date_and_time(execution["state"].get("startDate"))
    yield "duration", length(duration(execution["state"]))
    commit = execution.get("commit") or {}
    yield "commit", harmless(" ".join(str(commit[key]) for key in ("repository", "sha", "ref") if commit.get(key)))
    yield "labels", harmless(labels(execution.get("labels")))
    yield "inputs", _json(execution["inputs"]) if execution.get("inputs") else ""
    yield "trigger", harmless(str((execution.get("trigger") or {}).get("id") or ""))
    yield "url", str(execution.get("url") or "")


def _run(run: Mapping[str, Any]) -> tuple[Any, ...]:
    attempts = run.get("attempts") or []
    message = attempts[-1].get("message") if attempts else None
    name = f"{run['taskId']} [{run['value']}]" if run.get("value") is not None else run["taskId"]
    took = length(duration(run["state"]))
    return name, run["state"]["current"], date_and_time(run["state"].get("startDate")), took, len(attempts), message


def _json(value: Any) -> str:
    text = harmless(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… (-o json shows all)"
