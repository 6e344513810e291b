"""The main loop from outside: a real `git push` to the embedded host until the commit is green.

The floor of the push is the same push to a bare repository through the file system.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from bench.figure import Figure, seconds
from bench.station import station

ROUNDS = 10
FLOW = """id: loop
namespace: bench
tasks:
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: round {round}
triggers:
  - id: push
    type: headgate.git.Push
"""
_ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "bench",
    "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "bench@example.org",
}


def run() -> Iterator[Figure]:
    """The push itself, and from its begin to the final statuses."""
    with TemporaryDirectory() as folder, station(runner="false") as client:
        tree, bare = Path(folder) / "tree", Path(folder) / "bare.git"
        _git(Path(folder), "init", "-q", "--bare", str(bare))
        _git(Path(folder), "init", "-q", "-b", "main", str(tree))
        floor = sum(_push(tree, str(bare), number) for number in range(ROUNDS)) / ROUNDS * 1e3
        url = str(client.base_url.join("/git/default.git"))
        pushes, greens = zip(*(_round(client, tree, url, number) for number in range(ROUNDS, 2 * ROUNDS)), strict=True)
        yield Figure("git push, until it returns", sum(pushes) / ROUNDS * 1e3, "ms", floor)
        yield Figure("git push, until the commit is green", sum(greens) / ROUNDS * 1e3, "ms", floor)


def _round(client: httpx2.Client, tree: Path, url: str, number: int) -> tuple[float, float]:
    begun = time.perf_counter()
    pushed = _push(tree, url, number)
    sha = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tree, check=True, capture_output=True, text=True).stdout.strip()
    while not _green(client, sha):
        time.sleep(0.002)
    return pushed, time.perf_counter() - begun


def _push(tree: Path, url: str, number: int) -> float:
    """Seconds of the push alone."""
    (tree / ".flows").mkdir(exist_ok=True)
    (tree / ".flows" / "loop.yml").write_text(FLOW.replace("{round}", str(number)))
    _git(tree, "add", "-A")
    _git(tree, "commit", "-q", "-m", f"round {number}")
    return seconds(lambda: _git(tree, "push", "-q", url, "main"))


def _green(client: httpx2.Client, sha: str) -> bool:
    answer = client.get(f"/api/v1/main/repositories/default/commits/{sha}")
    return answer.is_success and all(status["state"] == "success" for status in answer.json()["statuses"])


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env=_ENVIRONMENT)
