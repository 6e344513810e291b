"""An agent at work, as a test wants it: quick, in a thread, on the in-memory service."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runners import processes
from runners.agent import Agent, Timing
from runners.apart import Limits
from runners.backend import Backend, Backends
from runners.backends.process import ProcessBackend
from runners.memory import MemoryService
from runners.protocol import Dispatcher, Files, Job, Lease, Outcome, RunnerInfo
from runners.reports import Caps
from runners.workspace import Workspace
from tests.runners import apart_tasks

SHELL = "io.kestra.plugin.scripts.shell.Commands"
SCRIPT = "io.kestra.plugin.scripts.shell.Script"
PYTHON = "io.kestra.plugin.scripts.python.Script"
QUICK = {"lease": 5.0, "beat": 0.1, "wait": 0.2, "flush": 0.02, "grace": 1.0, "drain": 5.0}
INFO = RunnerInfo("runner-1", "host", "1", slots=4)


def job(name: str, *commands: str, type: str = SHELL, spec: Mapping[str, Any] | None = None, **rest: Any) -> Job:
    """A job; with commands and no `spec`, a shell task."""
    return Job(Lease(name, 1, 0), "exec-1", "team", "flow", "task", type, {"commands": list(commands)} if spec is None else spec, **rest)


def on_host(base: Path, **rest: Any) -> ProcessBackend:
    """The backend of plain processes, for an agent's folder."""
    return ProcessBackend(base, Workspace(base).instance(), **rest)


def name_of(base: Path, key: str = "one-1-1") -> str:
    """What a job of that folder's agent is called on this host."""
    return processes.job_name((base / "instance").read_text().strip(), key)


def alive(base: Path, key: str = "one-1-1") -> dict[int, str]:
    """The processes of a job."""
    return processes.belonging(name_of(base, key))


def agent(
    service: Dispatcher,
    files: Files,
    base: Path,
    backends: Callable[[Path], list[Backend]] | None = None,
    caps: Caps | None = None,
    limits: Limits | None = None,
    **timing: Any,
) -> Agent:
    """An agent with quick timing, on the process backend if nothing else is said."""
    made = backends(base) if backends else [on_host(base)]
    return Agent(service, files, INFO, base, Backends(made), timing=Timing(**{**QUICK, **timing}), types=apart_tasks.find, caps=caps, limits=limits)


@contextlib.contextmanager
def at_work(service: MemoryService, base: Path, files: Files | None = None, **rest: Any) -> Iterator[threading.Event]:
    """An agent that runs while the block does; setting the event drains it. What ends it early is raised at the end."""
    stop, faults = threading.Event(), list[Exception]()
    worker = agent(service, files or service, base, **rest)

    def run() -> None:
        try:
            worker.run(stop)
        except Exception as fault:  # noqa: BLE001  (raised again in the test's own thread)
            faults.append(fault)

    thread = threading.Thread(target=run, name="agent")
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
    if faults:
        raise faults[0]


def play(base: Path, work: Job, service: MemoryService | None = None, **rest: Any) -> tuple[Outcome, list[tuple[str, str]]]:
    """Runs one job to its end: the outcome, and the log as (level, message)."""
    service = service or MemoryService()
    service.offer(work)
    with at_work(service, base, **rest):
        outcome = service.ended(work.lease.task_run)
    return outcome, [(line.level, line.message) for line in service.lines(work.lease.task_run)]


def until(true: Callable[[], Any], timeout: float = 20.0) -> None:
    """Waits for something to become true."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)
