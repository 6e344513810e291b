"""Runs jq programs for whoever asks, from any thread: in a few processes, started when they are first needed, replaced when they fail."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.expressions.errors import Refused
from service.jq import frames

MEMORY = 256 << 20
LONGEST = 1.0  #: seconds of one call
_START = 20.0  #: seconds that a process may take to start on a machine that is busy
_PATIENCE = 15.0  #: seconds to wait for a free process: as long as all who may ask at once can take
_ITEMS, _ROOM = 100_000, 4 << 20
_CHILD = "import sys; sys.path[:0] = sys.argv[2:]; from service.jq.serve import main; main(int(sys.argv[1]))"


class Programs:
    """Callable, as `Ports.jq` wants it. Close it at the end; its processes also end when this one does."""

    def __init__(self, size: int = 2, memory: int = MEMORY, longest: float = LONGEST) -> None:
        self._turn = threading.Condition()
        self._free: list[_Process] = []
        self._busy: set[_Process] = set()
        self._queue: deque[object] = deque()  #: who waits, in the order in which they came: whoever asks often must not get ahead of others
        self._size, self._memory, self._longest = size, memory, longest
        self._closed = False

    def __call__(self, program: str, text: str, seconds: float) -> tuple[list[str], float]:
        """All results of a program over a JSON text, as JSON texts, and the seconds of work that they took. Raises Refused."""
        frame = frames.dumps([program, text, _ITEMS, _ROOM])
        seconds = min(seconds, self._longest)
        kind, result, used = self._answer(frame, seconds)
        if kind == "ok":
            return result, used
        said = {"program": f"the jq program is wrong: {result}", "failed": f"the jq program failed: {result}"}
        raise Refused(said.get(kind, f"the jq program gives more than {_ITEMS:,} results, or more than {_ROOM:,} characters of them"))

    def processes(self) -> list[int]:
        """Process ids of those that live now."""
        with self._turn:
            return [process.pid for process in (*self._free, *self._busy)]

    def close(self) -> None:
        """Ends all processes, those at work too."""
        with self._turn:
            self._closed = True
            resting, self._free = self._free, []
            for process in self._busy:
                process.kill()  # its caller hears of it, and cleans up
            self._turn.notify_all()
        for process in resting:
            process.end()

    def _answer(self, frame: bytes, seconds: float) -> Any:
        for _ in range(self._size + 1):
            with suppress(_Killed):
                return self._asked(frame, seconds)
        raise Refused("the processes of jq are ended from outside again and again")

    def _asked(self, frame: bytes, seconds: float) -> Any:
        process = self._take()
        sound = False
        try:
            *answer, tired = process.ask(frame, seconds)
            sound = not tired
            return answer
        finally:
            self._give(process, sound)

    def _take(self) -> _Process:
        mine = object()
        with self._turn:
            self._queue.append(mine)
            try:
                if not self._turn.wait_for(lambda: self._closed or (self._queue[0] is mine and len(self._busy) < self._size), _PATIENCE):
                    raise Refused("too many jq programs run at this moment")
            finally:
                self._queue.remove(mine)
                self._turn.notify_all()
            if self._closed:
                raise Refused("`jq` is not available any more: the service is ending")
            return self._one()

    def _one(self) -> _Process:
        """A process that rests, or another one."""
        try:
            process = self._free.pop() if self._free else _Process(self._memory)
        except OSError as failure:
            raise Refused(f"jq can't be started: {failure.strerror}") from failure
        self._busy.add(process)
        return process

    def _give(self, process: _Process, sound: bool) -> None:
        with self._turn:
            self._busy.discard(process)
            keep = sound and not self._closed
            if keep:
                self._free.append(process)
            self._turn.notify_all()
        if not keep:
            process.end()


class _Killed(Exception):
    """Somebody ended a process that had worked well; another one can do the work."""


class _Late(Exception):
    """Time is up."""


class _Process:
    """One process; started here, ready at its first call."""

    def __init__(self, memory: int) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, str(memory), *_sources()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            bufsize=0,
            start_new_session=True,  # Ctrl-C at the terminal is the server's business
        )
        self.pid = self._child.pid
        self._ready = self._proven = False

    def ask(self, frame: bytes, seconds: float) -> Any:
        """One exchange. Raises Refused when it takes too long or too much, _Killed when the process was ended from outside."""
        self._begin()
        try:
            deadline = time.monotonic() + seconds
            self._send(frame, deadline)
            answer = self._receive_all(deadline)
        except _Late:
            raise Refused(f"the jq program took longer than {seconds:.2g} s") from None
        except (BrokenPipeError, frames.Broken):
            raise self._ended() from None
        self._proven = True
        return answer

    def _begin(self) -> None:
        """Waits until it is ready, which is not the program's time."""
        if self._ready:
            return
        try:
            self._receive_all(time.monotonic() + _START)
        except (_Late, frames.Broken):
            raise Refused("jq can't be started on this machine") from None
        self._ready = True

    def kill(self) -> None:
        """Ends the process; whoever talks to it hears a broken pipe."""
        self._child.kill()

    def end(self) -> None:
        """Ends the process and waits for it."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait()

    def _ended(self) -> Exception:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(5)
        if self._proven and self._child.returncode in (-signal.SIGKILL, -signal.SIGTERM):
            return _Killed()
        if self._child.returncode == -signal.SIGXCPU:
            return Refused("the jq program took too long")
        return Refused("the jq program needs too much memory, or is nested too deeply")

    def _send(self, frame: bytes, deadline: float) -> None:
        view, pipe = memoryview(frame), self._child.stdin.fileno()  # type: ignore[union-attr]
        os.set_blocking(pipe, False)
        while view:
            _wait(pipe, select.POLLOUT, deadline)
            view = view[os.write(pipe, view) :]

    def _receive_all(self, deadline: float) -> Any:
        return frames.read(lambda size: self._receive(size, deadline))

    def _receive(self, size: int, deadline: float) -> bytes:
        pipe = self._child.stdout.fileno()  # type: ignore[union-attr]
        parts: list[bytes] = []
        while size:
            _wait(pipe, select.POLLIN, deadline)
            part = os.read(pipe, min(size, 1 << 20))
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _Late


def _sources() -> list[str]:
    """Where the child finds this package, and jq: it gets no other path."""
    found = importlib.util.find_spec("jq")
    installed = str(Path(found.origin).parent) if found and found.origin else ""
    return [str(Path(__file__).parents[2]), installed]
