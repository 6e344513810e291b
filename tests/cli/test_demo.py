"""`headgate demo`: the main job, twice, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.cli.child import free_port, git_environment
from tests.cli.conftest import environment, spawn

#: Seconds until the second demo is green, and those of the bare imports on the machine for which that was said: a machine that is half as fast, or busy with
#: other tests, may take twice as long.
GOAL, QUIET = 5.0, 0.8
LIBRARIES = "import fastapi, httpx2, jinja2, pydantic, pygit2, ruamel.yaml, sqlmodel, structlog, typer, uvicorn; pydantic.BaseModel"


def demo(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    process = spawn("demo", cwd=folder, env=environment(DEMO="once", HEADGATE_DEMO_DATA=str(folder / "data"), **more))
    out, err = process.communicate(timeout=100)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def green_after(done: subprocess.CompletedProcess[str]) -> float:
    """Seconds, as the demo prints them."""
    return float(re.findall(r"== green \((\d+\.\d) s\)", done.stdout)[0])


def machine() -> float:
    """Seconds that this machine takes now to import what the service is built on."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True, capture_output=True)
    return time.perf_counter() - begun


def services_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_two_runs_are_green_and_each_is_a_push(tmp_path: Path) -> None:
    first = demo(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "remote: headgate: created demo.hello revision 1 (.flows/examples/hello.yml)" in first.stderr
    assert "hello.say | Hello from demo.hello, revision 1" in first.stdout
    rows = [line.split() for line in first.stdout.splitlines() if re.match(r"[0-9a-f]{10} ", line)]
    assert sorted(row[1] for row in rows) == ["demo.checks", "demo.etl", "demo.hello", "demo.release", "demo.reports.nightly"]
    assert {(row[2], row[3], row[-1]) for row in rows} == {("1", "SUCCESS", "success")}
    assert re.search(r"^http://127\.0\.0\.1:\d+/commits/demo/[0-9a-f]{40}$", first.stdout, re.MULTILINE)

    second = demo(tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    rows = [line.split() for line in second.stdout.splitlines() if re.match(r"[0-9a-f]{10} ", line)]
    # Only the counter has changed: the schedule's flow looks at its own file, and is not started.
    assert sorted(row[1] for row in rows) == ["demo.checks", "demo.etl", "demo.hello", "demo.release"]
    assert {(row[2], row[3], row[-1]) for row in rows} == {("1", "SUCCESS", "success")}
    before, green, after = machine(), min(green_after(second), green_after(demo(tmp_path))), machine()
    assert green < GOAL * max(1.0, before / QUIET, after / QUIET), second.stdout
    assert services_of(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_goes_on_until_it_is_told_to_end_and_takes_its_service_along(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = spawn("demo", cwd=tmp_path, env=environment(HEADGATE_DEMO_DATA=str(tmp_path / "data")))
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C ends it" in line:
            break
    assert lines[-1].startswith("The service goes on at http://127.0.0.1:"), "".join(lines)
    process.send_signal(number)
    process.communicate(timeout=40)
    assert process.returncode == code
    assert services_of(tmp_path) == []


def test_a_service_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "git").write_text("in the way")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "the service has ended with exit code" in done.stderr
    assert services_of(tmp_path) == []


def test_without_git_it_says_so(tmp_path: Path) -> None:
    done = demo(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "which is not on PATH" in done.stderr


def test_git_sees_nothing_of_the_person_s_own_settings() -> None:
    env = git_environment({"PATH": "/bin", "GIT_DIR": "/elsewhere", "GIT_AUTHOR_NAME": "Me"})
    assert "GIT_DIR" not in env
    assert (env["GIT_CONFIG_GLOBAL"], env["GIT_AUTHOR_NAME"], env["PATH"]) == ("/dev/null", "Demo", "/bin")


def test_a_port_that_is_taken_is_not_chosen() -> None:
    port = free_port(0)
    holder = "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", holder, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert free_port(port) != port
    finally:
        process.communicate()
