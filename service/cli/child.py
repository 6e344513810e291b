"""A service as a child process of this command: started, waited for, and always stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.cli.client import Api
from service.cli.signals import signals_raise
from service.cli.stop import FAILED, Stop

_START, _GRACE, _KILL = 30.0, 25.0, 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """A service that answers."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raises Stop when it has ended."""
        if self.process.poll() is not None:
            raise Stop(FAILED, f"the service has ended with exit code {self.process.returncode}; the end of {self.log}:\n{_tail(self.log)}")


@contextmanager
def running(data: Path, environ: Mapping[str, str]) -> Iterator[Child]:
    """Runs `headgate up` with this data folder, on port 8080 where it is free; stops it at the end, whatever happens. Raises Stop when it does not
    get ready."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data / "service.log"
    with signals_raise(), log.open("wb") as output:
        process = _start(data, free_port(8080), environ, output)
        try:
            if not _wait(process, data, log):
                process = _start(data, 0, environ, output)  # somebody else took the port in between
                _wait(process, data, log)
            child = Child(_url(data, process), process, log)
            child.check()
            yield child
        finally:
            stop(process)


def _start(data: Path, port: int, environ: Mapping[str, str], output: BinaryIO) -> subprocess.Popen[bytes]:
    # -P and a path of our own: a folder `service` where this command was called is not ours.
    command = [sys.executable, "-P", "-m", "service", "up", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    # A session of its own: Ctrl-C reaches this command alone, which then stops the service in order.
    return subprocess.Popen(command, env=_plain(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], data: Path, log: Path) -> bool:
    """Until it is ready; False when it has ended. Its own file says where it is: on the port that was asked for somebody else may answer."""
    deadline = time.monotonic() + _START
    while not ((url := _url(data, process)) and Api(url).ready()):
        if process.poll() is not None:
            return False
        if time.monotonic() > deadline:
            raise Stop(FAILED, f"the service is not ready after {_START:.0f} s; the end of {log}:\n{_tail(log)}")
        time.sleep(0.03)
    return True


def _url(data: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the child says that it is; empty while it has said nothing."""
    try:
        said = json.loads((data / "server.json").read_text("utf-8"))
        return str(said["url"]) if said["pid"] == process.pid else ""
    except (OSError, ValueError, KeyError):
        return ""


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_KILL)


def free_port(wanted: int) -> int:
    """The wanted port where it is free, else another."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise Stop(FAILED, "no port of 127.0.0.1 can be bound")


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings that are meant for another service."""
    kept = {name: value for name, value in environ.items() if not name.startswith("HEADGATE_") and name != "KESTRA_CONFIGURATION"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), kept.get("PYTHONPATH"))))}


def _tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(f"  {line}" for line in log.read_text("utf-8", "replace").splitlines()[-lines:])
    except OSError as failure:
        return f"  {failure}"


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """For the real git, without this user's configuration, hooks, signing keys, credentials and proxies."""
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    fixed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    person = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Demo"), ("EMAIL", "demo@headgate.invalid"))}
    return kept | fixed | person
