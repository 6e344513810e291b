"""What dbt leaves of a run: one result for each node, and log lines as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

#: How large `run_results.json` and `manifest.json` may be to be read, in bytes; and how many nodes stand in a task's outputs.
READ_CAP, NODES_CAP = 64 << 20, 1_000

#: dbt's word for how a node ended → the state of a task run.
STATES: Mapping[str, str] = {
    "success": "SUCCESS",
    "pass": "SUCCESS",
    "no-op": "SUCCESS",
    "reused": "SUCCESS",
    "warn": "WARNING",
    "partial success": "WARNING",
    "skipped": "SKIPPED",
    "error": "FAILED",
    "runtime error": "FAILED",
    "fail": "FAILED",
}
_LEVELS = {"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR"}


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one model, test, seed or snapshot."""

    node: str
    kind: str
    status: str
    state: str
    seconds: float
    started: datetime | None = None
    ended: datetime | None = None
    message: str | None = None
    relation: str | None = None

    def shown(self) -> dict[str, Any]:
        """As it stands in the outputs."""
        times = {"startDate": self.started.isoformat() if self.started else None, "endDate": self.ended.isoformat() if self.ended else None}
        found = {"id": self.node, "type": self.kind, "status": self.status, "state": self.state, "seconds": self.seconds, "message": self.message}
        return {name: value for name, value in {**found, **times, "relation": self.relation}.items() if value is not None}


class Unreadable(Exception):
    """A file of dbt's is not as dbt writes it; the message says what is wrong."""


def results(run_results: Path, manifest: Path | None = None) -> tuple[NodeResult, ...]:
    """The results in a `run_results.json`; the manifest names what kind of thing each node is. Raises Unreadable."""
    content, nodes = _read(run_results), (_read(manifest).get("nodes") if manifest else None) or {}
    found = content.get("results")
    if not isinstance(found, list) or not all(isinstance(one, dict) and isinstance(one.get("unique_id"), str) for one in found):
        raise Unreadable(f"{run_results.name} has no list of results")
    return tuple(_result(one, nodes if isinstance(nodes, dict) else {}) for one in found)


def entry(line: str) -> tuple[str, str] | None:
    """Level and text of a log line that dbt wrote as JSON; None for any other line."""
    if not (line.startswith("{") and '"info"' in line):
        return None
    try:
        info = json.loads(line)["info"]
        return _LEVELS.get(str(info["level"]), "INFO"), str(info["msg"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def trouble(found: Sequence[NodeResult]) -> str | None:
    """What failed, in one sentence; None when nothing did."""
    failed = [one for one in found if one.state == "FAILED"]
    if not failed:
        return None
    named = ", ".join(one.node + (f" ({' '.join(one.message.split())[:200]})" if one.message else "") for one in failed[:3])
    return f"{len(failed)} of {len(found)} nodes failed: {named}" + (f", and {len(failed) - 3} more" if len(failed) > 3 else "")


def _read(path: Path) -> Mapping[str, Any]:
    if path.is_symlink() or not path.is_file():
        raise Unreadable(f"{path.name} is not there")
    if path.stat().st_size > READ_CAP:
        raise Unreadable(f"{path.name} is larger than {READ_CAP >> 20} MiB")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"{path.name} is not JSON: {problem}") from problem
    if not isinstance(content, dict):
        raise Unreadable(f"{path.name} is no JSON object")
    return content


def _result(one: Mapping[str, Any], nodes: Mapping[str, Any]) -> NodeResult:
    node, status = one["unique_id"], str(one.get("status") or "")
    known = nodes.get(node) if isinstance(nodes.get(node), dict) else {}
    moments = sorted(_moments(one.get("timing")))
    seconds = one.get("execution_time")
    return NodeResult(
        node=node,
        kind=str((known or {}).get("resource_type") or node.partition(".")[0]),
        status=status,
        state=STATES.get(status, "FAILED"),
        seconds=round(float(seconds), 6) if isinstance(seconds, int | float) else 0.0,
        started=moments[0] if moments else None,
        ended=moments[-1] if moments else None,
        message=str(one["message"])[:2000] if one.get("message") else None,
        relation=str(one["relation_name"]) if one.get("relation_name") else None,
    )


def _moments(timing: Any) -> Iterator[datetime]:
    for part in timing if isinstance(timing, list) else ():
        for name in ("started_at", "completed_at"):
            text = part.get(name) if isinstance(part, dict) else None
            try:
                moment = datetime.fromisoformat(text) if isinstance(text, str) else None
            except ValueError:
                moment = None
            if moment is not None and moment.tzinfo is not None:
                yield moment
