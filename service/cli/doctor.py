"""`headgate doctor`: what this machine has of what Headgate needs, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from service.cli.screen import document, harmless, paint, show
from service.cli.stop import FAILED, OK

_PYTHON, _GIT = (3, 11), (2, 30)
#: Free space, in bytes, below which we warn, and below which nothing will work for long.
_TIGHT, _FULL = 2 << 30, 200 << 20
#: Seconds by which two clocks may differ: signatures and certificates begin to fail at a few minutes.
_SKEW = 30.0


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it is not ok."""

    name: str
    verdict: Verdict
    text: str
    advice: str = ""


def examine(data: Path, server: str, token: str) -> Iterator[Finding]:
    """Looks at one thing after the other; none of them is changed."""
    yield _python()
    yield _git()
    yield _libgit2()
    yield _docker()
    yield from _packages()
    yield _disk(data)
    yield _folder(data)
    yield from _server(server, token)


def report(findings: Iterator[Finding], as_json: bool) -> int:
    """Prints each finding as it is made; returns the exit code."""
    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        document([{"name": each.name, "verdict": each.verdict.value, "text": each.text, "advice": each.advice or None} for each in found])
    return FAILED if any(finding.verdict is Verdict.FAIL for finding in found) else OK


def _print(finding: Finding) -> None:
    colour = {Verdict.OK: "32", Verdict.WARN: "33", Verdict.FAIL: "31"}[finding.verdict]
    show(f"{paint(f'{finding.verdict.value:<4}', colour, sys.stdout)} {finding.name:<8} {harmless(finding.text)}")
    if finding.advice:
        show(f"              {finding.advice}")


def _python() -> Finding:
    wanted = ".".join(map(str, _PYTHON))
    text = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < _PYTHON:
        return Finding("python", Verdict.FAIL, text, f"install Python {wanted} or newer")
    return Finding("python", Verdict.OK, text)


def _git() -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding("git", Verdict.FAIL, "not on PATH", "install git: the embedded Git host runs it")
    answer = _output([program, "--version"])
    words = answer.split()
    number = words[2] if len(words) > 2 else ""
    numbers = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if len(numbers) < 2:
        return Finding("git", Verdict.FAIL, f"{program} does not say its version: {answer[:100]}", "install git again")
    if numbers < _GIT:
        return Finding("git", Verdict.WARN, f"{number} is old", f"git {'.'.join(map(str, _GIT))} or newer is what is tested")
    return Finding("git", Verdict.OK, f"{number} ({program})")


def _libgit2() -> Finding:
    try:
        import pygit2
    except ImportError as failure:
        return Finding("libgit2", Verdict.FAIL, f"can't be loaded: {failure}", "install Headgate again (pip install --force-reinstall pygit2)")
    return Finding("libgit2", Verdict.OK, f"{pygit2.LIBGIT2_VERSION} (pygit2 {version('pygit2')})")


def _docker() -> Finding:
    from runners.engine import Engine

    with closing(Engine()) as engine:
        problem = engine.problem()
        if problem is not None:
            advice = (
                "let this user use the daemon's socket (group docker)" if "ermission denied" in problem else "start a Docker daemon for tasks in containers"
            )
            return Finding("docker", Verdict.WARN, f"tasks run as processes: {problem}", f"{advice}; nothing to do if processes are what you want")
        about = engine.api.version()
    return Finding("docker", Verdict.OK, f"{about.get('Version')} (API {about.get('ApiVersion')})")


def _packages() -> Iterator[Finding]:
    """Nothing where no package has task types: few have any."""
    from service.cli.lint import catalogue

    offered = catalogue().offered()
    if not offered:
        return
    told = "; ".join(f"{package}: {', '.join(names)}" for package, names in offered.items())
    yield Finding("packages", Verdict.OK, told)
    for problem in catalogue().problems():
        yield Finding("packages", Verdict.WARN, problem, "mend or uninstall the package")


def _disk(data: Path) -> Finding:
    free = shutil.disk_usage(_existing(data)).free
    text = f"{free / (1 << 30):.1f} GB free for {data}"
    if free < _FULL:
        return Finding("disk", Verdict.FAIL, text, "make room: without it nothing can be stored")
    if free < _TIGHT:
        return Finding("disk", Verdict.WARN, text, "make room soon: logs, trees and outputs need it")
    return Finding("disk", Verdict.OK, text)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = path.absolute()
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _folder(data: Path) -> Finding:
    if not data.exists():
        return _creatable(data)
    if not data.is_dir():
        return Finding("data", Verdict.FAIL, f"{data} is not a folder", "name another with --data")
    mode = stat.S_IMODE(data.stat().st_mode)
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data", Verdict.FAIL, f"{data} can't be written by this user", f"chown it, or name another with --data (mode {mode:04o})")
    if not _can_write(data):
        return Finding("data", Verdict.FAIL, f"no file can be made in {data}", "is the file system full or mounted read-only?")
    if mode & 0o077:
        return Finding("data", Verdict.WARN, f"{data} has mode {mode:04o}: others on this machine can look into it", f"chmod 700 {data}")
    return Finding("data", Verdict.OK, f"{data} (mode {mode:04o})")


def _creatable(data: Path) -> Finding:
    above = _existing(data)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        return Finding("data", Verdict.FAIL, f"{data} does not exist, and {above} can't be written", "name another with --data")
    return Finding("data", Verdict.OK, f"{data} does not exist yet; the first start makes it")


def _can_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError:
        return False
    return True


def _server(server: str, token: str) -> Iterator[Finding]:
    """Whether one answers; with it the two clocks, without it the port."""
    import httpx2

    url = server if "://" in server else f"http://{server}"
    try:
        answer = httpx2.get(f"{url.rstrip('/')}/healthz", timeout=3.0, headers={"Authorization": f"Bearer {token}"} if token else {}, trust_env=False)
    except httpx2.ConnectError:
        yield Finding("server", Verdict.WARN, f"none answers at {url}", "start one with `headgate up`")
        yield _port(url)
        return
    except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
        yield Finding("server", Verdict.FAIL, f"{url}: {str(failure) or type(failure).__name__}", "is that the right address (--server)?")
        return
    yield _health(url, answer)
    yield _clock(answer.headers.get("date", ""))


def _health(url: str, answer: object) -> Finding:
    status = getattr(answer, "status_code", 0)
    text = str(getattr(answer, "text", ""))
    if status == 200 and '"ok"' in text:
        return Finding("server", Verdict.OK, f"{url} is ready")
    if status == 503:
        return Finding("server", Verdict.WARN, f"{url} is not ready", "wait a moment; if it stays, read its log")
    return Finding("server", Verdict.FAIL, f"something else answers at {url} ({status})", "choose another port: headgate up --port 8081")


def _port(url: str) -> Finding:
    """Whether `headgate up` could take the address."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return Finding("port", Verdict.OK, f"{host} is another machine: its port is not looked at")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as failure:
            return Finding("port", Verdict.FAIL, f"{port} can't be bound: {failure.strerror}", "choose another: headgate up --port 8081")
    return Finding("port", Verdict.OK, f"{port} is free")


def _clock(date: str) -> Finding:
    now = datetime.now(UTC)
    try:
        ahead = (now - parsedate_to_datetime(date)).total_seconds()
    except ValueError:
        return Finding("clock", Verdict.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC (the server does not say its own)")
    if abs(ahead) > _SKEW:
        side = "ahead of" if ahead > 0 else "behind"
        return Finding("clock", Verdict.WARN, f"{abs(ahead):.0f} s {side} the server's", "let both machines keep time by NTP")
    return Finding("clock", Verdict.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC, as the server's")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
