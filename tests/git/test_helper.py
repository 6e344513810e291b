from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import Bug, ServiceError, TooLarge, Unavailable
from service.git.helper import Helper
from service.git.repository import Git
from tests.git.world import Raw, until


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Helper]:
    """A helper of this test alone."""
    helper = Helper(size=1, idle=0.2)
    yield helper
    helper.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A URL whose host takes the call and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x.git"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_is_started_when_needed_and_ended_when_idle(bare: Path, own: Helper) -> None:
    assert own.processes() == []
    assert own.call("refs", bare, timeout=10) == {}
    (pid,) = own.processes()
    assert own.call("refs", bare, timeout=10) == {}
    assert own.processes() == [pid]
    until(lambda: not own.processes() and not alive(pid))
    assert own.call("refs", bare, timeout=10) == {}


def test_a_killed_process_is_replaced(bare: Path, own: Helper) -> None:
    own.call("refs", bare, timeout=10)
    (pid,) = own.processes()
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(Bug):  # it may not be dead yet
        own.call("refs", bare, timeout=10)
    assert own.call("refs", bare, timeout=10) == {}
    assert pid not in own.processes()


def test_a_call_whose_process_is_killed_says_so(bare: Path, own: Helper, silent: str) -> None:
    def kill() -> None:
        until(own.processes)
        for pid in own.processes():
            os.kill(pid, signal.SIGKILL)

    killer = threading.Timer(0.2, kill)
    killer.start()
    with pytest.raises(Bug, match="ended during fetch"):
        own.call("fetch", bare, silent, None, True, timeout=30)
    killer.join()
    assert own.call("refs", bare, timeout=10) == {}


def test_a_call_that_takes_too_long_is_ended(bare: Path, own: Helper, silent: str) -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="took too long over fetch"):
        own.call("fetch", bare, silent, None, True, timeout=0.5)
    assert time.monotonic() - begun < 5
    assert own.processes() == []
    assert own.call("refs", bare, timeout=10) == {}


def test_reading_does_not_wait_for_the_network(bare: Path, own: Helper, silent: str) -> None:
    failed: list[ServiceError] = []

    def fetch() -> None:
        try:
            own.call("fetch", bare, silent, None, True, timeout=1.2)
        except ServiceError as fault:
            failed.append(fault)

    thread = threading.Thread(target=fetch)
    thread.start()
    until(lambda: own.processes())
    assert own.call("refs", bare, timeout=1) == {}
    with pytest.raises(Unavailable, match="busy"):
        own.call("fetch", bare, silent, None, True, timeout=0.1)
    thread.join()
    assert len(failed) == 1


def test_memory_is_limited(tmp_path: Path, git: Git, raw: Raw, bare: Path) -> None:
    commit = raw.commit(raw.tree(("100644", "big", raw.blob(b"\0" * 400_000_000))))
    small = Helper(memory=600 * 1024 * 1024)
    try:
        assert small.call("refs", bare, timeout=10) == {}
        with pytest.raises((TooLarge, Unavailable, Bug)):
            small.call("export", bare, commit, tmp_path / "trees", timeout=60)
        assert small.call("refs", bare, timeout=10) == {}
    finally:
        small.close()


def test_many_threads_share_a_few_processes(bare: Path, git: Git, raw: Raw) -> None:
    helper = Helper(size=2)
    commits = [raw.commit(raw.tree(), message=str(n).encode()) for n in range(20)]
    said: dict[int, str] = {}

    def ask(n: int) -> None:
        for _ in range(5):
            said[n] = helper.call("commit", bare, commits[n], timeout=20).message

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {n: str(n) for n in range(20)}
    assert len(helper.processes()) <= 2
    helper.close()
    assert helper.processes() == []
    with pytest.raises(Unavailable, match="closed"):
        helper.call("refs", bare, timeout=1)


def test_the_helper_dies_with_its_parent_also_in_the_middle_of_a_call(bare: Path, silent: str) -> None:
    program = f"""
import threading, time
from pathlib import Path
from service.git.helper import Helper
helper = Helper()
helper.call("refs", Path({str(bare)!r}), timeout=10)
threading.Thread(target=lambda: helper.call("fetch", Path({str(bare)!r}), {silent!r}, None, True, timeout=60), daemon=True).start()
while len(helper.processes()) < 2: time.sleep(0.01)
time.sleep(0.5)
print(*helper.processes(), flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    until(lambda: not any(alive(pid) for pid in pids))


def test_closing_ends_a_call_in_the_middle(bare: Path, silent: str) -> None:
    helper = Helper()
    failed: list[ServiceError] = []

    def fetch() -> None:
        try:
            helper.call("fetch", bare, silent, None, True, timeout=60)
        except ServiceError as fault:
            failed.append(fault)

    thread = threading.Thread(target=fetch)
    thread.start()
    until(lambda: helper.processes())
    helper.close()
    thread.join(5)
    assert [type(fault) for fault in failed] == [Unavailable]
    assert helper.processes() == []


def test_the_helper_starts_light() -> None:
    program = "import sys, service.git.serve; print([name for name in ('pydantic', 'sqlalchemy', 'fastapi', 'asyncio') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "[]\n"


def test_the_server_needs_no_pygit2() -> None:
    program = "import sys, service.git.repository, service.git.host, service.git.hooks; print('pygit2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "False\n"
