"""`headgate run FILE`: the service's engine and backends in this process, on the working tree."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from service.cli.follow import exit_code, log_line, summary
from service.cli.lint import check, render
from service.cli.screen import document, say
from service.cli.signals import signals_raise
from service.cli.stop import WRONG, Stop
from service.cli.talk import log_to_stderr
from service.cli.times import clock
from service.local import run_locally


def run_file(file: Path, inputs: dict[str, str], backend: str, as_json: bool) -> int:
    """Runs the flow and prints its log as it goes; returns the exit code of its final state."""
    if not file.exists():
        raise Stop(WRONG, f"there is no file {file}")
    found = check(file)
    if not found.valid:
        render([found], "full")
        return WRONG
    log_to_stderr("WARNING")
    stream = sys.stderr if as_json else sys.stdout

    def on_line(task: str, level: str, message: str) -> None:
        print(log_line(task, level, message, clock(datetime.now(UTC).isoformat()), stream), file=stream, flush=True)

    with signals_raise():
        state, execution = run_locally(file, inputs, backend, os.environ, on_line)
    if as_json:
        document(execution)
    say(summary(execution))
    return exit_code(state)
