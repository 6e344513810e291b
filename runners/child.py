"""The agent's side of one child: it makes the Work's calls for it, logs what it prints, and tells how it ended."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from runners import channel, processes
from runners.lines import Splitter
from runners.protocol import Job, Metric, Outcome, Rejected, Result, Unusable, decode, encode
from runners.task import Command, RunnerTask, Work

log = structlog.get_logger()

#: How many of its last lines on stderr tell of a crash, and how much of each.
_LAST_LINES, _LAST_LENGTH = 5, 300
_CHUNK = 1 << 16
_RECORD = "apart"
#: How much is read yet of what an ended child printed, in bytes; how long its end may take once it has told its outcome, and the zygote its pid.
_REST, _END, _START = 4 << 20, 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may take at most: bytes of memory, open files, bytes in a file. None is no limit of ours."""

    memory: int | None = None
    files: int | None = 4096
    file_size: int | None = None

    def as_message(self) -> Mapping[str, int | None]:
        """For the child."""
        return {"memory": self.memory, "files": self.files, "file_size": self.file_size}


def class_name(cls: type[RunnerTask]) -> str:
    """How a child finds the class."""
    return f"{cls.__module__}:{cls.__qualname__}"


class Fault(Exception):
    """A task in a child failed with an exception. `kind` is its name; its traceback stands in the agent's log."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child works: the job's own folder, its working directory, and what the job's processes are called."""

    folder: Path
    directory: Path
    name: str

    def root(self) -> processes.Root | None:
        """The process that was recorded."""
        try:
            pid, started = (self.folder / _RECORD).read_text().split()
        except (OSError, ValueError):
            return None
        return processes.Root(int(pid), started)

    def record(self, root: processes.Root) -> None:
        """Puts on record what is going to run."""
        fresh = self.folder / f"{_RECORD}.new"
        fresh.write_text(f"{root.pid} {root.started}\n")
        fresh.rename(self.folder / _RECORD)

    def environment(self) -> dict[str, str]:
        """A home and a place for scratch files of the job's own."""
        home, scratch = self.folder / "home", self.folder / "tmp"
        for folder in (home, scratch):
            folder.mkdir(exist_ok=True)
        return {"HOME": str(home), "TMPDIR": str(scratch), processes.MARK: processes.mark(self.name)}


