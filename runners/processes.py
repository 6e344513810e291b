"""Finding and ending the processes of a job, also those that went their own way: setsid, double fork, daemons.

A process belongs to a job when its environment carries the job's mark, when its session is the one the job was started in, or when its
parent belongs. One that sheds all three (`env -i setsid`, and its parent gone) is not found: this is order among programs that mean well,
and no fence around those that don't. The fence is a container. Read from /proc; where there is none (macOS), the process group is all that
is known. A pid alone is never trusted: it is named together with its start time, so that a recycled one is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The environment variable that marks a job's processes. A job that itself runs an agent has several names in it.
MARK = "HEADGATE_JOB"

_PROC = Path("/proc")

#: prctl(2): whether other processes of the same user may look into this one, and whether it dumps core.
_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class Root:
    """The process a job was started as. It leads its own session."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process (not a later one of the same number) still runs."""
        return started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class _Seen:
    pid: int
    parent: int
    session: int
    started: str


def seal() -> None:
    """Closes this process's environment and memory to programs of the same user, which tasks are. Linux only; what is started from here is not closed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def job_name(instance: str, key: str) -> str:
    """What a job is called on this host. A second service from a backup of the first has jobs of the same keys, and an agent's folder of its own."""
    return f"{instance}.{key}"


def mark(name: str) -> str:
    """The value of MARK for a job that is started from this process."""
    return " ".join((*os.environ.get(MARK, "").split(), name))


def started(pid: int) -> str | None:
    """When a live process began, in the kernel's own count; None for one that is gone or a zombie."""
    if not _PROC.joinpath("self").exists():
        return "?" if _exists(pid) else None
    seen = _read(pid)
    return seen.started if seen else None


def belonging(name: str, root: Root | None = None) -> dict[int, str]:
    """The live processes of a job: pid → start time."""
    everyone = {pid: seen for pid in _pids() if pid != os.getpid() and (seen := _read(pid))}
    found = {pid for pid in everyone if name in _marks(pid)}
    if root and (root.pid not in everyone or everyone[root.pid].started == root.started):
        # The number of a session is not given out again while the session has members.
        found |= {pid for pid, seen in everyone.items() if root.pid in (seen.session, pid)}
    grown = True
    while grown:
        children = {pid for pid, seen in everyone.items() if seen.parent in found} - found
        found |= children
        grown = bool(children)
    if not everyone and root and _exists(root.pid):
        return {root.pid: root.started}
    return {pid: everyone[pid].started for pid in found}


def tell(name: str, root: Root | None, sign: signal.Signals) -> bool:
    """Sends a signal to all of a job's processes; False when there are none."""
    found = belonging(name, root)
    # Parents first: a shell that outlived its program by a moment would put that end on record as the program's own.
    for pid, since in sorted(found.items(), key=lambda one: (one[1].zfill(20), one[0])):
        _send(pid, since, sign)
    return bool(found)


def end(name: str, root: Root | None = None, patience: float = 5.0) -> bool:
    """Kills all of a job's processes and waits until they are gone. False when something outlives `patience` seconds."""
    deadline, pause = time.monotonic() + patience, 0.001
    while tell(name, root, signal.SIGKILL):
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True


def _send(pid: int, since: str, sign: signal.Signals) -> None:
    try:
        if not hasattr(os, "pidfd_open"):
            os.killpg(pid, sign)
            return
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        # The handle holds on to one process: if it is still the one we saw, the number can't come to mean another.
        if started(pid) == since:
            signal.pidfd_send_signal(handle, sign)
    except OSError:
        return  # it ended by itself, or is not ours to signal
    finally:
        os.close(handle)


def _pids() -> Iterator[int]:
    if _PROC.joinpath("self").exists():
        yield from (int(name) for name in os.listdir(_PROC) if name.isdigit())


def _read(pid: int) -> _Seen | None:
    try:
        text = _PROC.joinpath(str(pid), "stat").read_bytes()
    except OSError:
        return None
    # The name in parentheses may hold anything, further parentheses too.
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return None
    return _Seen(pid, int(fields[1]), int(fields[3]), fields[19].decode())


def _marks(pid: int) -> list[str]:
    try:
        environment = _PROC.joinpath(str(pid), "environ").read_bytes()
    except OSError:
        return []
    prefix = MARK.encode() + b"="
    for entry in environment.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode("utf-8", "replace").split()
    return []


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
