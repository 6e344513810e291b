"""The service's side of the protocol, in memory: what the runners' tests run against, and what `runners` promises the service to be.

Time stands still here: a lease ends when `expire` says so. `down` makes every call raise Unreachable.
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from runners.protocol import CACHE, Adopted, Gone, Job, Lease, LogLine, Order, Outcome, Rejected, RunnerInfo, Tree, Unreachable


@dataclass
class _Held:
    """A job that was offered, and what became of it."""

    job: Job
    runner: str | None = None
    order: Order = Order.GO_ON
    lines: list[LogLine] = field(default_factory=list)
    outcome: Outcome | None = None
    ready: bool = False


class MemoryService:
    """Dispatcher and Files."""

    def __init__(self) -> None:
        self.down = False
        self.runners: dict[str, RunnerInfo] = {}
        self._jobs: dict[str, _Held] = {}
        self._queue: deque[str] = deque()
        self._trees: dict[Tree, bytes] = {}
        self._stored: dict[str, bytes] = {}
        self._changed = threading.Condition()

    # What a test does.

    def offer(self, job: Job) -> None:
        """Queues a job. Its epoch counts claims, so it is 0 before the first. One that shares a folder goes to the runner that holds it, and to no other."""
        with self._changed:
            self._jobs[job.lease.task_run] = _Held(replace(job, lease=replace(job.lease, epoch=0)))
            self._queue.append(job.lease.task_run)
            self._changed.notify_all()

    def opened(self, task_run: str, timeout: float = 30.0) -> Lease:
        """Waits until a folder stands; gives the lease that holds it. Raises TimeoutError."""
        with self._changed:
            held = self._jobs[task_run]
            if not self._changed.wait_for(lambda: held.ready or held.outcome is not None, timeout) or not held.ready:
                raise TimeoutError(f"{task_run} did not open a folder: {held.outcome}")
            return held.job.lease

    def hold(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        """Makes a commit's files known; a name that ends in `!` is executable."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name.removesuffix("!"))
                entry.size, entry.mode = len(content), 0o755 if name.endswith("!") else 0o644
                archive.addfile(entry, io.BytesIO(content))
        self._trees[tree] = packed.getvalue()

    def store(self, uri: str, content: bytes) -> None:
        """Makes a file known."""
        self._stored[uri] = content

    def stored(self, uri: str) -> bytes:
        """A file's content."""
        return self._stored[uri]

    def expire(self, task_run: str) -> None:
        """Ends the lease; the job is queued again."""
        with self._changed:
            held = self._jobs[task_run]
            held.runner, held.lines = None, []
            self._queue.append(task_run)
            self._changed.notify_all()

    def drop(self, task_run: str) -> None:
        """Ends the lease, and nobody does the job any more."""
        with self._changed:
            self._jobs[task_run].runner = None
            self._changed.notify_all()

    def kill(self, task_run: str) -> None:
        """Asks for the job to be stopped."""
        with self._changed:
            self._jobs[task_run].order = Order.STOP

    def lines(self, task_run: str) -> list[LogLine]:
        """What is stored of a job's log."""
        with self._changed:
            return list(self._jobs[task_run].lines)

    def lease(self, task_run: str) -> Lease:
        """The lease of the last claim."""
        return self._jobs[task_run].job.lease

    def ended(self, task_run: str, timeout: float = 30.0) -> Outcome:
        """Waits for a job's outcome; raises TimeoutError."""
        with self._changed:
            held = self._jobs[task_run]
            if not self._changed.wait_for(lambda: held.outcome is not None, timeout):
                raise TimeoutError(f"{task_run} did not end: {[line.message for line in held.lines][-5:]}")
            assert held.outcome is not None
            return held.outcome

    # Dispatcher.

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        """The next job, leased under a new epoch."""
        with self._changed:
            self._reach()
            self.runners[runner.id] = runner
            self._changed.wait_for(lambda: self._next_for(runner), wait)
            self._reach()
            name = self._next_for(runner)
            if name is None:
                return None
            self._queue.remove(name)
            held = self._jobs[name]
            held.job = replace(held.job, lease=replace(held.job.lease, epoch=held.job.lease.epoch + 1))
            held.runner = runner.id
            return held.job

    def beat(self, runner: str, leases: tuple[Lease, ...], wait: float = 0.0) -> Mapping[str, Order | None]:
        """Every lease goes on, is to stop, or is gone."""

        def news() -> bool:
            return any(self._order(runner, lease) is not Order.GO_ON for lease in leases)

        with self._changed:
            self._reach()
            if leases:
                self._changed.wait_for(news, wait)
            self._reach()
            return {lease.key: self._order(runner, lease) for lease in leases}

    def log(self, lease: Lease, lines: tuple[LogLine, ...]) -> None:
        """Stores lines whose number is new."""
        with self._changed:
            held = self._held(lease)
            if held.outcome:
                raise Gone
            held.lines += [line for line in lines if line.number >= _next(held)]
            self._changed.notify_all()

    def ready(self, lease: Lease) -> None:
        """A folder stands."""
        with self._changed:
            held = self._held(lease)
            if held.outcome:
                raise Gone
            held.ready = True
            self._changed.notify_all()

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """The first outcome counts."""
        with self._changed:
            held = self._held(lease)
            if held.outcome not in (None, outcome):
                raise Gone
            held.outcome = outcome
            self._changed.notify_all()

    def adopt(self, runner: str, lease: Lease) -> Adopted:
        """The same lease goes on."""
        with self._changed:
            held = self._held(lease)
            if held.outcome or held.runner != runner:
                raise Gone
            return Adopted(held.job, _next(held))

    # Files.

    def tree(self, lease: Lease, tree: Tree) -> Iterator[bytes]:
        """A commit's files."""
        with self._changed:
            self._held(lease)
            if tree not in self._trees:
                raise Rejected(f"no commit {tree.commit}")
            content = self._trees[tree]
        return _pieces(content)

    def get(self, lease: Lease, uri: str) -> Iterator[bytes]:
        """A stored file."""
        with self._changed:
            self._held(lease)
            if uri not in self._stored:
                raise Rejected(f"no file {uri}")
            content = self._stored[uri]
        return _pieces(content)

    def put(self, lease: Lease, name: str, stream: BinaryIO) -> str:
        """Stores a file; the same name again replaces it."""
        content = stream.read()
        with self._changed:
            self._held(lease)
            uri = CACHE if name == CACHE else f"kestra:///tasks/{lease.task_run}/{name}"
            self._stored[uri] = content
            return uri

    def _next_for(self, runner: RunnerInfo) -> str | None:
        """The first job in the queue that is for anybody, or in a folder that this runner holds."""
        for name in self._queue:
            folder = self._jobs[name].job.folder
            held = self._jobs.get(folder.task_run) if folder else None
            if folder is None or (held is not None and held.job.lease == folder and held.runner == runner.id and held.outcome is None):
                return name
        return None

    def _reach(self) -> None:
        if self.down:
            raise Unreachable("down")

    def _held(self, lease: Lease) -> _Held:
        self._reach()
        held = self._jobs.get(lease.task_run)
        if held is None or held.job.lease != lease or held.runner is None:
            raise Gone
        return held

    def _order(self, runner: str, lease: Lease) -> Order | None:
        held = self._jobs.get(lease.task_run)
        if held is None or held.job.lease != lease or held.runner != runner or held.outcome:
            return None
        return held.order


def _next(held: _Held) -> int:
    return held.lines[-1].number + 1 if held.lines else 0


def _pieces(content: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
