"""A real service in a process of its own, for figures that are taken from outside, over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

_START, _STOP = 30.0, 30.0


@contextmanager
def station(**settings: str) -> Iterator[httpx2.Client]:
    """A client of a fresh service; the settings are HEADGATE_* without the prefix."""
    with serving(**settings) as (client, _):
        yield client


def memory(pid: int) -> float:
    """The most that a process has held so far, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


@contextmanager
def serving(**settings: str) -> Iterator[tuple[httpx2.Client, int]]:
    """As `station`, with the process id of the service."""
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        chosen = {"data": str(Path(folder) / "data"), **settings}
        environment = os.environ | {f"HEADGATE_{name.upper()}": value for name, value in chosen.items()}
        command = [sys.executable, "-m", "service", "up", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
                _wait(client)
                yield client, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP)


def _wait(client: httpx2.Client) -> None:
    until = time.monotonic() + _START
    while time.monotonic() < until:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise TimeoutError("the service did not start")
