"""The agent as a program: beside the service (`headgate up` starts it), or alone on another host (`headgate runner`)."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from runners import processes
from runners.agent import Agent, Locked, Timing
from runners.apart import Limits
from runners.backend import Backend, Backends
from runners.backends.docker import DockerBackend
from runners.backends.process import ProcessBackend
from runners.client import HttpDispatcher, HttpFiles, HttpRegistry
from runners.crashpoints import arm_from
from runners.options.docker import Docker
from runners.options.process import Process
from runners.protocol import Dispatcher, Files, Gone, Refused, RunnerInfo, Unreachable
from runners.workspace import Workspace

OK, FAILED, UNREACHABLE, LOCKED = 0, 1, 3, 75
REGISTRATION = "hg_register_"  #: how the tokens begin that are for one registration
DEFAULTS = {"auto": "auto", "docker": Docker.TYPE, "process": Process.TYPE}


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever starts an agent chooses. `backend` is `auto`, `docker` or `process`; `library_memory` in MiB, None: half of the machine's. One that has
    labels takes no work but what asks for one of them, unless it is `shared`."""

    slots: int = 4
    backend: str = "auto"
    library_memory: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False

    @property
    def limits(self) -> Limits | None:
        """Those of a task that calls a library."""
        return None if self.library_memory is None else Limits(memory=self.library_memory << 20)


def build(dispatcher: Dispatcher, files: Files, base: Path, choices: Choices | None = None, *, timing: Timing | None = None, version: str = "") -> Agent:
    """An agent with every backend that fits its choices."""
    choices = choices or Choices()
    workspace = Workspace(base)
    found: list[Backend] = [DockerBackend(workspace.instance()), ProcessBackend(workspace.base, workspace.instance())]
    # The same after a restart, because the folder is: what it left running is its own. The host's name is for people: a container made
    # anew has another one.
    info = RunnerInfo(
        workspace.instance(), socket.gethostname(), version, labels=choices.labels, slots=choices.slots, reserved=bool(choices.labels) and not choices.shared
    )
    return Agent(dispatcher, files, info, workspace.base, Backends(found, DEFAULTS[choices.backend]), timing=timing, limits=choices.limits)


def run(server: str | Callable[[], str], token: str, base: Path, choices: Choices, *, timing: Timing | None = None) -> int:
    """Works until SIGTERM or SIGINT, and leaves what runs then to the next agent on the folder; returns the exit code."""
    arm_from(os.environ)
    processes.seal()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if token.startswith(REGISTRATION):
        try:
            token = _registered(server, token, Workspace(base), stop)
        except Gone:
            _say("the service knows a runner of this folder by another key; use another --base")
            return FAILED
    dispatcher, files = HttpDispatcher(server, token), HttpFiles(server, token)
    try:
        build(dispatcher, files, base, choices, timing=timing or Timing(leave=True)).run(stop)
    except Locked as problem:
        _say(f"another agent works in {base}: {problem}")
        return LOCKED
    except Refused as problem:
        _say(f"the service does not take this runner: {problem}")
        return FAILED
    except Unreachable as problem:
        _say(f"the service does not answer: {problem}")
        return UNREACHABLE
    finally:
        dispatcher.close()
        files.close()
    return OK


def _registered(server: str | Callable[[], str], token: str, workspace: Workspace, stop: threading.Event) -> str:
    """This runner's own key, made known where it is not yet. A token that is used already may be ours, of an earlier start: then the key is known."""
    key, registry, deadline = workspace.key(), HttpRegistry(server, token), time.monotonic() + Timing().lease
    try:
        while not stop.is_set():
            try:
                registry.register(workspace.instance(), key)
            except Unreachable:
                if time.monotonic() < deadline and not stop.wait(1.0):
                    continue
            except Refused:
                pass
            break
    finally:
        registry.close()
    return key


def from_file(path: Path) -> Callable[[], str]:
    """The service's address, read anew each time: it may come back on another port."""

    def read() -> str:
        try:
            return str(json.loads(path.read_text("utf-8"))["url"])
        except (OSError, ValueError, KeyError):
            return "http://127.0.0.1:9"  # nobody is there: the same as a service that does not answer

    return read


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The command line that the service uses for its own agent."""
    parser = argparse.ArgumentParser(prog="runners")
    parser.add_argument("--server-file", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--backend", choices=sorted(DEFAULTS), default="auto")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--library-memory", type=int)
    parser.add_argument("--beat", type=float, default=10.0)
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--drain", type=float, default=5.0)
    parser.add_argument("--wait", type=float, default=5.0)
    options = parser.parse_args(arguments)
    log_to_stderr(environ.get("LOG_LEVEL", "INFO"))
    timing = Timing(lease=options.lease, beat=options.beat, wait=options.wait, drain=options.drain, leave=True)
    token = options.token_file.read_text("utf-8").strip()
    choices = Choices(options.slots, options.backend, options.library_memory)
    return run(from_file(options.server_file), token, options.base, choices, timing=timing)


def log_to_stderr(level: str) -> None:
    """A line for each event, with plain tracebacks: the default ones show the values of variables, and those may be secrets."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=number, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for name in ("httpx2", "httpcore2"):  # a line for each heartbeat would fill the disk
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, _line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _line(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    """`job finished exit_code=0 result=SUCCESS`."""
    exception = event.pop("exception", None)
    head = " ".join([str(event.pop("event", "")), *(f"{key}={value}" for key, value in sorted(event.items()) if key != "level")])
    return f"{head}\n{exception}" if exception else head


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
