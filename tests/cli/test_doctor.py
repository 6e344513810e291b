"""`doctor` on machines that lack this or that."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Done


def findings(done: Done) -> dict[str, str]:
    return {entry["name"]: entry["verdict"] for entry in done.json}


def test_a_machine_that_has_everything_passes(headgate: Command, tmp_path: Path) -> None:
    done = headgate("doctor", "--data", tmp_path / "new", "--server", "http://127.0.0.1:9", "-o", "json")
    found = findings(done)
    assert list(found) == ["python", "git", "libgit2", "docker", "disk", "data", "server", "port"]
    assert {found[name] for name in ("python", "git", "libgit2", "data")} == {"ok"}
    assert found["server"] == "warn"
    assert done.code == 0


def test_each_line_that_is_not_ok_says_what_to_do(headgate: Command, tmp_path: Path) -> None:
    done = headgate("doctor", "--data", tmp_path, "--server", "http://127.0.0.1:9")
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warn server"))
    assert lines[at] == "warn server   none answers at http://127.0.0.1:9"
    assert lines[at + 1].strip() == "start one with `headgate up`"


def test_without_git_it_fails(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = headgate("doctor", "--data", tmp_path)
    assert done.code == 1
    assert "fail git      not on PATH" in done.out
    assert "install git" in done.out


def test_an_old_git_is_warned_of(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.9.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert "warn git      2.9.1 is old" in headgate("doctor", "--data", tmp_path).out


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # docker's client leaves the socket that did not connect open
def test_without_a_docker_daemon_it_warns(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = headgate("doctor", "--data", tmp_path, "-o", "json")
    gc.collect()
    assert findings(done)["docker"] == "warn"


def test_a_data_folder_that_others_can_read_is_warned_of(headgate: Command, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = headgate("doctor", "--data", tmp_path, "--server", "http://127.0.0.1:9")
    assert f"warn data     {tmp_path} has mode 0755" in done.out
    assert f"chmod 700 {tmp_path}" in done.out


def test_a_data_folder_that_is_a_file_fails(headgate: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert findings(headgate("doctor", "--data", file / "below", "-o", "json"))["data"] == "fail"


def test_a_port_that_something_else_has_fails(headgate: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = headgate("doctor", "--data", tmp_path, "--server", f"http://127.0.0.1:{taken.getsockname()[1]}", "-o", "json")
    assert findings(done)["port"] == "fail"
    assert done.code == 1


def test_something_else_that_answers_fails(headgate: Command, tmp_path: Path, answering: Callable[[int, str, bytes], str]) -> None:
    done = headgate("doctor", "--data", tmp_path, "--server", answering(200, "text/html", b"<html>"))
    assert done.code == 1
    assert "fail server   something else answers" in done.out


def test_a_service_that_answers_is_ready_and_has_our_clock(headgate: Command, server: str, tmp_path: Path) -> None:
    found = findings(headgate("doctor", "--data", tmp_path, "-o", "json"))
    assert (found["server"], found["clock"]) == ("ok", "ok")
    assert "port" not in found
