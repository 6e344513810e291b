"""The `headgate` command: thin commands over HTTP, and a few that need no server.

Data goes to stdout, talk to stderr. Exit codes are in `stop.py`. Modules of this package import what is heavy only where it is used, so
that `--help` and `flow validate` start fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console entry point; ends the process."""
    from service.cli.program import run

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Not every terminal speaks UTF-8; a name in a table must not end the command.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
