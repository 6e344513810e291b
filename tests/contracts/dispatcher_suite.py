"""What every Dispatcher and Files must do: in memory, in the service, and over HTTP.

Subclass `DispatcherContract` in a test file and implement `make`.
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from runners.protocol import CACHE, Dispatcher, Files, Gone, Job, Lease, LogLine, Order, Outcome, Rejected, Result, RunnerInfo, Tree

ME = RunnerInfo("runner-1", "host-1", "1.0", backends=("io.kestra.plugin.core.runner.Process",), slots=2, base="/var/lib/runner")
OTHER = RunnerInfo("runner-2", "host-2", "1.0")

Bench = tuple[Dispatcher, Files, Callable[[Job], None]]


def a_job(name: str, tree: Tree | None = None) -> Job:
    """A job as the service would offer it; its epoch counts from the first claim."""
    runner = {"type": "io.kestra.plugin.core.runner.Process"}
    spec = {"commands": [f"echo {name}", "é"], "failFast": True, "env": {"N": None}, "inputFiles": {"a/b.txt": "ü", "c": None}, "taskRunner": runner}
    return Job(
        Lease(name, 1, 0), "execution1", "team", "flow", name, "io.kestra.plugin.scripts.shell.Commands", spec, tree=tree, masks=("hidden-value",), timeout=5.0
    )


def line(number: int, message: str = "x") -> LogLine:
    """One line."""
    return LogLine(number, datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "INFO", message)


class DispatcherContract:
    """The suite. `make` gives a fresh dispatcher and files, and a function that offers a job."""

    #: A commit whose tree holds `a.txt` with `content`, or None when `make` can't offer one.
    tree: Tree | None = None

    def make(self) -> Bench:
        """A fresh dispatcher, its files, and what offers a job to it."""
        raise NotImplementedError

    def share(self) -> tuple[Dispatcher, Files, Callable[[Lease], None]]:
        """A dispatcher to which a job has been offered that holds a folder, its files, and what offers a job in that folder, once it stands."""
        raise NotImplementedError

    def logged(self, lease: Lease) -> list[tuple[int, str]] | None:
        """What is stored of a job's log, as (number, message); None when it can't be asked."""
        return None

    def claimed(self, name: str = "run1") -> tuple[Dispatcher, Files, Job]:
        """A job of ours."""
        dispatcher, files, offer = self.make()
        offer(a_job(name, self.tree))
        job = dispatcher.claim(ME, 5.0)
        assert job is not None
        return dispatcher, files, job

    def test_where_nothing_waits_nothing_is_claimed(self):
        dispatcher, _, _ = self.make()
        assert dispatcher.claim(ME, 0.05) is None

    def test_a_claimed_job_is_complete(self):
        _, _, job = self.claimed()
        offered = a_job("run1", self.tree)
        assert (job.type, job.spec, job.masks, job.timeout, job.tree) == (offered.type, offered.spec, offered.masks, offered.timeout, offered.tree)
        assert (job.namespace, job.flow, job.task) == (offered.namespace, offered.flow, offered.task)
        assert job.lease.epoch >= 1

    def test_a_waiting_claim_gets_a_job_that_comes_up(self):
        dispatcher, _, offer = self.make()
        timer = threading.Timer(0.1, offer, (a_job("run1"),))
        timer.start()
        assert dispatcher.claim(ME, 10.0) is not None
        timer.join()

    def test_each_job_goes_to_one_runner_in_the_order_offered(self):
        dispatcher, _, offer = self.make()
        for name in ("run1", "run2"):
            offer(a_job(name))
        first, second = dispatcher.claim(ME, 5.0), dispatcher.claim(OTHER, 5.0)
        assert [job.task for job in (first, second) if job] == ["run1", "run2"]
        assert dispatcher.claim(ME, 0.05) is None

    def test_many_claims_at_once_give_each_job_once(self):
        dispatcher, _, offer = self.make()
        for number in range(6):
            offer(a_job(f"run{number}"))
        got: list[Job | None] = []
        threads = [threading.Thread(target=lambda: got.append(dispatcher.claim(ME, 0.5))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(job.task for job in got if job) == [f"run{number}" for number in range(6)]

    def test_a_beat_answers_for_each_lease(self):
        dispatcher, _, job = self.claimed()
        gone = Lease(job.lease.task_run, job.lease.attempt, job.lease.epoch + 1)
        answer = dispatcher.beat(ME.id, (job.lease, gone))
        assert answer[job.lease.key] is Order.GO_ON
        assert answer.get(gone.key) is None

    def test_a_beat_without_leases_is_a_sign_of_life(self):
        dispatcher, _, _ = self.make()
        assert dict(dispatcher.beat(ME.id, ())) == {}

    def test_somebody_elses_lease_is_gone(self):
        dispatcher, _, job = self.claimed()
        assert dispatcher.beat(OTHER.id, (job.lease,)).get(job.lease.key) is None
        with pytest.raises(Gone):
            dispatcher.adopt(OTHER.id, job.lease)

    def test_a_repeated_chunk_is_stored_once(self):
        dispatcher, _, job = self.claimed()
        dispatcher.log(job.lease, (line(0, "a"), line(1, "é\n\u2028")))
        dispatcher.log(job.lease, (line(0, "a"), line(1, "é\n\u2028")))
        dispatcher.log(job.lease, (line(1, "é\n\u2028"), line(2, "c")))
        assert dispatcher.adopt(ME.id, job.lease).next_line == 3
        assert self.logged(job.lease) in (None, [(0, "a"), (1, "é\n\u2028"), (2, "c")])

    def test_an_adopted_job_is_the_same_one(self):
        dispatcher, _, job = self.claimed()
        adopted = dispatcher.adopt(ME.id, job.lease)
        assert (adopted.job, adopted.next_line) == (job, 0)
        assert dispatcher.beat(ME.id, (job.lease,))[job.lease.key] is Order.GO_ON

    def test_the_first_outcome_counts_and_its_repeat_is_harmless(self):
        dispatcher, _, job = self.claimed()
        outcome = Outcome(Result.SUCCESS, None, 0, {"exitCode": 0, "vars": {"a": [1, None, "é"]}})
        dispatcher.finish(job.lease, outcome)
        dispatcher.finish(job.lease, outcome)
        with pytest.raises(Gone):
            dispatcher.finish(job.lease, Outcome.failed("late"))

    def test_after_its_end_a_job_is_gone(self):
        dispatcher, _, job = self.claimed()
        dispatcher.finish(job.lease, Outcome.failed("it failed", exit_code=3))
        assert dispatcher.beat(ME.id, (job.lease,)).get(job.lease.key) is None
        with pytest.raises(Gone):
            dispatcher.log(job.lease, (line(0),))
        with pytest.raises(Gone):
            dispatcher.adopt(ME.id, job.lease)

    @pytest.mark.parametrize("change", ["epoch", "attempt", "task_run"])
    def test_a_lease_that_was_never_given_is_gone(self, change):
        dispatcher, files, job = self.claimed()
        wrong = {
            "epoch": Lease(job.lease.task_run, job.lease.attempt, job.lease.epoch + 1),
            "attempt": Lease(job.lease.task_run, job.lease.attempt + 1, job.lease.epoch),
            "task_run": Lease("nobody", job.lease.attempt, job.lease.epoch),
        }[change]
        for call in (
            lambda: dispatcher.log(wrong, (line(0),)),
            lambda: dispatcher.ready(wrong),
            lambda: dispatcher.finish(wrong, Outcome(Result.SUCCESS)),
            lambda: dispatcher.adopt(ME.id, wrong),
            lambda: files.put(wrong, "a", io.BytesIO(b"x")),
            lambda: b"".join(files.get(wrong, "kestra:///a")),
        ):
            with pytest.raises(Gone):
                call()

    def test_what_shares_a_folder_goes_to_the_runner_that_holds_it(self):
        dispatcher, _, offer = self.share()
        held = dispatcher.claim(ME, 5.0)
        assert held is not None
        assert (held.holds, held.folder, held.directory) == (True, None, held.lease.directory)
        dispatcher.ready(held.lease)
        dispatcher.ready(held.lease)
        offer(held.lease)
        assert dispatcher.claim(OTHER, 0.05) is None
        job = dispatcher.claim(ME, 5.0)
        assert job is not None
        assert (job.holds, job.folder, job.directory) == (False, held.lease, held.lease.directory)
        assert dispatcher.adopt(ME.id, job.lease).job == job
        assert list(dispatcher.beat(ME.id, (held.lease, job.lease)).values()) == [Order.GO_ON, Order.GO_ON]

    def test_what_a_cache_keeps_comes_back(self):
        dispatcher, files, _ = self.share()
        held = dispatcher.claim(ME, 5.0)
        assert held is not None
        with pytest.raises(Rejected):
            b"".join(files.get(held.lease, CACHE))
        for content in (b"first", b"second"):
            files.put(held.lease, CACHE, io.BytesIO(content))
            assert b"".join(files.get(held.lease, CACHE)) == content

    def test_a_stored_file_comes_back_as_it_was(self):
        _, files, job = self.claimed()
        content = bytes(range(256)) * 5000
        uri = files.put(job.lease, "out/ü b.bin", io.BytesIO(content))
        assert uri.startswith("kestra:///")
        assert b"".join(files.get(job.lease, uri)) == content

    def test_an_empty_file_is_a_file(self):
        _, files, job = self.claimed()
        assert b"".join(files.get(job.lease, files.put(job.lease, "empty", io.BytesIO()))) == b""

    def test_a_file_that_is_not_there_is_refused(self):
        _, files, job = self.claimed()
        with pytest.raises(Rejected):
            b"".join(files.get(job.lease, "kestra:///no/such/file"))

    def test_a_tree_is_a_tar_of_the_commits_files(self):
        if self.tree is None:
            pytest.skip("this one offers no tree")
        _, files, job = self.claimed()
        with tarfile.open(fileobj=io.BytesIO(b"".join(files.tree(job.lease, self.tree)))) as archive:
            content = archive.extractfile("a.txt")
            assert content is not None
            assert content.read() == b"content"
