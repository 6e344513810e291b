"""`headgate demo`: the main job before your eyes. A real push becomes revisions, executions and statuses."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from service.cli.child import Child, git_environment, running
from service.cli.client import Api, Refused, path
from service.cli.follow import entries, exit_code, log_line
from service.cli.screen import paint, show, table
from service.cli.stop import FAILED, OK, Stop
from service.cli.times import clock, duration, length

REPOSITORY = "demo"
_GIT, _SYNC, _RUNS, _STATUS = 60.0, 30.0, 120.0, 20.0
_MARK = ".flows/examples/run.txt"
_FINAL = ("success", "failure", "error")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    child: Child
    api: Api
    examples: Path
    environ: Mapping[str, str]

    def url(self, *parts: str) -> str:
        """A page for people."""
        return self.child.url + path(*parts)


def run_demo(environ: Mapping[str, str]) -> int:
    """Plays it once; then keeps the service in the foreground, unless DEMO=once. Returns 0 when everything went well."""
    examples = find_examples()
    if shutil.which("git") is None:
        raise Stop(FAILED, "the demo pushes with the real git, which is not on PATH; install git")
    data = Path(environ.get("HEADGATE_DEMO_DATA") or ".headgate/demo").absolute()
    begun = time.monotonic()
    try:
        with running(data, environ) as child:
            stage = Stage(child, Api(child.url), examples, environ)
            _title(f"Headgate answers at {child.url}", time.monotonic() - begun)
            code = play(stage)
            _title("green" if code == OK else "red", time.monotonic() - begun)
            if environ.get("DEMO") != "once":
                _stay(stage)
            return code
    except KeyboardInterrupt:
        return 130


def find_examples() -> Path:
    """The flows to push: part of the package, of the checkout, or of the current folder."""
    package = Path(__file__).resolve().parents[1]
    candidates = (package / "examples", package.parent / ".flows" / "examples", Path.cwd() / ".flows" / "examples")
    for folder in candidates:
        if (folder / "hello.yml").is_file():
            return folder
    raise Stop(FAILED, f"the example flows are not there; looked in {', '.join(map(str, candidates))}")


def play(stage: Stage) -> int:
    """Push, follow, tell; returns the exit code."""
    git_url = _repository(stage.api)["git_url"]
    with tempfile.TemporaryDirectory(prefix="headgate-demo-") as folder:
        sha = _push(stage, Path(folder) / REPOSITORY, git_url)
    commit = _applied(stage, sha)
    _follow(stage, [run["id"] for run in commit["executions"]])
    commit = _reported(stage, sha)
    runs = [stage.api.get(f"/executions{path(run['id'])}") for run in commit["executions"]]
    _tell(stage, commit, runs)
    good = bool(runs) and all(exit_code(run["state"]["current"]) == OK for run in runs)
    return OK if good and all(status["state"] == "success" for status in commit["statuses"]) else FAILED


def _repository(api: Api) -> dict[str, Any]:
    try:
        found: dict[str, Any] = api.get(f"/repositories{path(REPOSITORY)}")
    except Refused as refusal:
        if refusal.status != 404:
            raise
        show(f"$ headgate repo add {REPOSITORY}")
        found = api.send("POST", "/repositories", json={"name": REPOSITORY})
    return found


# the push


def _push(stage: Stage, tree: Path, git_url: str) -> str:
    """Commits the examples on top of what is there and pushes; returns the commit."""
    env = git_environment(stage.environ)
    branch = "main"
    if _git(env, tree.parent, "ls-remote", git_url, f"refs/heads/{branch}", quiet=True):
        _git(env, tree.parent, "clone", "--quiet", "--depth", "1", "--branch", branch, git_url, str(tree), quiet=True)
    else:
        _git(env, tree.parent, "init", "--quiet", str(tree), quiet=True)
        _git(env, tree, "symbolic-ref", "HEAD", f"refs/heads/{branch}", quiet=True)
    number = _write(stage.examples, tree)
    _git(env, tree, "add", "--all", quiet=True)
    _git(env, tree, "commit", "--quiet", "--message", f"Demo, run {number}", quiet=True)
    show(f"$ git push {git_url} {branch}")
    _git(env, tree, "push", "--quiet", git_url, f"HEAD:refs/heads/{branch}")
    return _git(env, tree, "rev-parse", "HEAD", quiet=True)


def _write(examples: Path, tree: Path) -> int:
    """Fills the work tree; a counter makes each run a change."""
    mark = tree / _MARK
    number = int(mark.read_text().split()[1]) + 1 if mark.exists() else 1
    target = mark.parent
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(examples, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    mark.write_text(f"run {number}\n")
    return number


def _git(env: Mapping[str, str], folder: Path, *arguments: str, quiet: bool = False) -> str:
    """Runs git; with `quiet` what it says is shown only when it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            timeout=_GIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Stop(FAILED, f"git {arguments[0]} has not ended after {_GIT:.0f} s") from None
    if done.returncode != 0:
        raise Stop(FAILED, f"git {arguments[0]} failed with exit code {done.returncode}\n{done.stderr or ''}".rstrip())
    return done.stdout.strip()


