"""Holding a folder for other jobs: it is made, kept until the service says that they are over, and what is wanted of it is stored.

`jobs/<lease>/work` is the folder, as for every job. Beside it `opened` says that it stands, so that an agent which comes after us makes nothing anew; `torn`
says that the last program's files were being copied back and have not all come: then nothing more is done in it. `cached` is what the cache's files were when
they came.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import BinaryIO

from runners import archives
from runners.crashpoints import crashpoint
from runners.folder import Cache, FolderProperties
from runners.protocol import CACHE, Job, LogLine, Outcome, Rejected, Result, Unusable, decode, encode
from runners.reports import Report
from runners.task import RunnerTask, Work
from runners.transfer import put_inputs, put_namespaces, take_outputs
from runners.work import OPENED, TORN, Interrupted, JobWork, Means
from runners.workspace import unpack

_CACHED = "cached"


class HoldingWork(JobWork):
    """The Work of a job that holds a folder."""

    def __init__(self, means: Means, job: Job, report: Report, others_over: Callable[[], None]) -> None:
        super().__init__(means, job, report)
        self._closing = threading.Event()
        self._others_over = others_over

    @property
    def opened(self) -> bool:
        """Whether the folder stands, made by us or by an agent before us."""
        return (self._folder / OPENED).exists()

    def prepare(self) -> None:
        """The folder with the commit's files, unless it stands already."""
        if not self.opened:
            self._make_folder()
        self._resume()

    def hold(self) -> None:
        """Says that the folder stands, and waits until the jobs in it are over; raises Interrupted when it is to be given up."""
        self._remember_opening()
        crashpoint("folder.before_ready")
        self.patiently(lambda: self._means.dispatcher.ready(self.job.lease))
        crashpoint("folder.ready")
        self._closing.wait()
        crashpoint("folder.closing")
        if self.stopping.is_set():
            raise Interrupted
        self._others_over()
        if (self._folder / TORN).exists():
            raise Unusable("files of its last task could not all be copied back into the folder: nothing of it is stored")

    def _remember_opening(self) -> None:
        """That the folder stands, with all that was said until then: a next agent, which makes no folder, has its own words numbered behind that."""
        place = self._folder / OPENED
        if self.opened:
            self._report.resume([decode(LogLine, line) for line in json.loads(place.read_text() or "[]")])
            return
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps([encode(line) for line in self._report.aside()]))
        fresh.rename(place)

    def close(self) -> None:
        """The jobs in it are over: it may end."""
        self._closing.set()

    def stop(self, reason: str, limit: float = float("inf")) -> None:
        """Ends the waiting."""
        super().stop(reason, limit)
        self._closing.set()

    def leave(self) -> None:
        """Ends the waiting; the folder stays for the next agent."""
        super().leave()
        self._closing.set()

    def restore(self, cache: Cache) -> None:
        """Puts back what the cache has kept, unless that is too old."""
        with tempfile.TemporaryFile() as packed:
            try:
                self.patiently(lambda: _spool(self._means.files.get(self.job.lease, CACHE), packed))
            except Rejected:
                self.log("DEBUG", "nothing has been cached yet")
                return
            age = max(0.0, time.time() - archives.stamp(packed))
            if isinstance(cache.ttl, timedelta) and age > cache.ttl.total_seconds():
                self.log("INFO", f"what was cached {age:.0f} s ago is too old to be used")
                return
            unpack(archives.unzipped(packed), self.directory)
        crashpoint("folder.restored")
        (self._folder / _CACHED).write_text(archives.digest(self.directory, cache.patterns))
        self.log("INFO", f"restored what was cached {age:.0f} s ago")

    def keep(self, cache: Cache) -> None:
        """Stores the files of the cache, where they have changed since they came."""
        before, now = self._folder / _CACHED, archives.digest(self.directory, cache.patterns)
        if now == (before.read_text() if before.exists() else archives.digest(self.directory, ())):
            return
        with tempfile.TemporaryFile() as packed:
            archives.pack(self.directory, cache.patterns, packed)

            def put() -> None:
                packed.seek(0)
                self._means.files.put(self.job.lease, CACHE, packed)

            try:
                crashpoint("folder.before_cache")
                self.patiently(put)
                crashpoint("folder.cached")
            except Rejected as problem:
                raise Unusable(f"the cache can't be stored: {problem}") from problem
        self.log("INFO", "cached the files for the next run")


class SharedFolder(FolderProperties, RunnerTask):
    """Makes a folder, holds it, and stores what is wanted of it."""

    TYPE = "io.kestra.plugin.core.flow.WorkingDirectory"

    def run(self, work: Work) -> Outcome:
        """From the first file put in to the last one taken out."""
        assert isinstance(work, HoldingWork)
        if not work.opened:
            self._fill(work)
        work.hold()
        stored: dict[str, str] = {}
        take_outputs(work, self.output_files or (), stored)
        if self.cache:
            work.keep(self.cache)
        return Outcome(Result.SUCCESS, outputs={"outputFiles": stored})

    def _fill(self, work: HoldingWork) -> None:
        if self.cache:
            work.restore(self.cache)
        put_namespaces(work, self.namespace_files)
        put_inputs(work, self.input_files or {})


def _spool(content: Iterable[bytes], into: BinaryIO) -> None:
    into.seek(0)
    into.truncate()
    for chunk in content:
        into.write(chunk)
    into.seek(0)
