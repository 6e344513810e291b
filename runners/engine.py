"""The Docker engine as the docker backend needs it. The only file that imports the SDK.

Works with a daemon on another host, and from inside a container: files travel through the API, nothing is mounted.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tarfile
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env

T = TypeVar("T")

#: How long a daemon that restarts is waited for, in seconds.
PATIENCE = 120.0

#: Seconds without a line after which the log's connection is made anew: a daemon that died silently is noticed.
_SILENCE = 60.0

#: What the SDK lets through when the daemon is away.
AWAY = (requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError)

#: The states of a container that runs, or is going to.
_ALIVE = ("created", "running", "paused", "restarting")

_HEAD = struct.Struct(">BxxxL")


class EngineError(Exception):
    """The daemon said no; the message is the daemon's."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a container's log, as the daemon stored it. `stamp` is in nanoseconds since 1970."""

    stream: str
    stamp: int
    content: bytes


class _Recent:
    """The pieces of the last second: those that a new connection gives once more."""

    def __init__(self) -> None:
        self.pieces: deque[Frame] = deque()
        self.start = 0

    def add(self, frame: Frame) -> None:
        self.pieces.append(frame)
        self.start = max(self.start, frame.stamp - 10**9)
        while self.pieces[0].stamp < self.start:
            self.pieces.popleft()


class Engine:
    """One daemon: `host`, else DOCKER_HOST, else the usual sockets."""

    def __init__(self, host: str | None = None) -> None:
        self._host = host
        self._client: docker.APIClient | None = None
        self._connecting = threading.Lock()

    @property
    def api(self) -> docker.APIClient:
        """The connection, made on first use."""
        with self._connecting:
            if self._client is None:
                self._client = self._connect(60)
            return self._client

    def close(self) -> None:
        """Closes the connection."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    def problem(self) -> str | None:
        """None when the daemon answers, else what keeps it from us."""
        try:
            client = self._connect(3)
        except (DockerException, *AWAY) as problem:
            return str(problem)
        try:
            client.ping()
        except (DockerException, *AWAY) as problem:
            return str(problem)
        finally:
            client.close()
        return None

    def image(self, name: str) -> Mapping[str, Any] | None:
        """What the daemon knows of an image; None when it is not there."""
        try:
            found: Mapping[str, Any] = self.api.inspect_image(name)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
        return found

    def pull(self, image: str, auth: Mapping[str, Any] | None) -> None:
        """Downloads an image; raises EngineError."""
        for _ in self.events(lambda: self.api.pull(image, stream=True, decode=True, auth_config=dict(auth) if auth else None)):
            pass

    def unpack(self, layer: bytes, repository: str, tag: str) -> None:
        """Makes an image of one layer, a tar file; raises EngineError."""
        try:
            self.api.import_image_from_data(layer, repository=repository, tag=tag)
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem

    def processor(self) -> str:
        """What the daemon's host has, as `amd64`; raises EngineError."""
        try:
            return str(self.api.version()["Arch"])
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem

    def events(self, call: Callable[[], Iterable[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
        """What the daemon tells of something that it does, as it comes; raises EngineError."""
        try:
            for event in call():
                if "error" in event:
                    raise EngineError(str(event["error"]))
                yield event
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem

    def create(self, name: str, **settings: Any) -> str:
        """A container of this name, not started; one that is there already is replaced. Raises EngineError."""
        host = settings.pop("host")
        for _ in range(3):
            try:
                created = self.api.create_container(name=name, host_config=self.api.create_host_config(**host), **settings)
            except APIError as problem:
                if problem.status_code != 409:
                    raise EngineError(_said(problem)) from problem
                self.remove(name)
            except (DockerException, TypeError, ValueError, *AWAY) as problem:
                raise EngineError(_said(problem)) from problem
            else:
                return str(created["Id"])
        raise EngineError(f"the name {name} is in use")

    def start(self, container: str) -> None:
        """Lets it run; raises EngineError."""
        try:
            self.api.start(container)
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem

    def inspect(self, container: str) -> Mapping[str, Any] | None:
        """What the daemon knows of a container; None when it is gone. A daemon that is away is waited for; raises EngineError."""

        def ask() -> Mapping[str, Any] | None:
            try:
                found: Mapping[str, Any] = self.api.inspect_container(container)
            except NotFound:
                return None
            return found

        return self._patiently(ask)

    def stop(self, container: str, grace: float) -> None:
        """SIGTERM, and SIGKILL after the grace time; returns when it is over."""

        def ask() -> None:
            with contextlib.suppress(NotFound):
                self.api.stop(container, timeout=max(0, round(grace + 0.49)))

        self._patiently(ask)

    def remove(self, container: str) -> None:
        """Kills and deletes it, with its anonymous volumes."""

        def ask() -> None:
            with contextlib.suppress(NotFound):
                self.api.remove_container(container, v=True, force=True)

        try:
            self._patiently(ask)
        except EngineError as problem:
            if "is already in progress" not in str(problem):
                raise

    def labelled(self, labels: Mapping[str, str], *, alive: bool = False) -> list[tuple[str, Mapping[str, str]]]:
        """Containers with these labels: id and all labels. `alive`: without those that have ended. Raises EngineError."""
        wanted = {"label": [f"{name}={value}" for name, value in labels.items()], **({"status": list(_ALIVE)} if alive else {})}
        try:
            found = self.api.containers(all=True, filters=wanted)
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem
        return [(str(one["Id"]), one.get("Labels") or {}) for one in found]

    def follow(self, container: str, enough: Callable[[], bool] = lambda: False) -> Iterator[Frame]:
        """The log from its first piece, live, each piece once; ends when the container has ended. Survives restarts of the daemon.

        `enough` is asked now and then while pieces come that were seen before; it ends the search for further ones.
        """
        recent, over, again = _Recent(), False, 0
        while True:
            # Two streams are stamped apart and stored in the order of a lock, so stamps may run back a little.
            seen = Counter(recent.pieces)
            with contextlib.suppress(DockerException, requests.exceptions.RequestException):
                for frame in self._frames(container, since=recent.start, follow=not over):
                    if seen and seen[frame] > 0:
                        seen[frame] -= 1
                        again += 1
                        if again % 1000 == 0 and enough():
                            return
                        continue
                    recent.add(frame)
                    yield frame
            if over:
                return
            # A last look follows, for what a broken connection kept back.
            over = not self._running(container)
            if not over:
                time.sleep(0.2)

    def send(self, container: str, folder: Path, owner: tuple[int, int] | None) -> None:
        """Copies a folder to the same path inside; everything in it belongs to `owner`, or can be written by all. Raises EngineError."""
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(folder, folder.name, filter=lambda entry: _owned(entry, owner))
            packed.seek(0)
            try:
                self.api.put_archive(container, str(folder.parent), packed)
            except (DockerException, *AWAY) as problem:
                raise EngineError(_said(problem)) from problem

    def fetch(self, container: str, path: str) -> Iterator[bytes]:
        """What stands at a path inside, as a tar stream; nothing when there is nothing. Raises EngineError."""
        try:
            stream, _ = self.api.get_archive(container, path)
            yield from stream
        except NotFound:
            return
        except (DockerException, *AWAY) as problem:
            raise EngineError(_said(problem)) from problem

    def text(self, container: str, path: str) -> str:
        """A small text file inside; empty when it is not there. Raises EngineError."""
        with tempfile.TemporaryFile() as packed:
            for chunk in self.fetch(container, path):
                packed.write(chunk)
            if not packed.tell():
                return ""
            packed.seek(0)
            with tarfile.open(fileobj=packed) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member and member.isreg() else None
                return content.read(1 << 20).decode("utf-8", "replace") if content else ""

    def _connect(self, timeout: int) -> docker.APIClient:
        settings = kwargs_from_env()
        if self._host:
            settings["base_url"] = self._host
        rootless = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "docker.sock")
        if "base_url" not in settings and not Path("/var/run/docker.sock").exists() and rootless.exists():
            settings["base_url"] = f"unix://{rootless}"
        _knock(settings.get("base_url", "unix:///var/run/docker.sock"))
        return docker.APIClient(version="auto", timeout=timeout, **settings)

    def _running(self, container: str) -> bool:
        found = self.inspect(container)
        return found is not None and found["State"]["Status"] in ("running", "paused", "restarting")

    def _frames(self, container: str, since: int, follow: bool) -> Iterator[Frame]:
        seconds, nanos = divmod(since, 10**9)
        wanted: dict[str, str | int] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow), "since": f"{seconds}.{nanos:09d}"}
        url = f"{self.api.base_url}/v{self.api.api_version}/containers/{container}/logs"
        with self.api.get(url, params=wanted, stream=True, timeout=(10.0, _SILENCE)) as answer:
            answer.raise_for_status()
            yield from _frames(answer.iter_content(None))

    def _patiently(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except AWAY as problem:
                if time.monotonic() > deadline:
                    raise EngineError(_said(problem)) from problem
                time.sleep(0.5)
            except DockerException as problem:
                raise EngineError(_said(problem)) from problem


def nanoseconds(stamp: str) -> int:
    """RFC 3339 with nanoseconds, as the daemon writes it."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return _seconds(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))


@lru_cache(maxsize=16)
def _seconds(whole: str) -> int:
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())


def _frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The pieces in the daemon's stream: a head of eight bytes, a time, the content. One that breaks off is left out."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        at = 0
        while len(held) - at >= 8:
            kind, size = _HEAD.unpack_from(held, at)
            if len(held) - at - 8 < size:
                break
            stamp, _, content = bytes(held[at + 8 : at + 8 + size]).partition(b" ")
            at += 8 + size
            yield Frame("stderr" if kind == 2 else "stdout", nanoseconds(stamp.decode("ascii")), content)
        del held[:at]


def _owned(entry: tarfile.TarInfo, owner: tuple[int, int] | None) -> tarfile.TarInfo | None:
    if not (entry.isreg() or entry.isdir()):
        return None
    entry.uname = entry.gname = ""
    entry.uid, entry.gid = owner or (0, 0)
    if owner is None:
        entry.mode |= 0o777 if entry.isdir() or entry.mode & 0o100 else 0o666
    return entry


def _knock(url: str) -> None:
    """Raises DockerException where nobody listens at a Unix socket: the library finds that out too, and leaves its own socket open then."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            try:
                knocking.settimeout(3)
                knocking.connect("/" + url.removeprefix("unix://").lstrip("/"))
            except OSError as problem:
                raise DockerException(f"no Docker daemon listens at {url}: {problem.strerror or problem}") from problem


def _said(problem: BaseException) -> str:
    """What the daemon said, without the SDK's frame around it."""
    if isinstance(problem, APIError) and problem.explanation:
        return str(problem.explanation)
    return str(problem)
