"""The real service, as a subprocess in a data folder of its own, and everything that belongs to it: its agent, its Git helpers, its jobs.

    with Service(tmp_path / "data") as service:
        hosted = service.host("shop")
        hosted.tree.write(".flows/a.yml", text).commit()
        pushed = hosted.push()
        service.settled("shop", hosted.tree.head)

Whatever the service starts is found by its data folder and its parents, so that a test can kill any of it, and can say that nothing is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2
import pytest

from tests.support import daemon
from tests.support.repo import Pushed, Repo

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
#: The code under test is that beside the tests, whatever is installed.
CODE: Mapping[str, str] = {"PYTHONPATH": str(ROOT)}
SUCCESS, FAILED, KILLED = "SUCCESS", "FAILED", "KILLED"
ENDED = frozenset({SUCCESS, "WARNING", FAILED, KILLED, "CANCELLED", "SKIPPED", "RETRIED"})

#: Short times, so that tests are: a kill is heard within a beat, a dead runner noticed after a lease.
TIMES: Mapping[str, str] = {"HEADGATE_BEAT": "0.3", "HEADGATE_LEASE": "6", "HEADGATE_FETCH_INTERVAL": "60"}

#: Services of this process that have not been closed, for the log of a failed test.
_open: list[Service] = []


class Process:
    """A process that can't be taken for another one that got its number."""

    def __init__(self, pid: int, began: str, parent: int, command: str) -> None:
        self.pid, self.began, self.parent, self.command = pid, began, parent, command

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and (self.pid, self.began) == (other.pid, other.began)

    def __hash__(self) -> int:
        return hash((self.pid, self.began))

    def __repr__(self) -> str:
        return f"{self.pid} {self.command[:120]}"

    @property
    def alive(self) -> bool:
        found = _look(self.pid)
        return found is not None and found == self

    def kill(self) -> None:
        """SIGKILL, unless it is gone."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)


class Service:
    """One service. Entered it runs; left it is stopped, and the test fails if it leaves anything running."""

    def __init__(self, data: Path, **environ: str) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self._settings = {**TIMES, **environ}
        self.port = 0
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx2.Client(trust_env=False, timeout=30.0)
        self._seen: set[Process] = set()
        self._trees = 0

    def __enter__(self) -> Self:
        _open.append(self)
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            self.stop()
            if not any(error):
                self.assert_nothing_runs()
        finally:
            for process in self.processes():
                process.kill()
            self.client.close()
            if not any(error):
                _open.remove(self)

    # its life

    def start(self) -> Self:
        """Starts it, at the same port as before, and waits until it answers."""
        for _ in range(5):
            self.port = self.port or _free_port()
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(), cwd=self.data.parent)
            if self._answers():
                self.starts += 1
                self.client.base_url = httpx2.URL(self.url)
                return self
            self.port = 0
        raise AssertionError(f"the service does not start:\n{self.tail()}")

    def command(self) -> list[str]:
        """What a person would type."""
        return [sys.executable, "-m", "service", "up", "--port", str(self.port), "--data", str(self.data)]

    def stop(self, patience: float = 20.0) -> int | None:
        """SIGTERM, as `docker stop` and Ctrl-C's sibling do it; the exit code, None when it did not run."""
        if self.process is None:
            return None
        self.processes()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(patience)

    def kill_server(self) -> None:
        """SIGKILL to the server alone."""
        self.processes()
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_agent(self) -> Process:
        """SIGKILL to the agent alone."""
        agent = self.agent()
        assert agent is not None
        agent.kill()
        _until(lambda: not agent.alive, "the agent's end")
        return agent

    def kill(self, jobs: bool = False) -> set[Process]:
        """SIGKILL to the server, the agent and the Git helpers at once; with `jobs` to the programs of running tasks too. Returns what was left alone."""
        ours = self.processes()
        left = set() if jobs else {process for process in ours if _is_job(process)}
        doomed = ours - left
        for process in sorted(doomed, key=lambda process: process.pid):
            process.kill()
        assert self.process is not None
        self.process.wait()
        _until(lambda: not any(process.alive for process in doomed), "the end of what was killed")
        return left

    def agent(self) -> Process | None:
        """The runner's agent."""
        return next((process for process in self.processes() if "-m runners " in process.command), None)

    def jobs(self) -> set[Process]:
        """The programs of running tasks (those of the process backend)."""
        return {process for process in self.processes() if _is_job(process)}

    def own(self) -> set[Process]:
        """The service without the programs of running tasks: server, agent, Git helpers."""
        return {process for process in self.processes() if not _is_job(process) and process.alive}

    def processes(self) -> set[Process]:
        """Everything that runs because of this service, but not what runs in containers."""
        everyone = {process.pid: process for process in map(_look, _pids()) if process is not None}
        found = {process for process in everyone.values() if process in self._seen or self._names_us(process)}
        while grown := {process for process in everyone.values() if everyone.get(process.parent) in found} - found:
            found |= grown
        self._seen |= found
        return found

    def containers(self, *, running: bool = False) -> list[str]:
        """Ids of the agent's containers: those that run, or all that are there. None where there is no Docker."""
        place = self.data / "runner" / "instance"
        client = daemon.connected() if place.exists() else ""
        if isinstance(client, str):
            return []
        with contextlib.closing(client):
            found = client.containers(all=not running, filters={"label": f"headgate.instance={place.read_text().strip()}"})
        return [container["Id"] for container in found]

    def touch(self, container: str, path: str) -> None:
        """Makes a file in a container that runs."""
        with contextlib.closing(daemon.needed()) as client:
            client.exec_start(client.exec_create(container, ["touch", path])["Id"])

    def assert_nothing_runs(self) -> None:
        """Fails with what is left, after a short while for what is just ending."""
        _until(lambda: not self.processes(), lambda: f"nothing left running: {self.processes()}", 5.0)
        assert self.containers() == []

    def tail(self, lines: int = 80) -> str:
        """The end of the service's log and of its agent's."""
        texts = []
        for path in (self.log, self.data / "runner.log"):
            if path.exists():
                texts += [f"--- {path.name}", *path.read_text("utf-8", "replace").splitlines()[-lines:]]
        return "\n".join(texts)

    # what it is asked

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def git_url(self, name: str) -> str:
        return f"{self.url}/git/{name}.git"

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """JSON from below `/api/v1/main`."""
        return self.ask("GET", path, status, params=query)

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """One request below `/api/v1/main`; its JSON, once it had the status."""
        answer = self.client.request(method, f"/api/v1/main{path}", **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer.json() if answer.content else None

    def host(self, name: str) -> Hosted:
        """A new repository of the embedded host, with a work tree beside it."""
        self.ask("POST", "/repositories", 201, json={"name": name})
        return self.hosted(name)

    def hosted(self, name: str) -> Hosted:
        """A fresh work tree for a repository that there is."""
        self._trees += 1
        return Hosted(self, name, Repo(self.data.parent / f"{self.data.name}-trees" / f"{name}-{self._trees}"))

    def commit(self, repository: str, sha: str, seconds: float = 20.0) -> dict[str, Any]:
        """What became of a commit, once its sync is over."""

        def look() -> Any:
            answer = self.client.get(f"/api/v1/main/repositories/{repository}/commits/{sha}")
            found = answer.json() if answer.status_code == 200 else None
            return found if found and found["state"] != "pending" else None

        return self.until(look, f"the sync of {repository} {sha[:12]}", seconds)

    def settled(self, repository: str, sha: str, seconds: float = 30.0) -> dict[str, Any]:
        """The same, once everything that it started has ended and every status is final."""

        def look() -> Any:
            found = self.commit(repository, sha)
            over = all(execution["state"] in ENDED for execution in found["executions"])
            return found if over and all(status["state"] != "pending" for status in found["statuses"]) else None

        return self.until(look, f"the end of what {repository} {sha[:12]} started", seconds)

    def execute(self, namespace: str, flow: str, inputs: Mapping[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """Starts an execution."""
        return self.ask("POST", f"/executions/{namespace}/{flow}", json={"inputs": dict(inputs or {})}, params=query)

    def execution(self, id: str) -> dict[str, Any]:
        return self.get(f"/executions/{id}")

    def ended(self, id: str, seconds: float = 30.0) -> dict[str, Any]:
        """An execution, once it has ended."""

        def look() -> Any:
            found = self.execution(id)
            return found if found["state"]["current"] in ENDED else None

        return self.until(look, f"the end of execution {id}", seconds)

    def run(self, namespace: str, flow: str, inputs: Mapping[str, Any] | None = None, seconds: float = 30.0) -> dict[str, Any]:
        """Starts an execution and waits for its end."""
        return self.ended(self.execute(namespace, flow, inputs)["id"], seconds)

    def lines(self, id: str, **query: Any) -> list[str]:
        """The messages of an execution's log."""
        return [entry["message"] for entry in self.get(f"/logs/{id}", **query)]

    def logged(self, id: str, text: str, seconds: float = 20.0) -> None:
        """Waits until a line of the log holds this text."""
        self.until(lambda: any(text in line for line in self.lines(id)), f"`{text}` in the log of {id}", seconds)

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """A live stream: name and JSON of each event, until it ends."""
        with self.client.stream("GET", f"/api/v1/main{path}", timeout=30.0) as answer:
            assert answer.status_code == 200
            for event in httpx2.EventSource(answer):
                yield event.event, json.loads(event.data)

    def until(self, look: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
        """What `look` gives once it gives something true."""
        return _until(look, what, seconds)

    def cli(self, *arguments: str | Path, check: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        """The real command line, told of this service by the environment."""
        env = {**CODE, "PATH": os.environ["PATH"], "HOME": str(self.data.parent), "HEADGATE_SERVER": self.url, **environ}
        command = [sys.executable, "-m", "service", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.data.parent, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert check is None or done.returncode == check, f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def environment(self) -> dict[str, str]:
        """What it sees of the world."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "DOCKER_HOST") if name in os.environ}
        return {**kept, **CODE, "HOME": str(self.data.parent), "LC_ALL": "C.UTF-8", **self._settings}

    def _answers(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.client.get(f"{self.url}/healthz").status_code == 200:
                    return True
            except httpx2.TransportError:
                time.sleep(0.02)
        return False

    def _names_us(self, process: Process) -> bool:
        if process.pid == os.getpid():
            return False
        folder = str(self.data)
        try:
            if os.readlink(f"/proc/{process.pid}/ns/pid") != os.readlink("/proc/self/ns/pid"):
                return False
        except PermissionError:
            # The server and its agent are closed to others of their user, and so is what runs in containers.
            return folder in process.command and (" -m service " in process.command or " -m runners " in process.command)
        except OSError:
            return False
        try:
            if folder in process.command:
                return True
            return folder.encode() in Path(f"/proc/{process.pid}/environ").read_bytes() or os.readlink(f"/proc/{process.pid}/cwd").startswith(folder)
        except OSError:
            return False


class Hosted:
    """A repository of the embedded host and a work tree that pushes to it."""

    def __init__(self, service: Service, name: str, tree: Repo) -> None:
        self.service, self.name, self.tree = service, name, tree

    @property
    def url(self) -> str:
        return self.service.git_url(self.name)

    @property
    def bare(self) -> Path:
        """Where it lies on disk."""
        return self.service.data / "git" / f"{self.name}.git"

    def push(self, *refspecs: str, force: bool = False) -> Pushed:
        """Pushes HEAD to `main`, or what the refspecs say."""
        return self.tree.push_refs(self.url, *(refspecs or ("HEAD:refs/heads/main",)), force=force)

    def send(self, message: str = "change", **files: str | None) -> dict[str, Any]:
        """Writes files (None removes one), commits, pushes; the commit once all it started has ended. Names: `a.yml` is `.flows/a.yml`."""
        for name, text in files.items():
            path = f".flows/{name}.yml"
            if text is None:
                self.tree.remove(path)
            else:
                self.tree.write(path, text)
        pushed = self.push_commit(message)
        assert pushed.ok, pushed.stderr
        return self.service.settled(self.name, self.tree.head)

    def push_commit(self, message: str = "change", **options: Any) -> Pushed:
        """Commits what there is and pushes it to `main`."""
        self.tree.commit(message)
        return self.push(**options)

    def settled(self) -> dict[str, Any]:
        """What became of the work tree's commit."""
        return self.service.settled(self.name, self.tree.head)


def _until(look: Callable[[], T | None], what: str | Callable[[], str], seconds: float = 20.0) -> T:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what() if callable(what) else what}")
        time.sleep(0.03)
    return found


def _free_port() -> int:
    """Below those that the system hands out itself, so that a service that is down finds its port free."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _is_job(process: Process) -> bool:
    """Whether it runs for a task, by the mark that the process backend gives to whatever it starts."""
    try:
        return b"\0HEADGATE_JOB=" in b"\0" + Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return False


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _look(pid: int) -> Process | None:
    """A live process; None for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else Process(pid, fields[19].decode(), int(fields[1]), command)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """A failed test shows what its services said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections += [(f"service in {service.data}", service.tail()) for service in _open]
