"""The process that children are forked from, and what a child does: it calls one task's `run`, with a Work whose calls go to the agent.

The zygote has one thread and our modules already imported, so a child is there in milliseconds; the agent has many threads and can't be forked. For each
child the agent sends a frame with the name of a class and four handles: the child's channel, where its stdout and stderr go, and where the zygote tells
its pid and how it ended. The job comes over the channel: neither arguments nor an environment ever hold a secret.

Nobody outlives the agent: at the end of its socket the zygote kills the children's groups and ends, and a child dies with the zygote.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import resource
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from runners import channel, processes
from runners.protocol import Job, Lease, Metric, Outcome, Result, Unusable, decode, encode
from runners.task import Command, Exit, RunnerTask

#: How long the frame is that asks for a child.
FRAME = 256

_SET_DEATH_SIGNAL = 1
#: Where memory runs out, the kernel takes a child before it takes the agent.
_FIRST_TO_GO = "500"
_MUCH = 1 << 20


def main(arguments: Sequence[str]) -> None:
    """Serves the agent at the other end of the socket whose handle is named first."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    processes.seal()
    # Built once, and not in every child.
    job, outcome, metric = Job(Lease("none", 1, 0), "", "", "", "", "", {}), Outcome(Result.SUCCESS), Metric("none", "counter", 0.0)
    for message in (job, outcome, metric):
        decode(type(message), encode(message))
    gc.collect()
    gc.freeze()
    _Zygote(socket.socket(fileno=int(arguments[0]))).serve()


