"""An agent is killed with -9 and another one goes on: the log whole, the exit code right, nothing twice, nothing left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from runners import processes
from runners.backends.docker import DockerBackend
from runners.crashpoints import VARIABLE
from runners.memory import MemoryService
from runners.protocol import Job, Lease, Metric, Result, Tree
from runners.workspace import Workspace
from tests.runners.images import Images
from tests.runners.playing import alive, job, name_of, until
from tests.runners.wire import Wire, wire

COMMIT = Tree("demo", "d" * 40)
ROOT = Path(__file__).parents[2]

#: Counts to 60 on both streams, publishes on the way, counts how often it was started, ends with 6.
SCRIPT = """
echo run >> runs
i=0
while [ $i -lt 60 ]; do
  echo "out $i"; echo "err $i" >&2
  [ $i = 5 ] && echo '::{"outputs": {"early": 1}, "metrics": [{"name": "m", "type": "counter", "value": 2}]}::'
  sleep 0.03; i=$((i+1))
done
cat runs
exit 6
"""

#: The same, but no further than 40 before somebody lets it go on: however slow a machine is, the task is still there for the next agent.
HELD = SCRIPT.replace("sleep 0.03", "while [ $i = 40 ] && [ ! -e go ]; do sleep 0.03; done; sleep 0.03")


class Kind:
    """A backend's kind, with what its jobs need."""

    def __init__(self, name: str, base: Path, images: Images | None) -> None:
        self.name, self.base = name, base
        self.spec = {"containerImage": images.plain} if images else {}

    def let_go(self) -> None:
        """Tells the job `one` to go on: in its container, or where it runs on this host."""
        if self.name == "process":
            (self.base / "jobs/one-1-1/work/go").touch()
            return
        ours = ("--filter", f"label=headgate.instance={Workspace(self.base).instance()}")
        container = subprocess.run(("docker", "ps", "-q", *ours), capture_output=True, text=True, check=True).stdout.strip()
        subprocess.run(("docker", "exec", container, "touch", "go"), check=True)

    def left(self, key: str) -> object:
        """What is left of a job."""
        if self.name == "process":
            return alive(self.base, key)
        backend = DockerBackend(Workspace(self.base).instance())
        left = backend.left()
        backend.close()
        return left


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    images = request.getfixturevalue("docker_images") if request.param == "docker" else None
    return Kind(request.param, tmp_path, images)


@pytest.fixture
def server(service: MemoryService) -> Iterator[Wire]:
    service.hold(COMMIT, {"a.txt": b"a"})
    with wire(service, COMMIT) as server:
        yield server


@contextlib.contextmanager
def agent(server: Wire, kind: Kind, drain: float = 5.0, crash: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """An agent's process, killed at the end of the block if it still runs."""
    command = (sys.executable, "-m", "tests.runners.agent_process", server.url, str(kind.base), kind.name, str(drain))
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, VARIABLE: crash})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def end(process: subprocess.Popen[bytes]) -> int:
    """Drains it."""
    process.terminate()
    return process.wait(30)


def shell(kind: Kind, name: str, script: str, **rest):
    return job(name, type="io.kestra.plugin.scripts.shell.Script", spec={"script": script, **kind.spec}, **rest)


def seen_more(service: MemoryService, lines: int) -> bool:
    return len(service.lines("one")) > lines


def assert_whole(service: MemoryService, name: str, runs: int = 1) -> None:
    lines = service.lines(name)
    assert [line.number for line in lines] == list(range(len(lines)))
    assert [line.message for line in lines if line.message.startswith("out")] == [f"out {number}" for number in range(60)]
    assert [line.message for line in lines if line.message.startswith("err")] == [f"err {number}" for number in range(60)]
    assert [line.message for line in lines if line.message == "run"] == ["run"] * runs


