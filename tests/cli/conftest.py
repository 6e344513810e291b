"""The command in this process, as a person would call it, and one real service for all tests of the folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.cli.program import run
from tests.support.loopback import Handler, Server

ROOT = Path(__file__).parents[2]
_TALK = re.compile(r"^Headgate (http://\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests, and no colours."""
    for name in [name for name in os.environ if name.startswith(("HEADGATE_", "KESTRA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def headgate(capsys: pytest.CaptureFixture[str]) -> Command:
    """`headgate("flow", "list")`."""

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return call


def environment(**more: str) -> dict[str, str]:
    """What a process of ours is started with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "KESTRA_", "SECRET_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **more}


def spawn(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None, hangup: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[str]:
    """The command as a process of its own. `hangup` is what SIGHUP means to it at its start, whatever it means to us."""
    return subprocess.Popen(
        [sys.executable, "-m", "service", *map(str, arguments)],
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGHUP, hangup),  # noqa: PLW1509  (nothing but a system call)
    )


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service with a runner."""
    folder = tmp_path_factory.mktemp("service")
    process = spawn("up", "--port", 0, "--data", folder / "data", cwd=folder, env=environment(HEADGATE_BACKEND="process"))
    assert process.stdout is not None
    # A service that never gets ready is ended, which ends the reading below.
    watch = threading.Timer(60, process.kill)
    watch.start()
    try:
        found = _TALK.match(process.stdout.readline())
        watch.cancel()
        assert found, process.communicate()[1]
        yield found[1]
    finally:
        watch.cancel()
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def server(service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service as the one that commands find."""
    monkeypatch.setenv("HEADGATE_SERVER", service)
    return service


@pytest.fixture
def answering() -> Iterator[Callable[[int, str, bytes], str]]:
    """A web server that gives one answer to everything; returns its URL."""
    started: list[Server] = []

    def start(status: int, kind: str, content: bytes) -> str:
        class Always(Handler):
            def respond(self) -> None:
                self.answer(status, [("Content-Type", kind)], content)

        server = Server(Always)
        server.start()
        started.append(server)
        return server.url

    yield start
    for server in started:
        server.stop()
