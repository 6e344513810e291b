"""One job at work: what a task's `run` is given, and how it is stopped.

The job's folder remembers what a new agent must know: when the job began, which backend runs each program and what was said before it
(`step-<n>.json`), and why it was stopped (`ending`). With that, running the job again *is* adopting it.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, TypeVar

from runners import processes
from runners.apart import Apart, Child, Fault, Place
from runners.backend import Backend, Backends, Launch, NoImage, NotStarted, Program
from runners.crashpoints import crashpoint
from runners.fields import format_duration
from runners.protocol import (
    OUTPUT_LIMIT,
    Dispatcher,
    Files,
    Job,
    LogLine,
    Metric,
    Outcome,
    Rejected,
    Result,
    Unreachable,
    Unusable,
    decode,
    encode,
)
from runners.reports import Report
from runners.task import Command, Exit, RunnerTask
from runners.workspace import OWN, Workspace, fixed_part, inside, make_folder, matching, write

T = TypeVar("T")

#: Why a job is stopped → how its end is told.
_ENDINGS = {
    "killed": "the task was killed",
    "lost": "the runner lost contact with the service and stopped the task",
    "handed": "the runner was shut down before the task ended",
}
#: Beside a folder that other jobs share: it stands; and files of a program are being copied back into it.
OPENED, TORN = "opened", "torn"

#: What became of a program that was left running, and is gone.
_VANISHED = "the runner was shut down, and what it left running ended with it"
_CUT_OFF = "the runner ended while the task was at work, and the task's process ended with it"
#: How long a process of ours may take to end when the agent leaves it, in seconds.
_LAST_GRACE = 0.5


class Interrupted(Exception):
    """The job is being stopped, or left to another agent, while it waits for something."""


@dataclass(frozen=True)
class Means:
    """What all jobs of an agent share. `grace` is the time between asking a program to end and killing it, in seconds."""

    dispatcher: Dispatcher
    files: Files
    workspace: Workspace
    backends: Backends
    types: Callable[[str], type[RunnerTask]]
    grace: float = 5.0
    apart: Apart = field(default_factory=Apart)


class JobWork:
    """The Work of one job."""

    def __init__(self, means: Means, job: Job, report: Report) -> None:
        self.job = job
        self.directory = means.workspace.base / job.directory
        self.stopping = threading.Event()
        self.metrics: list[Metric] = []
        self.used: set[Backend] = set()
        #: When its time is over, on the monotonic clock; whoever runs the job watches that, so that nothing waits for it after the job's end.
        self.deadline = math.inf
        self._means = means
        self._report = report
        self._folder = means.workspace.folder(job.lease)
        self._guard = threading.Lock()
        self._reason: str | None = None
        self._left = threading.Event()
        #: An agent before us left it running when it was shut down.
        self._was_left = False
        self._program: Program | None = None
        #: The process that the task itself runs in, where it runs in one of its own.
        self._child: Child | None = None
        self._place = Place(self._folder, self.directory, processes.job_name(means.workspace.instance(), job.lease.key))
        #: The program whose output is being read.
        self._read: Program | None = None
        self._time_is_up = False
        #: The files that are stored or are going to be, and what room they take in the outputs.
        self._named: set[str] = set()
        self._taken = 0
        self._step = 0
        self._time: datetime | None = None

    @property
    def reason(self) -> str | None:
        """Why the job is being stopped: `killed`, `timeout`, `lost`, `handed`; None when it is not."""
        return self._reason

    def prepare(self) -> None:
        """The working directory with the commit's files, unless a program of this job has begun in it already."""
        if self._record(0) is None and self._place.root() is None:
            self._make_folder()
        self._resume()

    def run(self, task: RunnerTask) -> Outcome:
        """What comes of the task: run in this thread, or in a process of its own where its class asks for that."""
        if not task.APART:
            return task.run(self)
        if root := self._place.root():
            # An agent before us had it run. How far it came nobody knows.
            processes.end(self._place.name, root)
            self._still()
            return Outcome(Result.HANDED if self._was_left else Result.LOST, _VANISHED if self._was_left else _CUT_OFF)
        child = self._means.apart.start(type(task))
        self._place.record(child.root)
        with self._guard:
            self._child = child
        try:
            self._still()
            outcome = child.run(task, self, self._place, self._means.apart.limits)
        except (Unusable, Fault):
            self._still()
            raise
        finally:
            with self._guard:
                self._child = None
            child.close()
        self._still()
        return outcome

    def _still(self) -> None:
        """Raises Interrupted when the job is being stopped, or left."""
        with self._guard:
            if self._reason is not None or self._left.is_set():
                raise Interrupted

    def _make_folder(self) -> None:
        """Emptied and made anew: an agent before us may have been cut off half-way. A folder that it shares is left as it is; without one nothing is done."""
        job, workspace = self.job, self._means.workspace
        if job.folder is None:
            try:
                self.patiently(lambda: workspace.prepare(job.lease, job.tree, self._tree))
            except Rejected as problem:
                raise Unusable(f"the commit's files can't be had: {problem}") from problem
            return
        shared = workspace.folder(job.folder)
        if not (shared / OPENED).exists() or not self.directory.is_dir():
            raise Unusable("the folder that it shares with other tasks is not on this runner any more")
        if (shared / TORN).exists():
            raise Unusable("files of the task before could not all be copied back into the folder that they share; begin the group again")
        workspace.make(job.lease)

    def _resume(self) -> None:
        """What an agent before us has left to know."""
        self._was_left = (self._folder / "left").exists()
        (self._folder / "left").unlink(missing_ok=True)
        self._set_deadline()
        ending = self._folder / "ending"
        if ending.exists():
            self.stop(ending.read_text())

    def log(self, level: str, message: str) -> None:
        """One entry in the task's log (masked)."""
        self._report.say(level, message, self._time)

    def log_all(self, level: str, messages: Sequence[str]) -> None:
        """One entry for each."""
        self._report.say_all(level, messages, self._time)

    def metric(self, metric: Metric) -> None:
        """A number to publish with the outcome."""
        self.metrics.append(metric)

    def write(self, name: str, content: str) -> None:
        """Writes a file of the working directory; raises Unusable for a path that leads outside."""
        if not self._replaying:
            write(self.directory, name, (content.encode("utf-8", "replace"),), 0o600 if name.startswith(OWN) else 0o644)

    def folder(self, name: str) -> Path:
        """A folder of the working directory, made where it is not there; raises Unusable where a file has its name."""
        # What a program made of it meanwhile is the program's own business.
        return self.directory / name if self._replaying else make_folder(self.directory, name)

    def fetch(self, uri: str, to: Path) -> None:
        """Downloads a `kestra:///…` URI; raises Unusable."""
        name = str(to.relative_to(self.directory)) if to.is_relative_to(self.directory) else str(to)
        inside(self.directory, name)
        if self._replaying:
            return
        try:
            self.patiently(lambda: write(self.directory, name, self._means.files.get(self.job.lease, uri)))
            crashpoint("work.fetched")
        except Rejected as problem:
            raise Unusable(f"{uri} can't be downloaded: {problem}") from problem

    def upload(self, pattern: str) -> Mapping[str, str]:
        """Stores the working directory's files that match a glob; path → URI. Raises Unusable, before anything is stored when it is too much."""
        start = fixed_part(pattern)
        if self._program and self.job.folder is None:
            self._program.collect(start)
        self._count(pattern)
        stored: dict[str, str] = {}
        for name, file in self._matching(pattern):

            def put(name: str = name, file: Any = file) -> str:
                file.seek(0)
                return self._means.files.put(self.job.lease, name, file)

            crashpoint("work.before_upload")
            try:
                stored[name] = self.patiently(put)
                crashpoint("work.uploaded")
            except Rejected as problem:
                raise Unusable(f"{name} can't be stored: {problem}") from problem
        return stored

    def store(self, name: str, file: Path) -> str:
        """Stores one file under a name; its URI. Raises Unusable."""
        inside(self.directory, name)

        def put() -> str:
            with file.open("rb") as stream:
                return self._means.files.put(self.job.lease, name, stream)

        try:
            return self.patiently(put)
        except Rejected as problem:
            raise Unusable(f"{name} can't be stored: {problem}") from problem

    def check(self) -> None:
        """Raises Interrupted when the job is being stopped."""
        if self.stopping.is_set():
            raise Interrupted

    def _matching(self, pattern: str) -> Iterator[tuple[str, IO[bytes]]]:
        """The files to store, until the job is stopped."""
        for path, file in matching(self.directory, (pattern,)):
            if self.stopping.is_set():
                raise Interrupted
            yield path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), file
        if self.stopping.is_set():
            raise Interrupted

    def _count(self, pattern: str) -> None:
        """Refuses more files than a task's outputs have room for, by their names and URIs. What the service makes of a URI is known nearly."""
        job = self.job
        besides = len(f'"":"kestra:///{job.namespace}/{job.flow}/executions/{job.execution}/tasks/{job.task}/{job.lease.task_run}/",')
        for name, _ in self._matching(pattern):
            self._taken += 0 if name in self._named else besides + 2 * len(name)
            self._named.add(name)
            if self._taken > OUTPUT_LIMIT:
                raise Unusable(
                    f"too many files match {pattern!r}: the names and addresses of {len(self._named):,} of them fill the {OUTPUT_LIMIT:,} bytes of a task's "
                    "outputs; pack them into one archive, and name that in outputFiles"
                )

    def execute(self, command: Command, on_lines: Callable[[str, Sequence[str]], None]) -> Exit:
        """Runs a program in the working directory, or goes on with the one that runs already."""
        step, self._step = self._step, self._step + 1
        record = self._record(step)
        if self._left.is_set():
            raise Interrupted
        if self._reason is not None and record is None:
            return self._told(Exit(None))
        try:
            if self._program and record is None and self.job.folder is None:
                self._program.collect("")
            program = self._start(command, step, record)
        except NotStarted as problem:
            end = self._told(Exit(None, "lost" if record else "error", str(problem)))
        else:
            end = self._follow(program, on_lines)
            crashpoint("work.program_over")
            self._bring_back(program, end)
        self._report.mark()
        return end

    def _bring_back(self, program: Program, end: Exit) -> None:
        """What a program has made of a folder that other jobs share is there before its end is told. Cut off half-way, the folder is of no more use."""
        if self.job.folder is None or end.reason not in (None, "oom", "timeout"):
            return
        torn = self._means.workspace.folder(self.job.folder) / TORN
        torn.touch()
        crashpoint("work.torn")
        program.collect("")
        torn.unlink()
        crashpoint("work.brought_back")

    def stop(self, reason: str, limit: float = math.inf) -> None:
        """Ends the job's program within `limit` seconds, and all waiting; the first reason counts. Returns when it is over."""
        with self._guard:
            if self._reason is None:
                self._reason = reason
                with contextlib.suppress(OSError):  # there is no folder yet, or no longer
                    (self._folder / "ending").write_text(reason)
            crashpoint("work.stopping")
            program, child = self._program, self._child
        self.stopping.set()
        if child:
            child.stop(self._place.name, self._means.grace, limit)
        if program:
            program.stop(self._means.grace, limit)

    def leave(self) -> None:
        """Ends all waiting; the job's program runs on, for the next agent on this folder. A task in a process of ours ends: the next agent hands it back."""
        with self._guard:
            self._left.set()
            with contextlib.suppress(OSError):
                (self._folder / "left").touch()
            program, child = self._program, self._child
        self.stopping.set()
        if child:
            child.stop(self._place.name, min(self._means.grace, _LAST_GRACE))
        if program:
            program.leave()

    def patiently(self, call: Callable[[], T]) -> T:
        """The answer of a call to the service, however long that is away; raises Interrupted when the job is stopped meanwhile."""
        pause = 0.1
        while True:
            try:
                return call()
            except Unreachable as problem:
                if self.stopping.wait(pause):
                    raise Interrupted from problem
                pause = min(pause * 2, 2.0)

    def ending(self) -> str:
        """What to say of a job that was stopped."""
        if self._reason == "timeout":
            return f"the task timed out after {format_duration(timedelta(seconds=self.job.timeout or 0))}"
        return _ENDINGS.get(self._reason or "", "the task was stopped")

    @property
    def _replaying(self) -> bool:
        """Whether an agent before us has come further than this: what is written now was written then."""
        return self._record(self._step) is not None

    def _tree(self) -> Iterable[bytes]:
        assert self.job.tree is not None
        return self._means.files.tree(self.job.lease, self.job.tree)

    def _set_deadline(self) -> None:
        """The job's time is counted from its first beginning."""
        path = self._folder / "began"
        if not path.exists():
            path.write_text(f"{time.time()}")
        if self.job.timeout is None:
            return
        left = float(path.read_text() or time.time()) + self.job.timeout - time.time()
        self.deadline = time.monotonic() + left

    def time_out(self) -> None:
        """Stops the job at its deadline. A program that has ended by now has ended in time, and its output is read on; what would follow it is stopped."""
        with self._guard:
            self._time_is_up, program = True, self._read
        if program is None or not program.over():
            self.stop("timeout")

    def _start(self, command: Command, step: int, record: Mapping[str, Any] | None) -> Program:
        if record is not None:
            backend = self._means.backends.named(record["runner"])
            self.used.add(backend)
            program = backend.start(self._launch(backend, command, step, expected=True))
            self._report.resume([decode(LogLine, line) for line in record["lines"]])
            return program
        candidates = self._means.backends.candidates(command)
        for backend, other in zip_longest(candidates, candidates[1:]):
            self.used.add(backend)
            try:
                return backend.start(self._launch(backend, command, step))
            except NoImage as problem:
                if other is None or self.stopping.is_set():
                    raise
                self.log("WARN", f"{problem}; using the task runner {other.options.TYPE} instead")
        raise NotStarted("there is no task runner")

    def _launch(self, backend: Backend, command: Command, step: int, expected: bool = False) -> Launch:
        job = self.job
        return Launch(
            lease=job.lease,
            step=step,
            argv=command.argv,
            env={**_identity(job), **job.env, **command.env},
            work=self.directory,
            folder=self._folder,
            image=command.image,
            default_image=command.default_image,
            options=command.runner or {},
            labels=_labels(job),
            expected=expected,
            say=self.log,
            begun=lambda: self._remember(step, backend),
            stopping=self.stopping,
            execution=job.execution,
            trusted=job.trusted,
        )

    def _follow(self, program: Program, on_lines: Callable[[str, Sequence[str]], None]) -> Exit:
        with self._guard:
            self._program = self._read = program
            stopped = self._reason is not None
        if self._left.is_set():
            raise Interrupted
        if stopped:
            threading.Thread(target=program.stop, args=(self._means.grace,), daemon=True).start()
        try:
            for lines in program.batches():
                self._time = lines.time
                on_lines(lines.stream, lines.texts)
        finally:
            self._time = None
        if self._left.is_set():
            raise Interrupted
        if program.unread:
            self._report.last(program.unread)
        end = program.wait()
        with self._guard:
            told, self._read = self._told(end), None
            late = self._time_is_up
        if late:
            self.stop("timeout")
        return told

    def _told(self, end: Exit) -> Exit:
        """The end, with our reason where we had one."""
        if self._reason is not None:
            return replace(end, reason=self._reason, message=self.ending())
        if end.reason == "lost" and self._was_left:
            # A container or a host that was stopped in order took it along: no fault of the work.
            return replace(end, reason="handed", message=_VANISHED)
        return end

    def _remember(self, step: int, backend: Backend) -> None:
        """On disk before the program's first instruction."""
        lines = [encode(line) for line in self._report.aside()]
        fresh = self._folder / "step.new"
        fresh.write_text(json.dumps({"runner": backend.options.TYPE, "lines": lines}))
        crashpoint("work.before_record")
        fresh.rename(self._record_path(step))
        crashpoint("work.recorded")

    def _record(self, step: int) -> Mapping[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            found: Mapping[str, Any] = json.loads(self._record_path(step).read_text())
            return found
        return None

    def _record_path(self, step: int) -> Path:
        return self._folder / f"step-{step}.json"


def _identity(job: Job) -> dict[str, str]:
    """What every program is told. The key stays the same over attempts: the same work, tried again."""
    return {
        "HEADGATE_RUN_ID": job.execution,
        "HEADGATE_TASK_ID": job.task,
        "HEADGATE_ATTEMPT": str(job.lease.attempt),
        "HEADGATE_IDEMPOTENCY_KEY": job.lease.task_run,
    }


def _labels(job: Job) -> dict[str, str]:
    theirs = {
        "namespace": job.namespace,
        "flow-id": job.flow,
        "task-id": job.task,
        "execution-id": job.execution,
        "taskrun-id": job.lease.task_run,
        "taskrun-attempt": str(job.lease.attempt),
    }
    return {"headgate.execution": job.execution, "headgate.task": job.task} | {f"kestra.io/{name}": value for name, value in theirs.items()}
