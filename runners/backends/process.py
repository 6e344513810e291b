"""Runs programs as plain processes of this host.

Three things hold whatever dies when. The output goes to files in the job's folder, so it survives the agent. The exit code is written
there too, by a small shell that outlives the agent. And nothing runs that is not on record: that shell waits for a word from the agent,
which is given only after its pid and start time are stored; an agent that dies before gives none, and the shell ends.

Replaying is exact because the order in which the two streams were read is kept in a journal beside them.

Reading may fall far behind a program that prints much, and may stand still while the service is away. So nothing that ends a program waits
for its reader: a thread of its own looks at its end and at the size of the files.

There is no isolation here beyond a clean environment: a program may do what the user of the agent may do.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from runners import environments, processes
from runners.backend import Launch, Lines, NotStarted, Program
from runners.crashpoints import crashpoint
from runners.environments import PROGRAM
from runners.fields import Typed
from runners.lines import Splitter
from runners.options.process import Process
from runners.protocol import Lease
from runners.task import Exit

#: How much a program may print, in bytes, before it is stopped: the files stand on the runner's disk. The kernel's own limit (RLIMIT_FSIZE) would
#: hold for the files that the task makes, too.
OUTPUT_CAP = 1 << 30

#: Waits for the agent's word, runs the program, stores its exit code. A caught signal (unlike an ignored one) is not passed on to the
#: program, and the shell stays to see how that ends.
_SHELL = """file=$1
shift
IFS= read -r go || { echo never >"$file"; exit 0; }
trap : HUP INT QUIT TERM
"$@" </dev/null
code=$?
echo "$code" >"$file"
exit "$code"
"""

_STREAMS = {"o": "stdout", "e": "stderr"}
_CHUNK = 1 << 18
_SHORT, _LONG = 0.001, 0.05

#: How much is read yet of what a stopped program printed, in bytes and in seconds.
_REST_BYTES, _REST_SECONDS = 4 << 20, 2.0


class ProcessBackend:
    """`base` is the agent's folder and `instance` names it. Of the agent's environment the program sees only what `inherit` names."""

    options: type[Typed] = Process

    def __init__(
        self, base: Path, instance: str, *, inherit: tuple[str, ...] = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"), output_cap: int = OUTPUT_CAP
    ) -> None:
        self._base = base.absolute()
        self._instance = instance
        self._guard = threading.Lock()
        self._inherit = inherit
        self._output_cap = output_cap
        self._launcher = False
        #: Our children, to be waited for: what has ended stays a zombie until then.
        self._shells: dict[Lease, list[subprocess.Popen[bytes]]] = {}

    def available(self) -> str | None:
        """Always."""
        return None

    def start(self, launch: Launch) -> ProcessProgram:
        """Starts a program, or joins it; raises NotStarted."""
        if not launch.trusted:
            raise NotStarted("what is not trusted runs in a container only, and here it would be a process; start a Docker daemon on this runner")
        folder = launch.folder / f"run-{launch.step}"
        if launch.expected and not _never_ran(folder):
            return ProcessProgram(self._name(launch.lease), folder, self._output_cap, joined=True)
        if folder.exists():  # an agent before us was cut off while it started this
            processes.end(self._name(launch.lease))
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        shell = self._spawn(launch, folder)
        assert shell.stdin is not None
        # Killed in this moment, the pipe is broken; `wait` will say so.
        with contextlib.suppress(BrokenPipeError), shell.stdin:
            launch.begun()
            shell.stdin.write(b"go\n")
        crashpoint("process.told")
        return ProcessProgram(self._name(launch.lease), folder, self._output_cap, shell=shell)

    def left(self) -> tuple[Lease, ...]:
        """The jobs with a program's folder."""
        found = {folder.parent.name for folder in self._base.glob("jobs/*/run-*")}
        return tuple(lease for name in sorted(found) if (lease := Lease.of(name)))

    def remove(self, lease: Lease) -> None:
        """Ends every process of the job. Its files go with the job's folder."""
        folders = [*(self._base / "jobs" / lease.key).glob("run-*")]
        for root in [_root(folder) for folder in folders] or [None]:
            processes.end(self._name(lease), root)
        for shell in self._shells.pop(lease, ()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                shell.wait(5.0)

    def close(self) -> None:
        """It holds nothing else."""

    def _name(self, lease: Lease) -> str:
        return processes.job_name(self._instance, lease.key)

    def _spawn(self, launch: Launch, folder: Path) -> subprocess.Popen[bytes]:
        """The shell, on record and waiting."""
        argv = ("/bin/sh", "-c", _SHELL, "headgate", str(folder / "exit"), *launch.argv)
        try:
            with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
                shell = subprocess.Popen(
                    argv, cwd=launch.work, env=self._environment(launch), stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
                )
        except (OSError, ValueError) as problem:
            raise NotStarted(f"the command can't be started: {problem}") from problem
        self._shells.setdefault(launch.lease, []).append(shell)
        crashpoint("process.started")
        record = folder / "pid.new"
        record.write_text(f"{shell.pid} {processes.started(shell.pid)}\n")
        record.rename(folder / "pid")
        crashpoint("process.on_record")
        return shell

    def _environment(self, launch: Launch) -> Mapping[str, str]:
        home, scratch = launch.folder / "home", launch.folder / "tmp"
        home.mkdir(exist_ok=True)
        scratch.mkdir(exist_ok=True)
        own = {name: os.environ[name] for name in self._inherit if name in os.environ}
        own |= {"HOME": str(home), "TMPDIR": str(scratch), "LANG": own.get("LANG", "C.UTF-8")}
        env = {**own, "PATH": _without_venv(own.get("PATH", os.defpath)), **launch.env, processes.MARK: processes.mark(self._name(launch.lease))}
        return env | {"PATH": f"{env['PATH']}{os.pathsep}{self._supplied()}"}

    def _supplied(self) -> Path:
        """A folder with `python`, for hosts that have none by that name (Debian): our own interpreter, without our packages; and what makes environments."""
        folder = self._base / "bin"
        interpreter = os.path.realpath(sys.executable)
        with self._guard:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("python", "python3"):
                link = folder / name
                if not (link.is_symlink() and link.readlink() == Path(interpreter)):
                    link.unlink(missing_ok=True)
                    link.symlink_to(interpreter)
            if not self._launcher:
                fresh = folder / f".{PROGRAM}.{os.getpid()}"
                fresh.write_text(self._program(interpreter))
                fresh.chmod(0o755)
                fresh.rename(folder / PROGRAM)
                self._launcher = True
        return folder

    def _program(self, interpreter: str) -> str:
        """`headgate-python`, which is a module of ours."""
        run = "import os, sys; sys.path.insert(0, sys.argv[1]); from runners.environments import main; sys.exit(main(sys.argv[2:], os.environ))"
        words = (interpreter, "-I", "-c", run, str(Path(environments.__file__).parents[1]), "--root", str(self._base / "environments"), "--uv", _uv())
        return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'


class ProcessProgram(Program):
    """The files of one program, and the processes behind them."""

    def __init__(self, name: str, folder: Path, output_cap: int, *, shell: subprocess.Popen[bytes] | None = None, joined: bool = False) -> None:
        self.joined = joined
        self.unread: str | None = None
        self._name = name
        self._folder = folder
        self._shell = shell
        self._root = _root(folder)
        self._output_cap = output_cap
        self._fault: str | None = None
        self._left = threading.Event()
        self._stopped = threading.Event()

    def batches(self) -> Iterator[Lines]:
        """Every line from the first; what was read before is read in the same order again."""
        splitters = {name: Splitter() for name in _STREAMS}
        with contextlib.closing(_Tail(self._folder)) as tail:
            for name, chunk in self._chunks(tail):
                if texts := splitters[name].feed(chunk):
                    yield Lines(_STREAMS[name], texts, datetime.now(UTC))
        for name, splitter in splitters.items():
            if texts := splitter.rest():
                yield Lines(_STREAMS[name], texts, datetime.now(UTC))
        if self._shell and not self._left.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._shell.wait(5.0)

    def wait(self) -> Exit:
        """From the file that the shell wrote; without it the shell was killed, and how the program ended nobody knows."""
        if self._fault:
            return Exit(None, "error", self._fault, Process.TYPE)
        code = _exit_code(self._folder)
        if code is None and self._shell and (self._shell.returncode or -1) > 0:
            code = self._shell.returncode  # a full disk kept it from the file
        if code is None:
            return Exit(None, "lost", "the process vanished without an exit code: killed from outside, or the host went down", Process.TYPE)
        return Exit(code, runner=Process.TYPE)

    def stop(self, grace: float, limit: float = math.inf) -> None:
        """SIGTERM to every process of the job, SIGKILL to those that are left after the grace time."""
        self._stopped.set()
        processes.tell(self._name, self._root, signal.SIGTERM)
        deadline, pause = time.monotonic() + min(grace, limit), 0.01
        while time.monotonic() < deadline and processes.belonging(self._name, self._root):
            time.sleep(pause)
            pause = min(pause * 2, 0.2)
        processes.end(self._name, self._root)

    def leave(self) -> None:
        """Stops reading; the shell sees to the rest."""
        self._left.set()

    def collect(self, path: str) -> None:
        """It is here already."""

    def over(self) -> bool:
        """Whether its exit code is there, or the shell that would write it is gone."""
        return self._root is None or _exit_code(self._folder) is not None or not self._root.alive

    def _chunks(self, tail: _Tail) -> Iterator[tuple[str, bytes]]:
        complete, unwatched = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(complete, unwatched), name=f"watch {self._name}", daemon=True).start()
        try:
            yield from tail.again()
            pause = _SHORT
            while not self._left.is_set() and not complete.is_set():
                before = tail.read
                yield from tail.fresh()
                pause = _SHORT if tail.read > before else min(pause * 2, _LONG)
                complete.wait(pause)
            yield from self._rest(tail)
        finally:
            unwatched.set()

    def _watch(self, complete: threading.Event, unwatched: threading.Event) -> None:
        """Ends all of the program when it is over or has printed too much; the files are complete then."""
        try:
            with _Watch(self._root) as watch:
                while not self.over() and self._printed() <= self._output_cap:
                    if self._left.is_set() or unwatched.is_set():
                        return
                    watch.pause(_LONG)
            # What it left in the background ends with it, as in a container.
            processes.end(self._name, self._root)
            if self._printed() > self._output_cap:
                self._fault = f"the command was stopped: it printed more than {self._output_cap >> 20} MiB"
        finally:
            complete.set()

    def _rest(self, tail: _Tail) -> Iterator[tuple[str, bytes]]:
        """What was not read yet; once the program was stopped, no more than a little of it."""
        most, deadline, before = math.inf, math.inf, -1
        while not self._left.is_set() and before < tail.read:
            if deadline == math.inf and (self._fault or self._stopped.is_set()):
                most, deadline = tail.read + _REST_BYTES, time.monotonic() + _REST_SECONDS
            before = tail.read
            yield from tail.fresh()
            if tail.read >= most or time.monotonic() > deadline:
                break
        if not self._left.is_set() and (rest := self._printed() - tail.read) > 0:
            self.unread = f"the last {rest:,} bytes of output were dropped unread, for the command had been stopped"

    def _printed(self) -> int:
        """How many bytes, on both streams."""
        with contextlib.suppress(OSError):  # removed meanwhile
            return sum((self._folder / stream).stat().st_size for stream in _STREAMS.values())
        return 0


