"""What the Git tests are made of: the real `git` program, raw objects, and a small server around the host."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
import uvicorn
from pygit2.enums import ObjectType

from service.errors import ServiceError
from service.git import layout
from service.git.host import Host

FILE, EXECUTABLE, LINK, FOLDER, SUBMODULE = "100644", "100755", "120000", "40000", "160000"


def run(*arguments: str, cwd: Path | None = None, check: bool = True, protocol: str = "2") -> subprocess.CompletedProcess[str]:
    """The real `git`, with a person's name and without this machine's configuration."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.org",
        "LC_ALL": "C.UTF-8",
    }
    command = ["git", "-c", f"protocol.version={protocol}", "-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false", *arguments]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


class Work:
    """A person's clone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str, check: bool = True, protocol: str = "2") -> subprocess.CompletedProcess[str]:
        return run(*arguments, cwd=self.path, check=check, protocol=protocol)

    def commit(self, files: dict[str, str | bytes | None], message: str = "change") -> str:
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()


def started(path: Path) -> Work:
    """A new repository with a work tree."""
    run("init", "-q", str(path))
    return Work(path)


class Raw:
    """Writes objects byte by byte, also those that Git would never write."""

    def __init__(self, path: Path) -> None:
        self.repository = pygit2.Repository(str(path))

    def blob(self, content: bytes = b"id: x\n") -> str:
        return str(self.repository.create_blob(content))

    def tree(self, *rows: tuple[str, bytes | str, str], sort: bool = True) -> str:
        """A tree of (mode, name, id) rows, sorted as Git does unless told otherwise."""
        named = [(mode, name.encode() if isinstance(name, str) else name, oid) for mode, name, oid in rows]
        if sort:
            named.sort(key=lambda row: row[1] + b"/" if row[0] == FOLDER else row[1])
        data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in named)
        return self.object(ObjectType.TREE, data)

    def object(self, kind: ObjectType, data: bytes) -> str:
        return str(self.repository.odb.write(kind, data))

    def commit(
        self, tree: str, *parents: str, author: bytes = b"Ann <ann@example.org> 1700000000 +0100", message: bytes = b"change\n", extra: bytes = b""
    ) -> str:
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents), b"author " + author, b"committer " + author]
        return self.object(ObjectType.COMMIT, b"\n".join(lines) + b"\n" + extra + b"\n" + message)

    def flows(self, *rows: tuple[str, bytes | str, str], sort: bool = True) -> str:
        """A commit whose `.flows` folder has these rows."""
        return self.commit(self.tree((FOLDER, ".flows", self.tree(*rows, sort=sort))))

    def ref(self, name: str, commit: str) -> None:
        self.repository.references.create(name, commit, force=True)


class Site:
    """An HTTP server around the host: `/git/NAME.git/…`, with a password where one is set, and a redirecting door at `/moved/`."""

    def __init__(self) -> None:
        self.port = 0

    def at(self, root: Path, host_of: Callable[[], Host]) -> Site:
        """Serves the repositories of this folder from now on, by a host made in the server's own loop."""
        self.root, self.host_of = root, host_of
        self.token: str | None = None
        self.target = ""
        self.seen: list[dict[str, str]] = []
        self._host: Host | None = None
        return self

    def url(self, name: str, door: str = "git") -> str:
        return f"http://127.0.0.1:{self.port}/{door}/{name}.git"

    async def __call__(self, scope, receive, send) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        self.seen.append({"path": scope["path"], **headers})
        _, door, name, *rest = scope["path"].split("/")
        if self._host is None:
            self._host = self.host_of()
        if door == "moved":
            query = scope["query_string"].decode()
            await plain(send, 302, {"location": f"{self.target}/{'/'.join(rest)}" + (f"?{query}" if query else "")})
            return
        if self.token is not None and headers.get("authorization") not in accepted(self.token):
            await plain(send, 401, {"www-authenticate": 'Basic realm="git"'})
            return
        try:
            await self._serve(scope, receive, send, self.root / name, "/".join(rest), headers)
        except ServiceError as fault:
            await plain(send, fault.status, {}, fault.message.encode())

    async def _serve(self, scope, receive, send, path: Path, rest: str, headers: dict[str, str]) -> None:
        assert self._host is not None
        protocol = headers.get("git-protocol", "")
        if rest == "info/refs":
            await self._host.announce(send, path, scope["query_string"].decode().removeprefix("service="), protocol)
            return
        gzip = headers.get("content-encoding") == "gzip"
        await self._host.exchange(receive, send, path, rest, gzip=gzip, env={"HEADGATE_USER": "ann"}, protocol=protocol)


def accepted(token: str) -> set[str]:
    return {"Basic " + base64.b64encode(f"{user}:{token}".encode()).decode() for user in ("x-access-token", "ann")}


async def plain(send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site, on a free port of the loopback, in a thread."""
    server = uvicorn.Server(uvicorn.Config(site, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        site.port = listener.getsockname()[1]
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        try:
            until(lambda: server.started)
            yield site
        finally:
            server.should_exit = True
            thread.join(10)


def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def big_index(folders: int, files: int, raw: Raw) -> tuple[str, list[tuple[str, bytes | str, str]]]:
    """The rows of `folders` equal-sized folders with `files` flow files each; the blob in all of them."""
    blob = raw.blob()
    folder = [(FILE, f"f{n:04}.yml", blob) for n in range(files)]
    return blob, [(FOLDER, f"d{n:04}", raw.tree(*folder, (FILE, f"own{n:04}.yml", blob))) for n in range(folders)]


def random_bytes(size: int) -> bytes:
    """Bytes that don't compress."""
    return os.urandom(size)


def packet(text: str) -> bytes:
    """One pkt-line."""
    return f"{len(text) + 4:04x}{text}".encode()


def configured(path: Path) -> None:
    """The config that every bare repository of ours has."""
    layout.configure(path, path.parent / layout.HOOKS)
