"""Calls a task's `run` in a child of the agent, which can be killed: libraries hang, crash, and take memory, and the agent must not.

One zygote per agent, started when it is first needed, forks a child for each job (`runners.zygote`), and the job's thread serves it (`runners.child`). A
child leads its own session and process group, its limits are the kernel's, and whatever it has started is killed with it. It never outlives the agent, so
there is nothing to adopt: what an agent before us had begun so is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading

from runners.child import Child, Fault, Limits, Place, class_name
from runners.protocol import Unusable
from runners.task import RunnerTask
from runners.zygote import FRAME

__all__ = ["Apart", "Child", "Fault", "Limits", "Place"]

#: What a child inherits of the agent's environment.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")

_ZYGOTE = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from runners.zygote import main; main(sys.argv[1:])"


def default_limits() -> Limits:
    """Half of the machine's memory, and 1 GiB at least."""
    return Limits(memory=max(1 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2))


class Apart:
    """The agent's zygote. From any thread."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or default_limits()
        self._guard = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def start(self, cls: type[RunnerTask]) -> Child:
        """A new child, that waits for its job; the zygote imports the class first. Raises Unusable where there can be none."""
        with self._guard:
            for _ in range(2):
                with contextlib.suppress(OSError):  # the zygote was killed since: another one
                    return self._ask(class_name(cls))
                self._end()
        raise Unusable("this runner can't start a process for the task")

    def close(self) -> None:
        """Ends the zygote, and all children with it."""
        with self._guard:
            self._end()

    def _ask(self, name: str) -> Child:
        line = self._line or self._spawn()
        ours, theirs = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        try:
            socket.send_fds(line, [name.encode().ljust(FRAME)], [theirs.fileno(), *(write for _, write in pipes)])
            return Child(ours, *(read for read, _ in pipes))
        except BaseException:
            ours.close()
            for read, _ in pipes:
                with contextlib.suppress(OSError):
                    os.close(read)
            raise
        finally:
            theirs.close()
            for _, write in pipes:
                os.close(write)

    def _spawn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        env = {name: os.environ[name] for name in INHERITED if name in os.environ}
        path = json.dumps([os.path.abspath(entry) for entry in sys.path])
        with theirs:
            self._zygote = subprocess.Popen(
                (sys.executable, "-I", "-c", _ZYGOTE, str(theirs.fileno()), path),
                env={"LANG": "C.UTF-8", **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._line = ours
        return ours

    def _end(self) -> None:
        if self._line:
            self._line.close()
        if self._zygote:
            try:
                self._zygote.wait(2.0)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
        self._line = self._zygote = None