class _Tail:
    """Reads the two growing files, and writes down in which order."""

    def __init__(self, folder: Path) -> None:
        self.read = 0
        self._files: dict[str, BinaryIO] = {name: _open(folder / stream) for name, stream in _STREAMS.items()}
        path = folder / "order"
        self._past = path.read_bytes() if path.exists() else b""
        self._journal = path.open("ab", buffering=0)

    def again(self) -> Iterator[tuple[str, bytes]]:
        """What an agent before us has read."""
        whole = self._past[: self._past.rfind(b"\n") + 1]
        self._journal.truncate(len(whole))
        for entry in whole.decode().splitlines():
            name, size = entry.split()
            yield name, self._take(name, int(size))

    def fresh(self) -> Iterator[tuple[str, bytes]]:
        """What has come since; the stream that was written to longer ago goes first."""
        for name in sorted(self._files, key=lambda name: os.fstat(self._files[name].fileno()).st_mtime_ns):
            if chunk := self._take(name, _CHUNK):
                # On record before anybody sees it: a line that was sent must come at the same place again.
                self._journal.write(f"{name} {len(chunk)}\n".encode())
                crashpoint("process.journalled")
                yield name, chunk

    def close(self) -> None:
        self._journal.close()
        for file in self._files.values():
            file.close()

    def _take(self, name: str, size: int) -> bytes:
        chunk = self._files[name].read(size)
        self.read += len(chunk)
        return chunk