class Child:
    """One child, from its first breath. Its process is on nobody's record until the caller has written down `root`."""

    def __init__(self, line: socket.socket, out: int, err: int, status: int) -> None:
        self._line, self._out, self._err, self._status = line, out, err, status
        self._open: tuple[int, ...] = (out, err, status)
        self._closing = threading.Lock()
        self._last = deque[str](maxlen=_LAST_LINES)
        self._splitters = {out: Splitter(), err: Splitter()}
        self._answer: Mapping[str, Any] | None = None
        self._code: int | None = None
        self._told = b""
        self.root = self._begun()

    def run(self, task: RunnerTask, work: Work, place: Place, limits: Limits) -> Outcome:
        """What came of the task. Raises Unusable and Fault as the task did, and what the Work's calls raise; the child is gone then."""
        job = {"class": class_name(type(task)), "job": encode(work.job), "limits": limits.as_message()}
        over = False
        try:
            with contextlib.suppress(OSError):  # it has ended already, and how is told
                channel.send(self._line, {**job, "directory": str(place.directory), "env": place.environment()})
            self._serve(work)
            over = processes.end(place.name, self.root)
            self._drain(work)
        finally:
            if not over:
                processes.end(place.name, self.root)
            self.close()
        return self._outcome(work.job, limits)

    def stop(self, name: str, grace: float, limit: float = math.inf) -> None:
        """Asks it to end, and kills all of it after `grace` seconds. From any thread."""
        processes.tell(name, self.root, signal.SIGTERM)
        deadline, pause = time.monotonic() + min(grace, limit), 0.005
        while time.monotonic() < deadline and processes.belonging(name, self.root):
            time.sleep(pause)
            pause = min(pause * 2, 0.2)
        processes.end(name, self.root)

    def close(self) -> None:
        """Lets go of it; one that still waits for its job ends. Once: the numbers of its handles are another's by then."""
        with self._closing:
            handles, self._open = self._open, ()
        self._line.close()
        for handle in handles:
            with contextlib.suppress(OSError):
                os.close(handle)

    def _begun(self) -> processes.Root:
        """Its process, as the zygote told. Raises OSError when that is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            while b"\n" not in self._told:
                if not selector.select(_START) or not (part := os.read(self._status, 100)):
                    raise OSError("the zygote ended")
                self._told += part
        first, _, self._told = self._told.partition(b"\n")
        pid, started = first.decode().split()
        return processes.Root(int(pid), started)

    def _serve(self, work: Work) -> None:
        """Until the child has ended, or has told its outcome and had time to end."""
        with selectors.DefaultSelector() as selector:
            for handle in (self._line, self._out, self._err, self._status):
                selector.register(handle, selectors.EVENT_READ)
            deadline = math.inf
            while time.monotonic() < deadline:
                for key, _ in selector.select(None if deadline == math.inf else _END):
                    if key.fileobj == self._status:
                        if self._ended():
                            self._listen(work)
                            return
                    elif not (self._hear(work) if key.fileobj is self._line else self._read(work, key.fd)):
                        selector.unregister(key.fileobj)
                if self._answer and deadline == math.inf:
                    deadline = time.monotonic() + _END

    def _ended(self) -> bool:
        part = os.read(self._status, 100)
        self._told += part
        if self._told.endswith(b"\n"):
            self._code = int(self._told)
        return not part or self._code is not None

    def _listen(self, work: Work) -> None:
        """What the child said before it ended."""
        self._line.setblocking(True)
        self._line.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._hear(work):
                pass

    def _hear(self, work: Work) -> bool:
        """Takes a message; False when there will be none any more."""
        try:
            message = channel.receive(self._line)
        except channel.TooLong as problem:
            raise Unusable(str(problem)) from problem
        if message is None:
            return False
        if "call" in message:
            self._call(work, message["call"], message["with"])
        else:
            self._answer = message
        return True

    def _call(self, work: Work, call: str, given: Sequence[Any]) -> None:
        if call in _SAID:
            _SAID[call](work, *given)
            return
        try:
            value = self._execute(work, *given) if call == "execute" else _ASKED[call](work, *given)
        except (Unusable, Rejected) as problem:
            self._reply({"unusable": str(problem)})
        else:
            self._reply({"value": value})

    def _reply(self, answer: Mapping[str, Any]) -> None:
        try:
            channel.send(self._line, answer)
        except channel.TooLong as problem:
            channel.send(self._line, {"unusable": str(problem)})
        except OSError:
            return  # it was killed meanwhile, which is told elsewhere

    def _execute(self, work: Work, command: Any) -> Any:
        def pass_on(stream: str, texts: Sequence[str]) -> None:
            with contextlib.suppress(OSError):
                channel.send(self._line, {"lines": [stream, list(texts)]})
                while (message := channel.receive(self._line)) and message.get("call") != "taken":
                    self._call(work, message["call"], message["with"])

        return encode(work.execute(decode(Command, command), pass_on))

    def _read(self, work: Work, handle: int) -> int:
        """Logs what the child prints; returns how many bytes it was."""
        chunk = os.read(handle, _CHUNK)
        self._log(work, handle, self._splitters[handle].feed(chunk))
        return len(chunk)

    def _log(self, work: Work, handle: int, texts: Sequence[str]) -> None:
        if texts:
            work.log_all("WARN" if handle == self._err else "INFO", texts)
        if handle == self._err:
            self._last.extend(text[:_LAST_LENGTH] for text in texts[-_LAST_LINES:] if text.strip())

    def _drain(self, work: Work) -> None:
        """What it printed last. Everybody who could write more is gone."""
        for handle, splitter in self._splitters.items():
            os.set_blocking(handle, False)
            left = _REST
            with contextlib.suppress(BlockingIOError):
                while left > 0 and (read := self._read(work, handle)):
                    left -= read
            self._log(work, handle, splitter.rest())

    def _outcome(self, job: Job, limits: Limits) -> Outcome:
        answer = self._answer
        if answer is None:
            return self._crashed(limits)
        if "outcome" in answer:
            return decode(Outcome, answer["outcome"])
        if "unusable" in answer:
            raise Unusable(answer["unusable"])
        if "memory" in answer:
            return Outcome.failed(f"the task needed more memory than it may have{_most(limits)}")
        log.error("task failed in its process", job=job.lease.key, type=job.type, exception=answer["traceback"])
        if answer["host"]:
            return Outcome.failed(f"the runner's host failed: {answer['host']}")
        raise Fault(answer["fault"])

    def _crashed(self, limits: Limits) -> Outcome:
        words = f"; its last words: {' | '.join(self._last)}" if self._last else ""
        if self._code is None:
            return Outcome(Result.LOST, f"the process that the task ran in vanished{words}")
        if self._code >= 0:
            return Outcome.failed(f"the task's process ended by itself with exit code {self._code} in the middle of its work{words}", exit_code=self._code)
        name = _signal(-self._code)
        if -self._code == signal.SIGKILL:
            return Outcome.failed(f"the task's process was killed from outside ({name}); most likely the machine had no memory left{_most(limits)}{words}")
        return Outcome.failed(f"the task's process crashed ({name}){words}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _most(limits: Limits) -> str:
    return f" (its limit is {limits.memory >> 20} MiB)" if limits.memory else ""


#: The calls that a child waits for, and those that it does not.
_ASKED: Mapping[str, Callable[..., Any]] = {
    "write": lambda work, name, content: work.write(name, content),
    "folder": lambda work, name: str(work.folder(name)),
    "upload": lambda work, pattern: dict(work.upload(pattern)),
    "store": lambda work, name, file: work.store(name, Path(file)),
    "fetch": lambda work, uri, to: work.fetch(uri, Path(to)),
}
_SAID: Mapping[str, Callable[..., Any]] = {
    "log_all": lambda work, level, texts: work.log_all(level, texts),
    "metric": lambda work, metric: work.metric(decode(Metric, metric)),
}
