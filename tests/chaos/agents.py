"""An agent's life: the real program, born at once, on a folder that others have had before it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from runners import __main__ as program
from runners.crashpoints import VARIABLE
from tests.chaos import nursery


def live(argv: list[str], marks: str, log: str, crash: str = "") -> int:
    """Until its death at one of the points; or until somebody writes `over` and all is cleared away. Told to end once, when a task says `leave`; the next agent
    finds `left` there, and says `go`."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 2)
    folder = Path(marks)
    if (folder / "left").exists():
        (folder / "go").touch()
    jobs = Path(argv[argv.index("--base") + 1]) / "jobs"
    threading.Thread(target=_end_in_time, args=(folder, jobs), daemon=True).start()
    os.environ[VARIABLE] = crash
    return program.main(argv, os.environ)


def _end_in_time(folder: Path, jobs: Path) -> None:
    tick = threading.Event()
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # it would be no orderly end
        tick.wait(0.01)
    while not (folder / "over").exists() or any(jobs.iterdir()):
        if (folder / "leave").exists() and not (folder / "left").exists():
            (folder / "left").touch()
            break
        tick.wait(0.02)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    nursery.serve(live)
