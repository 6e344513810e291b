"""What holds for every task that runs in a child of the agent, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runners import processes
from runners.apart import Child, Limits
from runners.memory import MemoryService
from runners.protocol import Job, Metric, Outcome, Result
from runners.reports import Caps
from tests.runners.playing import alive, at_work, job, name_of, play, until
from tests.runners.wire import Wire, wire

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service() -> MemoryService:
    return MemoryService()


def task(do: str, text: str = "", **rest) -> Job:
    return job("one", type="test.Apart", spec={"do": do, "text": text}, **rest)


def messages(service: MemoryService) -> list[str]:
    return [line.message for line in service.lines("one")]


def processes_of(base: Path) -> dict[int, str]:
    """Those of the job, the child itself among them."""
    pid, started = (base / "jobs/one-1-1/apart").read_text().split()
    return processes.belonging(name_of(base), processes.Root(int(pid), started))


def gone(seen: dict[int, str]) -> bool:
    return not any(processes.started(pid) == since for pid, since in seen.items())


# the Work


def test_every_call_of_the_work_is_made(tmp_path, service: MemoryService):
    outcome, log = play(tmp_path, task("every_call"), service)
    assert outcome.result is Result.SUCCESS
    files = outcome.outputs["files"]
    assert {name: service.stored(uri) for name, uri in files.items()} == {"a/one.txt": b"one", "made/two.txt": b"two"}
    assert outcome.outputs == {"again": "one", "files": files, "lines": [["stderr", "err"], ["stdout", "out"]], "exit": 3, "task": "task"}
    assert outcome.metrics == (Metric("m", "counter", 3.0, {"k": "v"}),)
    assert log == [("INFO", "one"), ("WARN", "two"), ("WARN", "three"), ("DEBUG", "heard True"), ("DEBUG", "heard True")]


def test_what_the_task_says_of_itself_comes_back(tmp_path):
    assert play(tmp_path, task("fails", "no such table"))[0] == Outcome.failed("no such table")


def test_a_path_that_leads_outside_is_refused(tmp_path):
    outcome, _ = play(tmp_path, task("leads_outside"))
    assert outcome == Outcome.failed("'../outside' is not a path inside the working directory")


@pytest.mark.parametrize("do", ["says_too_much", "returns_too_much"])
def test_what_is_too_large_to_hand_over_fails_the_task(tmp_path, do: str):
    outcome, _ = play(tmp_path, task(do))
    assert outcome.result is Result.FAILED
    assert "more than 64 MiB were handed over at once" in str(outcome.message)


def test_what_a_library_prints_is_logged_and_masked(tmp_path):
    _, log = play(tmp_path, task("prints", "hunter2-hunter2", masks=("hunter2-hunter2",)))
    assert [entry for entry in log if entry[0] == "INFO"] == [("INFO", "printed"), ("INFO", "a secret is ******")]
    assert [entry for entry in log if entry[0] == "WARN"] == [("WARN", "complained")]


# its surroundings


def test_it_has_a_session_limits_and_an_environment_of_its_own_and_no_secret_in_them(tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN_OF_THE_AGENT", "agents-own-secret")
    outcome, _ = play(tmp_path, task("surroundings", "jobs-own-secret", masks=("nothing",)), limits=Limits(memory=1 << 30, files=100))
    seen = outcome.outputs
    assert seen["own"]
    assert seen["cwd"]
    assert seen["home"] == str(tmp_path / "jobs/one-1-1/home")
    assert set(seen["names"]) <= {
        "HOME",
        "TMPDIR",
        "PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "HEADGATE_JOB",
        "LD_LIBRARY_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    }
    assert "secret" not in seen["argv"] + seen["environ"]
    assert seen["limits"] == [1 << 30, 100, 0]
    assert seen["handles"] == [0, 1, 2, 3, 4]  # the last one reads the folder


def test_nothing_that_it_started_is_left(tmp_path):
    outcome, _ = play(tmp_path, task("leaves_something_running"))
    assert outcome.outputs == {"done": True}
    assert alive(tmp_path) == {}


def test_children_run_side_by_side_and_start_quickly(tmp_path, service: MemoryService):
    with at_work(service, tmp_path, limits=Limits(memory=1 << 30)):
        service.offer(replace(task("fails"), lease=replace(task("fails").lease, task_run="first")))
        service.ended("first")
        started = time.monotonic()
        for number in range(8):
            service.offer(job(f"run{number}", type="test.Apart", spec={"do": "fails", "text": str(number)}))
        assert [service.ended(f"run{number}").message for number in range(8)] == [str(number) for number in range(8)]
    # A Python that starts anew and imports us takes longer than that for one of them alone.
    assert time.monotonic() - started < 8


def test_a_child_is_let_go_of_once():
    ours, theirs = socket.socketpair()
    pipes = [os.pipe() for _ in range(3)]
    os.write(pipes[2][1], b"1 1\n")
    child = Child(ours, *(read for read, _ in pipes))
    child.close()
    others = [os.open(os.devnull, os.O_RDONLY) for _ in pipes]
    child.close()
    for handle in (*others, *(write for _, write in pipes)):
        os.close(handle)  # raises OSError where somebody else has closed it
    theirs.close()


# its end


@pytest.mark.parametrize("do", ["hangs", "prints_endlessly", "prints_one_endless_line"])
def test_a_kill_ends_it_and_all_that_it_started(tmp_path, service: MemoryService, do: str):
    service.offer(task(do))
    with at_work(service, tmp_path, grace=0.3):
        until(lambda: "ready" in messages(service))
        seen = processes_of(tmp_path)
        assert len(seen) == (2 if do == "hangs" else 1)
        service.kill("one")
        assert service.ended("one") == Outcome(Result.KILLED, "the task was killed")
    assert gone(seen)
    assert alive(tmp_path) == {}


def test_a_library_that_listens_to_an_interrupt_may_clean_up(tmp_path, service: MemoryService):
    service.offer(task("ends_when_asked", str(tmp_path / "cleaned")))
    with at_work(service, tmp_path, grace=20.0):
        until(lambda: "ready" in messages(service))
        service.kill("one")
        assert service.ended("one", 10).result is Result.KILLED
    assert (tmp_path / "cleaned").exists()


def test_a_timeout_ends_it_and_says_so(tmp_path):
    outcome, _ = play(tmp_path, task("hangs", timeout=0.7), grace=0.2)
    assert outcome == Outcome.failed("the task timed out after PT0.7S")
    assert alive(tmp_path) == {}


def test_an_agent_that_loses_the_service_ends_it(tmp_path, service: MemoryService):
    service.offer(task("hangs"))
    with contextlib.suppress(Exception), at_work(service, tmp_path, lease=1.5, grace=0.2):
        until(lambda: "ready" in messages(service))
        seen = processes_of(tmp_path)
        service.down = True
        until(lambda: gone(seen))
    assert gone(seen)


def test_an_agent_that_gives_its_jobs_back_hands_it_over(tmp_path, service: MemoryService):
    service.offer(task("hangs"))
    with at_work(service, tmp_path, drain=0.0, grace=0.2):
        until(lambda: "ready" in messages(service))
    assert service.ended("one").result is Result.HANDED


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("segfaults", "the task's process crashed (SIGSEGV); its last words: the library said this"),
        ("is_killed", "the task's process was killed from outside (SIGKILL); most likely the machine had no memory left (its limit is 1024 MiB)"),
        ("eats", "the task needed more memory than it may have (its limit is 1024 MiB)"),
        ("raises", "an error inside the runner (RuntimeError); its log has the details"),
        ("raises_of_host", "the runner's host failed: No such file or directory"),
    ],
)
def test_how_it_came_to_grief_is_told(tmp_path, do: str, message: str):
    assert play(tmp_path, task(do), limits=Limits(memory=1 << 30))[0] == Outcome.failed(message)


def test_a_process_that_ends_itself_is_told_with_its_code(tmp_path):
    outcome, _ = play(tmp_path, task("exits"))
    assert outcome == Outcome.failed("the task's process ended by itself with exit code 7 in the middle of its work", exit_code=7)


def test_output_past_the_cap_is_counted_and_costs_no_memory(tmp_path, service: MemoryService):
    service.offer(task("prints_endlessly"))
    with at_work(service, tmp_path, caps=Caps(log=1 << 20), grace=0.2):
        until(lambda: any("the log is full" in message for message in messages(service)))
        service.kill("one")
        service.ended("one")
    assert "lines were dropped" in messages(service)[-1]
    assert len(messages(service)) < 20_000


def test_one_that_crashes_harms_no_neighbour_and_the_next_one_runs(tmp_path, service: MemoryService):
    neighbour = job("two", type="test.Apart", spec={"do": "hangs"})
    service.offer(neighbour)
    with at_work(service, tmp_path, grace=0.2):
        until(lambda: service.lines("two"))
        service.offer(task("segfaults"))
        assert service.ended("one").result is Result.FAILED
        service.offer(job("three", type="test.Apart", spec={"do": "fails", "text": "here"}))
        assert service.ended("three").message == "here"
        service.kill("two")
        assert service.ended("two").result is Result.KILLED


def test_where_the_zygote_is_killed_its_children_are_lost_and_another_one_comes(tmp_path, service: MemoryService):
    service.offer(task("hangs"))
    with at_work(service, tmp_path, grace=0.2):
        until(lambda: "ready" in messages(service))
        (pid, _) = (tmp_path / "jobs/one-1-1/apart").read_text().split()
        os.kill(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        outcome = service.ended("one")
        service.offer(job("two", type="test.Apart", spec={"do": "fails", "text": "here"}))
        assert service.ended("two").message == "here"
    assert (outcome.result, outcome.message) == (Result.LOST, "the process that the task ran in vanished")
    assert alive(tmp_path) == {}


# the agent's end


@pytest.fixture
def server(service: MemoryService) -> Iterator[Wire]:
    with wire(service) as server:
        yield server


@contextlib.contextmanager
def agent(server: Wire, base: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen((sys.executable, "-m", "tests.runners.agent_process", server.url, str(base), "process", "0.0"), cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("killed", "result"), [(True, Result.LOST), (False, Result.HANDED)])
def test_it_ends_with_its_agent_and_the_next_one_says_so(server: Wire, tmp_path, service: MemoryService, killed: bool, result: Result):
    service.offer(task("hangs"))
    with agent(server, tmp_path) as first:
        until(lambda: "ready" in messages(service))
        seen = processes_of(tmp_path)
        if killed:
            first.kill()
        else:
            first.terminate()
        first.wait(20)
        # What it started in a session of its own ends when the next agent looks, if the first one was killed.
        child = {pid: since for pid, since in seen.items() if pid == min(seen)}
        until(lambda: gone(child))
    with agent(server, tmp_path) as second:
        outcome = service.ended("one")
        second.terminate()
        second.wait(20)
    assert outcome.result is result
    assert "ended with it" in str(outcome.message)
    assert messages(service) == ["ready"]
    assert gone(seen)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_one_that_was_killed_while_no_agent_ran_stays_killed(server: Wire, tmp_path, service: MemoryService):
    service.offer(task("hangs"))
    with agent(server, tmp_path):
        until(lambda: "ready" in messages(service))
    service.kill("one")
    with agent(server, tmp_path):
        assert service.ended("one").result in (Result.KILLED, Result.LOST)