def test_a_killed_agent_costs_nothing(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", HELD, tree=COMMIT))
    for seen in (10, 60):
        with agent(server, kind):
            until(partial(seen_more, service, seen))
    kind.let_go()
    with agent(server, kind) as last:
        outcome = service.ended("one")
        assert end(last) == 0
    assert (outcome.result, outcome.exit_code) == (Result.FAILED, 6)
    assert outcome.outputs["vars"] == {"early": 1}
    assert (outcome.outputs["stdOutLineCount"], outcome.outputs["stdErrLineCount"]) == (62, 60)
    assert outcome.metrics == (Metric("m", "counter", 2.0),)
    assert_whole(service, "one")
    assert not kind.left("one-1-1")
    assert list((kind.base / "jobs").iterdir()) == []


def test_an_agent_that_is_killed_keeps_the_folder_that_jobs_share(server: Wire, kind: Kind, service: MemoryService):
    held = {"inputFiles": {"in": "given"}, "outputFiles": ["runs", "in"]}
    service.offer(Job(Lease("group", 1, 0), "exec-1", "team", "flow", "group", "io.kestra.plugin.core.flow.WorkingDirectory", held, holds=True))
    with agent(server, kind):
        folder = service.opened("group")
        service.offer(shell(kind, "zero", "echo zero >> runs", folder=folder))
        assert service.ended("zero").result is Result.SUCCESS
        service.offer(shell(kind, "one", "echo one >> runs; i=0; while [ $i -lt 40 ]; do echo $i; sleep 0.1; i=$((i+1)); done", folder=folder))
        until(partial(seen_more, service, 5))
    with agent(server, kind) as last:
        assert service.ended("one").result is Result.SUCCESS
        service.offer(shell(kind, "two", "cat in; echo two >> runs", folder=folder))
        assert service.ended("two").result is Result.SUCCESS
        service.kill("group")
        files = service.ended("group").outputs["outputFiles"]
        assert {name: service.stored(uri) for name, uri in files.items()} == {"runs": b"zero\none\ntwo\n", "in": b"given"}
        until(lambda: list((kind.base / "jobs").iterdir()) == [])
        assert end(last) == 0
    assert [line.number for line in service.lines("one")] == list(range(40))


@pytest.mark.parametrize("sent", [True, False], ids=["what was said is sent", "nothing is sent"])
def test_what_was_said_of_a_shared_folder_is_told_once_whoever_says_the_rest(server: Wire, tmp_path: Path, service: MemoryService, sent: bool):
    """Its words are numbered on by the next agent, which does not make the folder anew."""
    kind = Kind("process", tmp_path, None)
    held = {"cache": {"patterns": ["runs"]}, "outputFiles": ["nothing"]}
    service.offer(Job(Lease("group", 1, 0), "exec-1", "team", "flow", "group", "io.kestra.plugin.core.flow.WorkingDirectory", held, holds=True))
    with agent(server, kind, crash="" if sent else "agent.before_log") as first:
        until(lambda: service.lines("group") and service.opened("group") if sent else first.poll() is not None)
    assert bool(service.lines("group")) is sent
    time.sleep(0.25)  # the dead agent's last claim ends
    with agent(server, kind) as last:
        service.offer(shell(kind, "one", "echo one >> runs", folder=service.opened("group")))
        assert service.ended("one").result is Result.SUCCESS
        service.kill("group")
        assert service.ended("group").result is Result.SUCCESS
        assert end(last) == 0
    lines = [(line.number, line.message) for line in service.lines("group")]
    assert lines == [*enumerate(["nothing has been cached yet", "outputFiles: nothing matches 'nothing'", "cached the files for the next run"])]


def test_an_agent_that_is_told_to_end_costs_as_little_as_one_that_is_killed(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", HELD, tree=COMMIT))
    for seen in (10, 60):
        with agent(server, kind, drain=0.0) as one:
            until(partial(seen_more, service, seen))
            assert end(one) == 0
        assert kind.left("one-1-1")
    kind.let_go()
    with agent(server, kind) as last:
        outcome = service.ended("one")
        assert end(last) == 0
    assert (outcome.result, outcome.exit_code) == (Result.FAILED, 6)
    assert outcome.outputs["vars"] == {"early": 1}
    assert_whole(service, "one")
    assert not kind.left("one-1-1")
    assert list((kind.base / "jobs").iterdir()) == []


def test_an_agent_that_is_told_to_end_again_and_again_loses_and_repeats_nothing(server: Wire, tmp_path: Path, service: MemoryService):
    kind = Kind("process", tmp_path, None)
    service.offer(shell(kind, "one", SCRIPT))
    with agent(server, kind, drain=0.0) as first:
        until(lambda: service.lines("one"))
        end(first)
    pause = 0.2
    while len(service.lines("one")) < 120:
        with agent(server, kind, drain=0.0) as process:
            time.sleep(pause)
            process.terminate()
            process.wait(20)
        pause += 0.3
        assert pause < 10
    with agent(server, kind) as last:
        outcome = service.ended("one")
        end(last)
    assert outcome.exit_code == 6
    assert_whole(service, "one")
    assert alive(tmp_path, service.lease("one").key) == {}


def test_what_was_left_and_is_gone_by_now_is_no_fault_of_the_work(server: Wire, tmp_path: Path, service: MemoryService):
    """A container or a host that is stopped takes the processes of its tasks along."""
    kind = Kind("process", tmp_path, None)
    service.offer(shell(kind, "one", "echo ready; sleep 300"))
    with agent(server, kind, drain=0.0) as first:
        until(lambda: service.lines("one"))
        end(first)
    # First the shell, which would tell how the script ended.
    os.kill(int((tmp_path / "jobs/one-1-1/run-0/pid").read_text().split()[0]), signal.SIGKILL)
    assert processes.end(name_of(tmp_path))
    with agent(server, kind) as second:
        outcome = service.ended("one")
        end(second)
    assert outcome.result is Result.HANDED
    assert "ended with it" in str(outcome.message)


def test_what_was_left_and_given_to_somebody_else_is_removed(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", "echo ready; sleep 300"))
    with agent(server, kind, drain=0.0) as first:
        until(lambda: service.lines("one"))
        end(first)
    assert kind.left("one-1-1")
    service.expire("one")
    service.kill("one")
    with agent(server, kind) as second:
        until(lambda: not kind.left("one-1-1"))
        service.ended("one")
        end(second)
    assert not (kind.base / "jobs/one-1-1").exists()


def test_what_ended_while_nobody_looked_is_collected(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", SCRIPT))
    with agent(server, kind):
        until(lambda: len(service.lines("one")) > 5)
    if kind.name == "process":
        until(lambda: not alive(kind.base))
    else:
        until(lambda: "Exited" in subprocess.run(("docker", "ps", "-a", "--filter", "label=headgate.job=one-1-1"), capture_output=True, text=True).stdout)
    with agent(server, kind) as second:
        assert service.ended("one").exit_code == 6
        assert end(second) == 0
    assert_whole(service, "one")
    assert not kind.left("one-1-1")


def test_what_a_program_made_of_our_folders_is_no_trouble_for_the_next_agent(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", "rm -r .output; touch .output; echo ready; while [ ! -e go ]; do sleep 0.03; done; exit 6", tree=COMMIT))
    with agent(server, kind):
        until(lambda: service.lines("one"))
    kind.let_go()
    with agent(server, kind) as second:
        assert service.ended("one").exit_code == 6
        assert end(second) == 0


def test_what_is_no_longer_ours_is_removed(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", "echo ready; (setsid setsid sleep 300 &) ; sleep 301"))
    with agent(server, kind):
        until(lambda: service.lines("one"))
    assert kind.left("one-1-1")
    time.sleep(0.3)  # the dead agent's last claim ends
    service.expire("one")
    service.kill("one")
    with agent(server, kind) as second:
        until(lambda: not kind.left("one-1-1"))
        service.ended("one")
        end(second)
    assert not (kind.base / "jobs/one-1-1").exists()


def test_a_timeout_counts_from_the_first_beginning(server: Wire, kind: Kind, service: MemoryService):
    service.offer(shell(kind, "one", "echo ready; sleep 300", timeout=3.0))
    with agent(server, kind):
        until(lambda: service.lines("one"))
    with agent(server, kind) as second:
        outcome = service.ended("one", 10)
        end(second)
    assert outcome.message == "the task timed out after PT3S"
    assert not kind.left("one-1-1")


def test_a_job_whose_shell_was_killed_too_is_lost(server: Wire, tmp_path: Path, service: MemoryService):
    kind = Kind("process", tmp_path, None)
    service.offer(shell(kind, "one", "echo ready; sleep 300"))
    with agent(server, kind):
        until(lambda: service.lines("one"))
    os.kill(int((tmp_path / "jobs/one-1-1/run-0/pid").read_text().split()[0]), signal.SIGKILL)
    with agent(server, kind) as second:
        outcome = service.ended("one")
        end(second)
    assert outcome.result is Result.LOST
    assert "vanished" in str(outcome.message)
    assert alive(kind.base) == {}


def test_agents_killed_at_any_moment_lose_and_repeat_nothing(server: Wire, tmp_path: Path, service: MemoryService):
    kind = Kind("process", tmp_path, None)
    service.offer(shell(kind, "one", SCRIPT))
    until_killed = 0.3
    while service.lease("one").epoch == 0 or len(service.lines("one")) < 120:
        with agent(server, kind) as process, contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(until_killed)
        time.sleep(0.25)  # the dead agent's last claim ends
        if service.lease("one").epoch and not (tmp_path / "jobs" / service.lease("one").key).exists() and not service.lines("one"):
            service.expire("one")  # the agent died with the answer to its claim in its hands
        until_killed += 0.13
        assert until_killed < 10
    with agent(server, kind) as last:
        outcome = service.ended("one")
        end(last)
    assert outcome.exit_code == 6
    assert_whole(service, "one")
    assert alive(tmp_path, service.lease("one").key) == {}
