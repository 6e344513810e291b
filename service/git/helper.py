"""Starts the helper processes and calls them.

Two lanes: calls that wait for the network never hold up those that read. A process serves one call at a time, is started
when first needed, ended after a minute without work, killed when a call takes too long, and replaced when it dies. It
gets plain values, no secret but a call's token, and a memory limit.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from service import errors
from service.git import layout, wire

MEMORY = 4 * 1024 * 1024 * 1024
IDLE = 60.0
#: Calls that talk to other hosts.
NETWORK = frozenset({"fetch", "push"})
_FAULTS: dict[str, type[errors.ServiceError]] = {
    cls.__name__: cls
    for cls in (errors.NotFound, errors.Conflict, errors.Forbidden, errors.Unauthorized, errors.Invalid, errors.Malformed, errors.TooLarge, errors.Unavailable)
}
_MODULE = "service.git.serve"
_SOURCES = str(Path(__file__).parents[2])


class Helper:
    """Calls by name; safe to share between threads. Close it at the end: its processes end then, at once."""

    def __init__(self, size: int = 2, idle: float = IDLE, memory: int = MEMORY) -> None:
        self._lanes = {True: _Lane(size, idle, memory), False: _Lane(size, idle, memory)}

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        """The answer of one function of `serve.CALLS`. Raises its ServiceError; Unavailable when it takes over `timeout` seconds, waiting included."""
        answer = self._lanes[name in NETWORK].call(name, arguments, time.monotonic() + timeout)
        if "error" in answer:
            raise _FAULTS.get(answer["error"], errors.Bug)(answer["message"])
        return answer["ok"]

    def processes(self) -> list[int]:
        """Process ids of the helpers that live now."""
        return [pid for lane in self._lanes.values() for pid in lane.processes()]

    def close(self) -> None:
        """Ends all processes, those at work too."""
        for lane in self._lanes.values():
            lane.close()


class _Lane:
    """A few processes, handed out one call each."""

    def __init__(self, size: int, idle: float, memory: int) -> None:
        self._turn = threading.Condition()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._size = size
        self._rest = idle
        self._memory = memory
        self._closed = False
        self._sweeper: threading.Timer | None = None

    def call(self, name: str, arguments: tuple[Any, ...], deadline: float) -> dict[str, Any]:
        process = self._take(name, deadline)
        sound = False
        try:
            answer = process.call(name, arguments, deadline)
            sound = True
            return answer
        except errors.Bug as fault:
            if self._closed:
                raise errors.Unavailable("The git helper is closed.") from fault
            raise
        finally:
            self._give(process, sound)

    def processes(self) -> list[int]:
        with self._turn:
            return [process.pid for process in (*self._idle, *self._busy)]

    def close(self) -> None:
        with self._turn:
            self._closed = True
            resting, self._idle = self._idle, []
            for process in self._busy:
                process.kill()  # its caller hears of it, and cleans up
            if self._sweeper is not None:
                self._sweeper.cancel()
            self._turn.notify_all()
        for process in resting:
            process.end()

    def _take(self, name: str, deadline: float) -> _Process:
        with self._turn:
            if not self._turn.wait_for(lambda: self._closed or self._idle or len(self._busy) < self._size, max(0.0, deadline - time.monotonic())):
                raise errors.Unavailable(f"The git helper is busy; {name} did not get its turn in time.")
            if self._closed:
                raise errors.Unavailable("The git helper is closed.")
            process = self._sound() or _started(self._memory)
            self._busy.add(process)
            return process

    def _sound(self) -> _Process | None:
        """A resting process, unless somebody else has ended it (the kernel, when memory is short)."""
        while self._idle:
            process = self._idle.pop()
            if process.lives:
                return process
            process.end()
        return None

    def _give(self, process: _Process, sound: bool) -> None:
        with self._turn:
            self._busy.discard(process)
            keep = sound and not self._closed
            if keep:
                process.since = time.monotonic()
                self._idle.append(process)
                self._watch()
            self._turn.notify()
        if not keep:
            process.end()

    def _watch(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Timer(self._rest, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        """Ends what has rested long enough; looks again while anything is left."""
        with self._turn:
            self._sweeper = None
            now = time.monotonic()
            ending = [process for process in self._idle if now - process.since >= self._rest]
            self._idle = [process for process in self._idle if process not in ending]
            if (self._idle or self._busy) and not self._closed:
                self._watch()
        for process in ending:
            process.end()


class _Process:
    """One helper process."""

    def __init__(self, memory: int) -> None:
        passed = {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=layout.environment(PYTHONPATH=_SOURCES, **passed),
            start_new_session=True,  # Ctrl-C at the terminal is the server's business
        )
        self.pid = self._child.pid
        self.since = 0.0

    def call(self, name: str, arguments: tuple[Any, ...], deadline: float) -> dict[str, Any]:
        """One exchange. Raises Unavailable when it takes too long, Bug when the process ends in the middle."""
        assert self._child.stdin is not None
        frame = wire.dumps([name, arguments])
        try:
            self._send(frame, deadline, name)
            answer: dict[str, Any] = wire.read(lambda size: self._receive(size, deadline, name))
        except (BrokenPipeError, wire.Broken) as fault:
            raise errors.Bug(f"The git helper ended during {name} ({_ending(self._child)}); its log says why.") from fault
        return answer

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def kill(self) -> None:
        """Ends the process; whoever talks to it hears a broken pipe."""
        self._child.kill()

    def end(self) -> None:
        """Ends the process and waits for it."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            # What is left in the buffer can't be delivered any more.
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        self._child.wait()

    def _send(self, frame: bytes, deadline: float, name: str) -> None:
        view = memoryview(frame)
        pipe = self._child.stdin.fileno()  # type: ignore[union-attr]
        os.set_blocking(pipe, False)
        while view:
            self._wait(pipe, select.POLLOUT, deadline, name)
            view = view[os.write(pipe, view) :]

    def _receive(self, size: int, deadline: float, name: str) -> bytes:
        pipe = self._child.stdout.fileno()  # type: ignore[union-attr]
        parts: list[bytes] = []
        while size:
            self._wait(pipe, select.POLLIN, deadline, name)
            part = os.read(pipe, min(size, 1024 * 1024))
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, pipe: int, event: int, deadline: float, name: str) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise errors.Unavailable(f"The git helper took too long over {name} and was ended.")


def _started(memory: int) -> _Process:
    try:
        return _Process(memory)
    except OSError as fault:
        raise errors.Unavailable(f"The git helper can't be started: {fault.strerror}.") from fault


def _ending(child: subprocess.Popen[bytes]) -> str:
    try:
        code = child.wait(5)
    except subprocess.TimeoutExpired:
        return "it closed its pipe"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
