"""The agent's loop: what it claims, when it stops, what it tells."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest

from runners.__main__ import Choices, build
from runners.agent import Locked, Timing
from runners.backend import Launch, Lines, Program
from runners.backends.docker import DockerBackend
from runners.client import HttpFiles
from runners.memory import MemoryService
from runners.options.process import Process
from runners.protocol import Job, Lease, Outcome, Refused, Rejected, Result, RunnerInfo, Tree, Unreachable
from runners.reports import Caps
from runners.task import Exit, RunnerTask, Work
from runners.work import JobWork
from runners.workspace import Workspace
from tests.runners.images import Images
from tests.runners.playing import alive, at_work, job, on_host, play, until
from tests.runners.wire import TOKEN, wire


def messages(service: MemoryService, name: str) -> list[str]:
    return [line.message for line in service.lines(name)]


def known(service: MemoryService) -> bool:
    return bool(service.runners)


def test_jobs_run_side_by_side_up_to_the_slots(tmp_path, service: MemoryService):
    meet = "touch {0}/$HEADGATE_IDEMPOTENCY_KEY; while [ $(ls {0} | wc -l) -lt 4 ]; do sleep 0.02; done"
    (tmp_path / "met").mkdir()
    for number in range(5):
        service.offer(job(f"run{number}", meet.format(tmp_path / "met")))
    with at_work(service, tmp_path / "base"):
        assert [service.ended(f"run{number}").result for number in range(5)] == [Result.SUCCESS] * 5


def test_nothing_is_left_of_a_finished_job(tmp_path, service: MemoryService):
    play(tmp_path, job("one", "sleep 300 & echo x"), service)
    assert list((tmp_path / "jobs").iterdir()) == []
    assert alive(tmp_path) == {}


def test_the_log_is_live(tmp_path, service: MemoryService):
    service.offer(job("one", "echo first", "while [ ! -e go ]; do sleep 0.02; done"))
    with at_work(service, tmp_path):
        until(lambda: messages(service, "one") == ["first"])
        (tmp_path / "jobs/one-1-1/work/go").touch()
        assert service.ended("one").result is Result.SUCCESS


def test_a_kill_ends_the_whole_tree(tmp_path, service: MemoryService):
    service.offer(job("one", "setsid sleep 300 &", "(setsid sh -c 'trap \"\" TERM; echo ready; sleep 301' &)", "sleep 302"))
    with at_work(service, tmp_path, grace=0.2):
        until(lambda: "ready" in messages(service, "one"))
        service.kill("one")
        outcome = service.ended("one", 10)
    assert (outcome.result, outcome.message) == (Result.KILLED, "the task was killed")
    assert alive(tmp_path) == {}


def test_a_service_from_a_backup_leaves_the_jobs_of_the_first_alone(tmp_path):
    """Theirs have the same keys."""
    first, second = MemoryService(), MemoryService()
    first.offer(job("one", "echo ready; while [ ! -e go ]; do sleep 0.02; done"))
    second.offer(job("one", "echo ready; sleep 300"))
    with at_work(first, tmp_path / "first"):
        until(lambda: messages(first, "one"))
        with at_work(second, tmp_path / "second", grace=0.2):
            until(lambda: messages(second, "one"))
            second.kill("one")
            assert second.ended("one").result is Result.KILLED
        assert alive(tmp_path / "first")
        assert alive(tmp_path / "second") == {}
        (tmp_path / "first/jobs/one-1-1/work/go").touch()
        assert first.ended("one").result is Result.SUCCESS


def test_a_timeout_ends_the_whole_tree_and_says_so(tmp_path, service: MemoryService):
    work = job("one", 'echo \'::{"outputs": {"a": 1}}::\'', "setsid sleep 300 & sleep 301", timeout=0.5)
    outcome, _ = play(tmp_path, work, service)
    assert (outcome.result, outcome.message) == (Result.FAILED, "the task timed out after PT0.5S")
    assert outcome.outputs["vars"] == {"a": 1}
    assert alive(tmp_path) == {}


def threads_of(name: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if f" {name}-" in thread.name]


def works_of(name: str) -> list[JobWork]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, JobWork) and one.job.lease.task_run == name]


@pytest.mark.parametrize("commands", [["true"], ["false"], ["echo '::{\"outputs\": 1}::'; sleep 300 & exit 3"]])
def test_nothing_of_an_ended_job_waits_for_its_timeout(tmp_path, service: MemoryService, commands: list[str]):
    name = f"quiet{uuid4().hex[:8]}"
    service.offer(job(name, *commands, timeout=86400.0))
    with at_work(service, tmp_path):
        service.ended(name)
        until(lambda: threads_of(name) == [])
        until(lambda: works_of(name) == [])


def test_a_running_job_has_one_thread_and_its_timeout_none(tmp_path, service: MemoryService):
    name = f"single{uuid4().hex[:8]}"
    service.offer(job(name, "echo ready; while [ ! -e go ]; do sleep 0.02; done", timeout=86400.0))
    with at_work(service, tmp_path):
        until(lambda: messages(service, name))
        assert threads_of(name) == [f"job {name}-1-1"]
        (tmp_path / f"jobs/{name}-1-1/work/go").touch()
        assert service.ended(name).result is Result.SUCCESS


class Counting(MemoryService):
    """Counts the beats that name a lease which is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0

    def give_away(self, name: str) -> None:
        with self._changed:
            self._jobs[name].runner = "another"

    def beat(self, runner, leases, wait=0.0):
        orders = super().beat(runner, leases, wait)
        self.refused += None in orders.values()
        return orders


