"""Processes that are born at once: one that has imported everything forks a child for each life, and the child may die as it likes.

A child is a process of its own, with threads and a database of its own; `os._exit` in it is what `kill -9` is to a service.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Nursery:
    """The process that forks. `module` has a function `live(**arguments)` that returns JSON."""

    def __init__(self, module: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen((sys.executable, "-m", module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=env, text=True)

    def live(self, **arguments: Any) -> tuple[int, Any]:
        """One life: its exit code, and what it gave back if it came to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, given = json.loads(self._process.stdout.readline())
        return code, given

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


def serve(live: Callable[..., Any]) -> None:
    """Forks for each line of stdin, until there are no more."""
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _be_born(live, json.loads(line), write)
        os.close(write)
        with os.fdopen(read) as answers:
            given = answers.read()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), json.loads(given or "null")]) + "\n")
        sys.stdout.flush()


def _be_born(live: Callable[..., Any], arguments: dict[str, Any], write: int) -> None:
    """The child. It never comes back."""
    code = 1
    try:
        given = json.dumps(live(**arguments), default=str)
        with os.fdopen(write, "w") as answers:
            answers.write(given)
        code = 0
    except BaseException:  # noqa: BLE001 - it ends here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)
