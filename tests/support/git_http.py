"""Serves bare repositories over smart HTTP with `git http-backend`: Git's own implementation, so that ours is never tested against itself."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.support.repo import GIT_ENV, git


def create(path: Path) -> None:
    """A new bare repository with the default branch `main` that takes pushes, push options and partial fetches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=path.parent)
    for name in ("http.receivepack", "receive.advertisePushOptions", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git("config", name, "true", cwd=path)


def refs(path: Path) -> dict[str, str]:
    """Branches and tags with what they point at (for annotated tags: the tag)."""
    lines = git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", cwd=path).stdout.splitlines()
    return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}


def serve(root: Path, method: str, target: str, headers: Mapping[str, str], body: IO[bytes], user: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request, as CGI. Gives the status, the headers and the body of the answer."""
    path, _, query = target.partition("?")
    done = subprocess.run(["git", "http-backend"], env=_cgi(root, method, path, query, headers, user), stdin=body, capture_output=True, timeout=60, check=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    found = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head.decode("latin-1").splitlines())]
    status = next((int(value.split()[0]) for name, value in found if name.lower() == "status"), 200)
    return status, [(name, value) for name, value in found if name.lower() != "status"], content


def _cgi(root: Path, method: str, path: str, query: str, headers: Mapping[str, str], user: str) -> dict[str, str]:
    variables = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
    }
    return {**GIT_ENV, **{name: value for name, value in variables.items() if value or name == "QUERY_STRING"}}