def test_a_job_that_is_gone_is_stopped_once_however_often_that_is_heard(tmp_path):
    service, name = Counting(), f"gone{uuid4().hex[:8]}"
    service.offer(job(name, "trap '' TERM; echo ready; while :; do sleep 300 & wait; done"))
    with at_work(service, tmp_path, lease=600.0, grace=3.0, drain=0.0):
        until(lambda: messages(service, name))
        service.give_away(name)
        until(lambda: service.refused > 5)
        assert len([one for one in threads_of(name) if one.startswith("stop")]) <= 1


def test_a_flood_can_be_killed_and_times_out(tmp_path, service: MemoryService):
    service.offer(job("one", "yes"))
    service.offer(job("two", "yes", timeout=0.5))
    with at_work(service, tmp_path, caps=Caps(log=1 << 20)):
        until(lambda: messages(service, "one"))
        service.kill("one")
        assert service.ended("one").result is Result.KILLED
        assert service.ended("two").message == "the task timed out after PT0.5S"


class Lagging(Program):
    """Has ended or not; its output comes when somebody has asked for that."""

    def __init__(self, ended: bool) -> None:
        self.joined, self.unread, self.ended = False, None, ended
        self.asked = threading.Event()

    def batches(self):
        yield Lines("stdout", ["first"], datetime.now(UTC))
        assert self.asked.wait(20)
        yield Lines("stdout", ["last"], datetime.now(UTC))

    def over(self) -> bool:
        self.asked.set()
        return self.ended

    def wait(self) -> Exit:
        return Exit(0)

    def stop(self, grace: float, limit: float = 0.0) -> None:
        self.asked.set()

    def leave(self) -> None: ...

    def collect(self, path: str) -> None: ...


class LateReading:
    """A backend whose programs have been read when they ought to have ended."""

    options = Process

    def __init__(self, ended: bool) -> None:
        self.ended = ended

    def available(self) -> None: ...

    def start(self, launch: Launch) -> Program:
        launch.begun()
        return Lagging(self.ended)

    def left(self) -> tuple[Lease, ...]:
        return ()

    def remove(self, lease: Lease) -> None: ...

    def close(self) -> None: ...