class _Watch:
    """A sleep that ends early when the process does."""

    def __init__(self, root: processes.Root | None) -> None:
        self._handle: int | None = None
        self._poll = select.poll()
        with contextlib.suppress(OSError, AttributeError):
            if root and root.alive:
                self._handle = os.pidfd_open(root.pid)
                self._poll.register(self._handle, select.POLLIN)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def pause(self, seconds: float) -> None:
        """Sleeps for so long at most."""
        self._poll.poll(seconds * 1000)


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path.open("rb", buffering=0)


def _exit_code(folder: Path) -> int | None:
    try:
        text = (folder / "exit").read_text()
    except OSError:
        return None
    return int(text) if text.endswith("\n") and text.strip().isdigit() else None


def _never_ran(folder: Path) -> bool:
    """Whether the shell waited in vain for the word of an agent that died."""
    try:
        return (folder / "exit").read_text() == "never\n"
    except OSError:
        return False


def _root(folder: Path) -> processes.Root | None:
    try:
        pid, since = (folder / "pid").read_text().split()
    except (OSError, ValueError):
        return None
    return processes.Root(int(pid), since)


def _uv() -> str:
    """The program that our extra `python` has brought; nothing where it was not installed."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        return str(importlib.import_module("uv").find_uv_bin())
    return ""


def _without_venv(path: str) -> str:
    """The PATH without our own virtual environment: its `python` and its programs are none of the job's business."""
    if sys.prefix == sys.base_prefix:
        return path
    own = os.path.join(sys.prefix, "bin")
    return os.pathsep.join(part for part in path.split(os.pathsep) if os.path.abspath(part or ".") != own)
