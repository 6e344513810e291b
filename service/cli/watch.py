"""Starts an execution, and follows one to its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from service.cli.client import Api, path
from service.cli.follow import exit_code, patiently, print_entry, shown, summary
from service.cli.options import Output
from service.cli.screen import document, say, show
from service.cli.stop import INTERRUPTED


def start(api: Api, flow: tuple[str, str], inputs: Mapping[str, str], labels: Mapping[str, str], revision: int | None) -> dict[str, Any]:
    """Starts a flow; says where it can be seen."""
    query = [("labels", f"{key}:{value}") for key, value in labels.items()] + ([("revision", str(revision))] if revision else [])
    execution: dict[str, Any] = api.send("POST", f"/executions{path(*flow)}", params=query, json={"inputs": dict(inputs)})
    if execution.get("url"):
        say(f"{execution['namespace']}.{execution['flowId']} {execution['id']} {execution['url']}")
    return execution


def watch(api: Api, execution: str, output: Output) -> int:
    """Prints the log until the execution has ended; returns the exit code of its final state. Ctrl-C leaves it running."""
    stream = sys.stdout if output is Output.TABLE else sys.stderr
    try:
        last = shown(api, execution, "", lambda entry: print_entry(entry, stream))
        final: dict[str, Any] = patiently(lambda: api.get(f"/executions{path(last)}"))
    except KeyboardInterrupt:
        return _detached(execution)
    if output is Output.JSON:
        document(final)
    say(summary(final))
    return exit_code(final["state"]["current"])


def stream_logs(api: Api, execution: str, level: str, output: Output) -> int:
    """As `watch`, from `execution logs -f`: with JSON output each entry is one line of JSON."""
    try:
        last = shown(api, execution, level, _print_json if output is Output.JSON else lambda entry: print_entry(entry, sys.stdout))
        final = patiently(lambda: api.get(f"/executions{path(last)}"))
    except KeyboardInterrupt:
        return _detached(execution)
    say(summary(final))
    return exit_code(final["state"]["current"])


def _print_json(entry: Mapping[str, Any]) -> None:
    """One entry in a line."""
    show(json.dumps(entry, ensure_ascii=False))


def _detached(execution: str) -> int:
    say(f"\nno longer watching; {execution} goes on. Cancel it with: headgate execution kill {execution}")
    return INTERRUPTED