def test_a_job_that_is_not_trusted_is_no_process_on_this_host(tmp_path):
    outcome, _ = play(tmp_path, job("one", "echo ran", trusted=False))
    assert (outcome.result, outcome.outputs.get("exitCode")) == (Result.FAILED, None)
    assert "in a container only" in str(outcome.message)


@pytest.mark.parametrize(
    ("ended", "spec", "result"),
    [
        (True, {}, Result.SUCCESS),  # in time, however late it was read
        (False, {}, Result.FAILED),
        (True, {"outputFiles": ["*"]}, Result.FAILED),  # storing is work too
    ],
)
def test_a_timeout_goes_by_the_end_of_the_program_and_not_by_that_of_its_reading(tmp_path, ended: bool, spec: dict[str, object], result: Result):
    outcome, lines = play(tmp_path, job("one", spec={"commands": ["true"], **spec}, timeout=0.2), backends=lambda base: [LateReading(ended)])
    assert outcome.result is result
    assert outcome.message == (None if result is Result.SUCCESS else "the task timed out after PT0.2S")
    assert lines == [("INFO", "first"), ("INFO", "last")]


def test_a_job_that_was_given_to_another_is_dropped_without_a_word(tmp_path, service: MemoryService):
    service.offer(job("one", "echo ready; sleep 300"))
    with at_work(service, tmp_path) as stop:
        until(lambda: messages(service, "one"))
        old = service.lease("one")
        stop.set()
        time.sleep(0.3)  # the last claim of this agent ends
        service.expire("one")
        until(lambda: list((tmp_path / "jobs").iterdir()) == [])
    assert alive(tmp_path, old.key) == {}


def test_a_drain_lets_jobs_end_and_claims_nothing_more(tmp_path, service: MemoryService):
    service.offer(job("one", "echo ready; sleep 0.6; echo done"))
    with at_work(service, tmp_path) as stop:
        until(lambda: messages(service, "one"))
        stop.set()
        until(lambda: messages(service, "one") == ["ready", "done"])
        service.offer(job("two", "true"))
        assert service.ended("one").result is Result.SUCCESS
    assert service.lease("two").epoch == 0


def test_a_drain_hands_back_what_takes_too_long(tmp_path, service: MemoryService):
    service.offer(job("one", "echo ready; sleep 300"))
    with at_work(service, tmp_path, drain=0.2) as stop:
        until(lambda: messages(service, "one"))
        stop.set()
        outcome = service.ended("one")
    assert (outcome.result, outcome.message) == (Result.HANDED, "the runner was shut down before the task ended")
    assert alive(tmp_path) == {}