class _Zygote:
    def __init__(self, agent: socket.socket) -> None:
        self._agent = agent
        #: Where each child's end is told.
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        ended, wake = os.pipe()
        for handle in (ended, wake):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._agent, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if ended in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(ended, 4096)
                    self._bury()
                if self._agent in ready and not self._fork():
                    break
        for pid in self._children:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def _bury(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            handle = self._children.pop(pid)
            _tell(handle, f"{os.waitstatus_to_exitcode(status)}\n")
            os.close(handle)

    def _fork(self) -> bool:
        """Makes the child that is asked for; False when the agent is gone."""
        frame, handles = b"", list[int]()
        while len(frame) < FRAME:
            part, more, _, _ = socket.recv_fds(self._agent, FRAME - len(frame), 4)
            if not part:
                return False
            frame, handles = frame + part, handles + more
        with contextlib.suppress(Exception):  # the child says what is wrong with it
            _class(frame.decode().strip()).model_rebuild()
        line, out, err, status = handles
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            _begin(zygote, line, out, err)
        self._children[pid] = status
        _tell(status, f"{pid} {processes.started(pid)}\n")
        for handle in (line, out, err):
            os.close(handle)
        return True


def _tell(handle: int, text: str) -> None:
    with contextlib.suppress(OSError):  # nobody wants to know
        os.write(handle, text.encode())


# the child


def _begin(zygote: int, line: int, out: int, err: int) -> NoReturn:
    """From the fork to the end of the child."""
    try:
        os.setsid()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != zygote:
            os._exit(0)
        _signals()
        _handles(line, out, err)
        _work(socket.socket(fileno=3))
    except KeyboardInterrupt:
        os._exit(0)
    except BaseException:  # nothing of the zygote's own code may go on here  # noqa: BLE001
        traceback.print_exc()
        os._exit(70)
    finally:
        os._exit(0)


def _signals() -> None:
    """SIGTERM interrupts as control-C does, which libraries know: they cancel what they have asked a server to do."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _handles(line: int, out: int, err: int) -> None:
    """0 to 2 as usual, 3 the channel, and nothing else of the zygote's."""
    kept = [os.dup(handle) for handle in (line, out, err)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    # Above all that is wanted, so that none is written over before it is moved.
    safe = [_high(handle) for handle in (nothing, *kept[1:], kept[0])]
    for target, handle in enumerate(safe):
        os.dup2(handle, target, inheritable=target < 3)
    os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115  (it is the process's own)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _high(handle: int) -> int:
    held = []
    while handle < 8:
        held.append(handle)
        handle = os.dup(handle)
    return handle


def _work(line: socket.socket) -> None:
    told = channel.receive(line)
    if told is None:
        return
    _limit(told["limits"])
    os.environ.update(told["env"])
    os.chdir(told["directory"])
    try:
        answer = {"outcome": encode(_run(line, told))}
    except Unusable as problem:
        answer = {"unusable": str(problem)}
    except MemoryError:
        answer = {"memory": True}
    except Exception as problem:  # a job's run  # noqa: BLE001
        answer = {"fault": type(problem).__name__, "host": isinstance(problem, OSError) and (problem.strerror or type(problem).__name__)}
        answer["traceback"] = traceback.format_exc()[-_MUCH:]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    try:
        channel.send(line, answer)
    except channel.TooLong as problem:
        channel.send(line, {"unusable": f"the task's outputs are too large: {problem}"})


def _run(line: socket.socket, told: Mapping[str, Any]) -> Outcome:
    job = decode(Job, told["job"])
    return _class(told["class"]).model_validate(job.spec).run(RemoteWork(line, job, Path(told["directory"])))


def _class(name: str) -> type[RunnerTask]:
    module, _, of_module = name.partition(":")
    cls: type[RunnerTask] = getattr(importlib.import_module(module), of_module)
    return cls


def _limit(limits: Mapping[str, int | None]) -> None:
    """What the kernel refuses beyond; a limit that is lower already stays."""
    kinds = {"memory": resource.RLIMIT_DATA, "files": resource.RLIMIT_NOFILE, "file_size": resource.RLIMIT_FSIZE}
    for name, kind in kinds.items():
        wanted, (soft, hard) = limits.get(name), resource.getrlimit(kind)
        if wanted is not None:
            least = min(one for one in (wanted, soft, hard) if one != resource.RLIM_INFINITY)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (least, least))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the job's secrets


class RemoteWork:
    """The Work of a task in a child: every call is made by the agent. From any thread; one call at a time."""

    def __init__(self, line: socket.socket, job: Job, directory: Path) -> None:
        self.job = job
        self.directory = directory
        self._line = line
        self._guard = threading.RLock()

    def log(self, level: str, message: str) -> None:
        """One entry in the task's log (masked)."""
        self._say("log_all", level, [message[:_MUCH]])

    def log_all(self, level: str, messages: Sequence[str]) -> None:
        """One entry for each."""
        for start in range(0, len(messages), 32):
            self._say("log_all", level, [message[:_MUCH] for message in messages[start : start + 32]])

    def metric(self, metric: Metric) -> None:
        """A number to publish with the outcome."""
        self._say("metric", encode(metric))

    def write(self, name: str, content: str) -> None:
        """Writes a file of the working directory; raises Unusable."""
        self._ask("write", name, content)

    def folder(self, name: str) -> Path:
        """A folder of the working directory; raises Unusable."""
        return Path(self._ask("folder", name))

    def upload(self, pattern: str) -> Mapping[str, str]:
        """Stores files of the working directory; path → URI. Raises Unusable."""
        stored: Mapping[str, str] = self._ask("upload", pattern)
        return stored

    def store(self, name: str, file: Path) -> str:
        """Stores one file under a name; its URI. Raises Unusable."""
        return str(self._ask("store", name, str(file.absolute())))

    def check(self) -> None:
        """Nothing to ask: whoever stops the job interrupts the child."""

    def fetch(self, uri: str, to: Path) -> None:
        """Downloads a `kestra:///…` URI; raises Unusable."""
        self._ask("fetch", uri, str(to))

    def execute(self, command: Command, on_lines: Callable[[str, Sequence[str]], None]) -> Exit:
        """Runs a program where the agent runs programs."""
        return decode(Exit, self._ask("execute", encode(command), on_lines=on_lines))

    def _say(self, call: str, *arguments: Any) -> None:
        with self._guard:
            channel.send(self._line, {"call": call, "with": arguments})

    def _ask(self, call: str, *arguments: Any, on_lines: Callable[[str, Sequence[str]], None] = lambda *_: None) -> Any:
        with self._guard:
            try:
                self._say(call, *arguments)
            except channel.TooLong as problem:
                raise Unusable(str(problem)) from problem
            while (answer := channel.receive(self._line)) and "lines" in answer:
                on_lines(*answer["lines"])
                self._say("taken")
        if answer is None:
            raise KeyboardInterrupt  # the agent is gone, and we are about to be
        if "unusable" in answer:
            raise Unusable(answer["unusable"])
        return answer["value"]
