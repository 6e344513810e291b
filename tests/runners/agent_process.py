"""An agent as a process of its own, to be killed. Arguments: the service's URL, the folder, `process` or `docker`, and how long it drains."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from runners.backends.docker import DockerBackend
from runners.client import HttpDispatcher, HttpFiles
from runners.crashpoints import arm_from
from runners.workspace import Workspace
from tests.runners.playing import agent, on_host
from tests.runners.wire import TOKEN


def main(url: str, base: str, kind: str, drain: str) -> None:
    """Runs until SIGTERM; then leaves what runs."""
    arm_from(os.environ)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def backends(folder: Path):
        return [on_host(folder) if kind == "process" else DockerBackend(Workspace(folder).instance())]

    agent(HttpDispatcher(url, TOKEN), HttpFiles(url, TOKEN), Path(base), backends, drain=float(drain), leave=True).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