# what came of it


def _applied(stage: Stage, sha: str) -> dict[str, Any]:
    """The commit, once the service has synced it."""
    for commit in _polled(stage, sha, _SYNC, f"the service has not synced {sha[:10]}"):
        if commit is not None and commit["state"] != "pending":
            return commit
    raise AssertionError("polling ends by its deadline")


def _reported(stage: Stage, sha: str) -> dict[str, Any]:
    """The commit, once every status of it is final."""
    for commit in _polled(stage, sha, _STATUS, f"the statuses of {sha[:10]} are not final"):
        if commit and commit["statuses"] and all(status["state"] in _FINAL for status in commit["statuses"]):
            return commit
    raise AssertionError("polling ends by its deadline")


def _polled(stage: Stage, sha: str, seconds: float, complaint: str) -> Iterator[dict[str, Any] | None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        stage.child.check()
        try:
            yield stage.api.get(f"/repositories{path(REPOSITORY)}/commits{path(sha)}")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            yield None
        time.sleep(0.05)
    raise Stop(FAILED, f"{complaint} after {seconds:.0f} s; see {stage.child.log}")


def _follow(stage: Stage, executions: Sequence[str]) -> None:
    """Prints the log lines of all executions as they come, until all have ended."""
    lines: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
    for execution in executions:
        threading.Thread(target=_feed, args=(stage, execution, lines), daemon=True).start()
    waiting, deadline = len(executions), time.monotonic() + _RUNS
    with _Progress(len(executions)) as progress:
        while waiting:
            try:
                entry = lines.get(timeout=min(1.0, max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                stage.child.check()
                if time.monotonic() >= deadline:
                    raise Stop(FAILED, f"{waiting} of {len(executions)} executions have not ended after {_RUNS:.0f} s; see {stage.url()}") from None
                continue
            if entry is None:
                waiting -= 1
                progress.ended(len(executions) - waiting)
            elif entry.get("level") not in ("TRACE", "DEBUG"):
                progress.line(_line(entry))


def _feed(stage: Stage, execution: str, lines: queue.SimpleQueue[Mapping[str, Any] | None]) -> None:
    try:
        for entry in entries(Api(stage.child.url), execution):
            lines.put(entry)
    except Stop as stop:
        now = datetime.now().astimezone().isoformat()
        lines.put({"flowId": execution[:8], "level": "ERROR", "message": f"its log can't be followed: {stop.message}", "timestamp": now})
    lines.put(None)


def _line(entry: Mapping[str, Any]) -> str:
    name = ".".join(str(entry[key]) for key in ("flowId", "taskId") if entry.get(key))
    return log_line(name, str(entry.get("level") or ""), str(entry.get("message") or ""), clock(entry.get("timestamp")), sys.stdout)


class _Progress:
    """Log lines, and below them on a terminal how many executions have ended."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> _Progress:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def line(self, text: str) -> None:
        """One log line."""
        self._clear()
        show(text)
        self._draw()

    def ended(self, done: int) -> None:
        """One more execution has ended."""
        self._done = done
        self._clear()
        self._draw()

    def _draw(self) -> None:
        if self._live:
            bar = paint("━" * (30 * self._done // max(1, self._total)), "32", sys.stdout)
            print(f"\r{bar} {self._done} of {self._total} executions", end="", flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", flush=True)


def _tell(stage: Stage, commit: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    statuses = {status["context"]: status for status in commit["statuses"]}
    show()
    table(
        ("COMMIT", "FLOW", "REVISION", "STATE", "DURATION", "STATUS"),
        [_row(commit, run, statuses.get(f"headgate/{run['namespace']}.{run['flowId']}")) for run in runs],
        right=("REVISION", "DURATION"),
    )
    show()
    for context in ("headgate/flows", "headgate/runs"):
        if context in statuses:
            show(f"{context:<15} {statuses[context]['state']:<8} {statuses[context]['description']}")
    show(f"\n{stage.url('commits', REPOSITORY, commit['sha'])}")


def _row(commit: Mapping[str, Any], run: Mapping[str, Any], status: Mapping[str, Any] | None) -> tuple[Any, ...]:
    name = f"{run['namespace']}.{run['flowId']}"
    return commit["sha"][:10], name, run["flowRevision"], run["state"]["current"], length(duration(run["state"])), (status or {}).get("state")


def _title(text: str, seconds: float) -> None:
    show(f"{paint('==', '1;36', sys.stdout)} {text} ({seconds:.1f} s)")


def _stay(stage: Stage) -> None:
    try:
        show(f"The service goes on at {stage.child.url}; Ctrl-C ends it.")
        while True:
            stage.child.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        show("\nstopping")