class Late(MemoryService):
    """Answers a claim when the agent has been told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answers = threading.Event(), threading.Event()

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        self.asked.set()
        assert self.answers.wait(20)
        return super().claim(runner, 0)


@pytest.mark.parametrize("leave", [True, False])
def test_a_job_that_comes_while_the_agent_drains_is_handed_back_at_once(tmp_path, leave: bool):
    service = Late()
    service.offer(job("one", "echo ran"))
    with at_work(service, tmp_path, leave=leave, drain=0.1) as stop:
        assert service.asked.wait(20)
        stop.set()
        time.sleep(0.5)
        service.answers.set()
        assert service.ended("one", 10).result is Result.HANDED
    assert messages(service, "one") == []
    assert list((tmp_path / "jobs").iterdir()) == []


def test_an_agent_that_is_told_to_end_while_claims_race_leaves_no_job_alone(tmp_path):
    for round in range(8):
        service = MemoryService()
        with at_work(service, tmp_path / str(round), drain=0.0, grace=0.2, wait=1.0) as stop:
            until(partial(known, service))
            teller = threading.Thread(target=stop.set)
            teller.start()
            for number in range(4):
                service.offer(job(f"run{number}", "sleep 300"))
            teller.join()
        for number in range(4):
            if service.lease(f"run{number}").epoch:
                assert service.ended(f"run{number}", 0).result is Result.HANDED
                assert alive(tmp_path / str(round), service.lease(f"run{number}").key) == {}


def test_a_service_that_is_away_for_a_while_costs_nothing(tmp_path, service: MemoryService):
    service.offer(job("one", "i=0; while [ $i -lt 20 ]; do echo $i; sleep 0.03; i=$((i+1)); done"))
    with at_work(service, tmp_path):
        until(lambda: len(messages(service, "one")) > 2)
        service.down = True
        time.sleep(1.0)
        service.down = False
        assert service.ended("one").result is Result.SUCCESS
    assert messages(service, "one") == [str(number) for number in range(20)]


def test_after_a_lease_time_without_the_service_jobs_are_stopped_and_the_agent_ends(tmp_path, service: MemoryService):
    service.offer(job("one", "echo ready; sleep 300"))

    def fail() -> None:
        until(lambda: messages(service, "one"))
        service.down = True
        until(lambda: not alive(tmp_path))

    with pytest.raises(Unreachable), at_work(service, tmp_path, lease=1.0):
        fail()
    service.down = False
    # The next agent finds what is left, and tells it.
    with at_work(service, tmp_path):
        outcome = service.ended("one")
    assert outcome.result is Result.LOST
    assert "lost contact" in str(outcome.message)


class Fading(MemoryService):
    """Answers beats until it fades away: the last one slowly, and then as `fate` says."""

    def __init__(self, fate: str) -> None:
        super().__init__()
        self.fate, self.fading, self.over = fate, threading.Event(), threading.Event()
        self.renewed = 0.0

    def beat(self, runner, leases, wait=0.0):
        if not self.fading.is_set():
            return super().beat(runner, leases, 0.0)
        if self.renewed and self.fate == "hangs":
            self.over.wait(30)
        if self.renewed:
            raise Unreachable("gone")
        answer = super().beat(runner, leases, 0.0)
        self.renewed = time.monotonic()
        self.over.wait(1.0)
        return answer


@pytest.mark.parametrize("fate", ["refuses", "hangs"])
def test_a_job_has_ended_before_its_lease_has(tmp_path, fate: str):
    service, lease = Fading(fate), 5.0
    service.offer(job("one", "trap '' TERM; echo ready; while :; do sleep 300 & wait; done"))
    with at_work(service, tmp_path, lease=lease, stay=True, drain=0.0, grace=60.0):
        until(lambda: messages(service, "one"))
        service.fading.set()
        until(lambda: service.renewed)
        until(lambda: not alive(tmp_path))
        assert time.monotonic() - service.renewed < lease
        # It is told as soon as somebody listens, so that the work need not wait for the end of the lease.
        assert service.ended("one").result is Result.LOST
        service.over.set()


@pytest.mark.parametrize(("lease", "beat", "grace"), [(30.0, 10.0, 5.0), (3.0, 0.3, 5.0), (6.0, 10.0, 5.0), (600.0, 10.0, 5.0), (30.0, 10.0, 300.0)])
def test_whatever_the_times_are_a_job_can_end_within_its_lease_and_beats_can_be_missed(lease: float, beat: float, grace: float):
    timing = Timing(lease=lease, beat=beat, grace=grace)
    assert timing.trust + timing.last_grace < lease
    assert timing.pace * 4 <= timing.trust
    assert timing.trust > lease / 2


def test_an_agent_that_may_stay_goes_on_when_the_service_is_back(tmp_path, service: MemoryService):
    with at_work(service, tmp_path, lease=0.3, stay=True):
        service.down = True
        time.sleep(0.8)
        service.down = False
        service.offer(job("one", "echo on"))
        assert service.ended("one").result is Result.SUCCESS


def test_two_agents_do_not_share_a_folder(tmp_path, service: MemoryService):
    with at_work(service, tmp_path):
        until(lambda: (tmp_path / "lock").exists() and (tmp_path / "lock").read_text())
        with pytest.raises(Locked), at_work(service, tmp_path):
            time.sleep(0.2)


class Refusing(MemoryService):
    """Knows nobody."""

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        raise Refused("no such token")


def test_a_refused_agent_ends(tmp_path):
    with pytest.raises(Refused), at_work(Refusing(), tmp_path):
        time.sleep(0.5)


class Particular(MemoryService):
    """Takes no outcome with outputs."""

    def finish(self, lease, outcome) -> None:
        if outcome.outputs:
            raise Rejected("too large")
        super().finish(lease, outcome)


def test_a_result_that_is_not_taken_becomes_a_failure_with_the_reason(tmp_path):
    outcome, _ = play(tmp_path, job("one", "true"), Particular())
    assert outcome == Outcome.failed("the service refused the task's result: too large", exit_code=0)


class Broken(RunnerTask):
    """A task with a fault of ours."""

    TYPE = "test.Broken"

    def run(self, work: Work) -> Outcome:
        """Raises, with a secret in its words."""
        raise RuntimeError("secret-value")


def test_a_fault_of_ours_is_a_failed_task_without_a_traceback(tmp_path, service: MemoryService):
    from tests.runners import playing  # noqa: PLC0415  (not under its own name here)

    service.offer(replace(job("one", "true"), type="test.Broken", spec={}))
    stop = threading.Event()
    worker = playing.agent(service, service, tmp_path)
    worker._means = replace(worker._means, types={"test.Broken": Broken}.__getitem__)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    outcome = service.ended("one")
    stop.set()
    thread.join()
    assert outcome == Outcome.failed("an error inside the runner (RuntimeError); its log has the details")


def test_a_commit_that_cannot_be_had_fails_the_task(tmp_path, service: MemoryService):
    service.hold(Tree("r", "a" * 40), {"../outside": b"x"})
    outcome, _ = play(tmp_path, job("one", "true", tree=Tree("r", "a" * 40)), service)
    assert outcome.result is Result.FAILED
    assert "leads outside" in str(outcome.message)


@pytest.mark.parametrize("over_http", [False, True])
def test_a_commit_that_the_service_does_not_have_fails_the_task_with_the_reason(tmp_path, service: MemoryService, over_http: bool):
    service.offer(job("one", "true", tree=Tree("r", "b" * 40)))
    if over_http:
        with wire(service, Tree("r", "b" * 40)) as server:
            files = HttpFiles(server.url, TOKEN)
            with at_work(service, tmp_path, files=files):
                outcome = service.ended("one")
            files.close()
    else:
        with at_work(service, tmp_path):
            outcome = service.ended("one")
    assert outcome.result is Result.FAILED
    assert str(outcome.message).startswith("the commit's files can't be had: ")
    assert f"no commit {'b' * 40}" in str(outcome.message)


@pytest.mark.parametrize("host", ["here", "a-container-made-anew"])
def test_a_runner_is_known_by_its_folder_on_whatever_host_it_is(tmp_path, service: MemoryService, host: str, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: host)
    stop = threading.Event()
    agent = build(service, service, tmp_path, Choices(backend="process"), timing=Timing(wait=0.1, drain=0.1))
    thread = threading.Thread(target=agent.run, args=(stop,))
    thread.start()
    until(lambda: service.runners)
    stop.set()
    thread.join()
    (known,) = service.runners.values()
    assert (known.id, known.host) == (Workspace(tmp_path).instance(), host)


def test_the_runner_tells_what_it_has_and_where(tmp_path, service: MemoryService):
    play(tmp_path, job("one", "true"), service)
    known = service.runners["runner-1"]
    assert known.backends == ("io.kestra.plugin.core.runner.Process",)
    assert known.base == str(tmp_path)


def docker_first(base):
    return [DockerBackend(Workspace(base).instance()), on_host(base)]


def elsewhere(base):
    return [DockerBackend("x", host="tcp://127.0.0.1:1"), on_host(base)]


def test_without_a_daemon_auto_takes_processes(tmp_path, service: MemoryService):
    outcome, lines = play(tmp_path, job("one", "echo ran"), service, backends=elsewhere)
    assert outcome.outputs["taskRunner"] == {"type": "io.kestra.plugin.core.runner.Process"}
    assert lines == [("INFO", "ran")]


def test_a_task_that_names_docker_without_a_daemon_says_what_to_do(tmp_path, service: MemoryService):
    spec = {"commands": ["true"], "taskRunner": {"type": "io.kestra.plugin.scripts.runner.docker.Docker"}}
    outcome, _ = play(tmp_path, job("one", spec=spec), service, backends=elsewhere)
    assert outcome.result is Result.FAILED
    assert "no Docker daemon answers on this runner" in str(outcome.message)
    assert "start one, set DOCKER_HOST, or use the task runner io.kestra.plugin.core.runner.Process" in str(outcome.message)


@pytest.mark.docker
def test_with_a_daemon_auto_takes_containers(tmp_path, service: MemoryService, docker_images: Images):
    spec = {
        "containerImage": docker_images.plain,
        "commands": ["cat in.txt; pwd; echo 1 > out.csv; mkdir d; echo 2 > d/b.csv; ln -s /etc/passwd link.csv"],
        "inputFiles": {"in.txt": "text\n"},
        "outputFiles": ["**/*.csv"],
    }
    outcome, lines = play(tmp_path, job("one", spec=spec), service, backends=docker_first)
    assert outcome.outputs["taskRunner"] == {"type": "io.kestra.plugin.scripts.runner.docker.Docker"}
    assert lines == [("INFO", "text"), ("INFO", str(tmp_path / "jobs/one-1-1/work"))]
    assert set(outcome.outputs["outputFiles"]) == {"out.csv", "d/b.csv"}
    assert service.stored(outcome.outputs["outputFiles"]["d/b.csv"]) == b"2\n"
    assert docker_first(tmp_path)[0].left() == ()


@pytest.mark.docker
def test_a_default_image_that_cannot_be_had_falls_back_to_a_process(tmp_path, service: MemoryService, docker_images: Images, monkeypatch):
    monkeypatch.setattr("runners.scripts.ScriptTask.IMAGE", "127.0.0.1:1/none")
    outcome, lines = play(tmp_path, job("one", "echo ran"), service, backends=docker_first)
    assert outcome.outputs["taskRunner"] == {"type": "io.kestra.plugin.core.runner.Process"}
    assert [level for level, _ in lines] == ["INFO", "WARN", "INFO"]
    assert "using the task runner io.kestra.plugin.core.runner.Process instead" in lines[1][1]


@pytest.mark.docker
def test_an_image_of_ones_own_that_cannot_be_had_fails(tmp_path, service: MemoryService, docker_images: Images):
    spec = {"commands": ["true"], "containerImage": "127.0.0.1:1/none"}
    outcome, _ = play(tmp_path, job("one", spec=spec), service, backends=docker_first)
    assert outcome.result is Result.FAILED
    assert "127.0.0.1:1/none can't be pulled" in str(outcome.message)


@pytest.mark.docker
def test_a_kill_and_a_timeout_end_a_container(tmp_path, service: MemoryService, docker_images: Images):
    image = {"containerImage": docker_images.plain}
    service.offer(job("one", spec={"commands": ["echo ready; setsid sleep 300 & sleep 301"], **image}))
    service.offer(job("two", spec={"commands": ["sleep 302"], **image}, timeout=1.0))
    with at_work(service, tmp_path, backends=docker_first):
        until(lambda: messages(service, "one"))
        service.kill("one")
        assert service.ended("one").result is Result.KILLED
        assert service.ended("two").message == "the task timed out after PT1S"
    assert docker_first(tmp_path)[0].left() == ()
