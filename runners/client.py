"""Dispatcher and Files over HTTP, for agents in a process or on a host of their own.

An embedded server may come back on another port: the address is asked for again when a call fails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urlsplit

import httpx2

from runners.protocol import Adopted, Gone, Job, Lease, LogLine, Order, Outcome, Refused, Rejected, RunnerInfo, Tree, Unreachable, decode, encode

_CHUNK = 1 << 18
_LOOPBACK = ("127.", "localhost", "::1")


class _Http:
    """Calls to the service, its answers as exceptions of the protocol. Safe to share between threads."""

    def __init__(self, server: str | Callable[[], str], token: str | None = None, timeout: float = 15.0) -> None:
        self._server = server
        self._token = token
        self._timeout = timeout
        self._guard = threading.Lock()
        self._url = ""
        self._client: httpx2.Client | None = None
        self._old: list[httpx2.Client] = []

    def close(self) -> None:
        """Closes all connections."""
        with self._guard:
            for client in (*self._old, *((self._client,) if self._client else ())):
                client.close()
            self._old, self._client = [], None

    def _call(self, method: str, path: str, *, wait: float = 0.0, **content: Any) -> httpx2.Response:
        """One exchange; a second one, at once, where the service has moved."""
        client, url = self._connection()
        limits = httpx2.Timeout(self._timeout + wait, connect=5.0)
        try:
            answer = client.request(method, f"{url}{path}", timeout=limits, **content)
        except httpx2.TransportError as problem:
            moved = self._moved(url)
            if moved is None or "content" in content:
                raise Unreachable(f"{url}: {problem}") from problem
            try:
                answer = moved.request(method, f"{self._url}{path}", timeout=limits, **content)
            except httpx2.TransportError as again:
                raise Unreachable(f"{self._url}: {again}") from again
        if answer.status_code >= 300:
            _raise(answer)
        return answer

    def _post(self, path: str, body: Mapping[str, Any], wait: float = 0.0) -> Any:
        answer = self._call("POST", f"/api/v1/runner/{path}", json=body, wait=wait)
        if answer.status_code == 204 or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as problem:
            raise Unreachable(f"{self._url}: not an answer of this service") from problem

    def _stream(self, path: str, **params: str) -> Iterator[bytes]:
        client, url = self._connection()
        limits = httpx2.Timeout(60.0, connect=5.0)
        try:
            with client.stream("GET", f"{url}{path}", params=params, timeout=limits) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    _raise(answer)
                yield from answer.iter_bytes(_CHUNK)
        except httpx2.TransportError as problem:
            self._moved(url)
            raise Unreachable(f"{url}: {problem}") from problem

    def _connection(self) -> tuple[httpx2.Client, str]:
        with self._guard:
            if self._client is None:
                self._open(self._address())
            assert self._client is not None
            return self._client, self._url

    def _address(self) -> str:
        return (self._server if isinstance(self._server, str) else self._server()).rstrip("/")

    def _moved(self, failed: str) -> httpx2.Client | None:
        """A client for the service's new address; None when it is still the one that failed."""
        with self._guard:
            if self._url == failed:
                address = self._address()
                if address == failed:
                    return None
                # Calls in other threads may still use the old client.
                self._old += [self._client] if self._client else []
                self._open(address)
            return self._client

    def _open(self, address: str) -> None:
        host = urlsplit(address).hostname or ""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        # A proxy of the environment is for the outside world.
        self._client = httpx2.Client(headers=headers, trust_env=not host.startswith(_LOOPBACK))
        self._url = address


class HttpRegistry(_Http):
    """Where a runner makes its own key known, with a registration token."""

    def register(self, runner: str, key: str) -> None:
        """Raises Refused for a token that is used or too old, and Gone for a runner that is known by another key."""
        self._post("register", {"runner": runner, "key": key})


class HttpDispatcher(_Http):
    """`server` is the service's URL, or asks for it."""

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        """The next job; None when nothing came up."""
        found = self._post("claim", {"runner": encode(runner), "wait": wait}, wait)
        return None if found is None else _read(Job, found)

    def beat(self, runner: str, leases: tuple[Lease, ...], wait: float = 0.0) -> Mapping[str, Order | None]:
        """Renews leases."""
        answer = self._post("beat", {"runner": runner, "leases": [encode(lease) for lease in leases], "wait": wait}, wait=wait) or {}
        return {str(key): None if order is None else Order(order) for key, order in answer.items()}

    def log(self, lease: Lease, lines: tuple[LogLine, ...]) -> None:
        """Stores lines."""
        self._post("log", {"lease": encode(lease), "lines": [encode(line) for line in lines]})

    def ready(self, lease: Lease) -> None:
        """The folder stands."""
        self._post("ready", {"lease": encode(lease)})

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """Ends the attempt."""
        self._post("finish", {"lease": encode(lease), "outcome": encode(outcome)})

    def adopt(self, runner: str, lease: Lease) -> Adopted:
        """Takes over a job that runs here."""
        adopted: Adopted = _read(Adopted, self._post("adopt", {"runner": runner, "lease": encode(lease)}))
        return adopted


class HttpFiles(_Http):
    """`server` is the service's URL, or asks for it."""

    def tree(self, lease: Lease, tree: Tree) -> Iterator[bytes]:
        """The commit's files as a tar stream. The service knows the commit by the lease."""
        return self._stream(f"{_path(lease)}/tree")

    def get(self, lease: Lease, uri: str) -> Iterator[bytes]:
        """A stored file's content."""
        return self._stream(f"{_path(lease)}/file", uri=uri)

    def put(self, lease: Lease, name: str, stream: BinaryIO) -> str:
        """Stores a file; returns its URI."""
        answer = self._call("PUT", f"{_path(lease)}/file", params={"name": name}, content=_chunks(stream), wait=600.0)
        try:
            return str(answer.json()["uri"])
        except (ValueError, KeyError, TypeError) as problem:
            raise Unreachable("not an answer of this service") from problem


def _path(lease: Lease) -> str:
    return f"/api/v1/runner/jobs/{lease.task_run}/{lease.attempt}/{lease.epoch}"


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _read(cls: type[Any], value: Any) -> Any:
    try:
        return decode(cls, value)
    except ValueError as problem:
        raise Rejected(f"the service's answer is not of this version: {problem}") from problem


def _raise(answer: httpx2.Response) -> NoReturn:
    status = answer.status_code
    if status == 409:
        raise Gone
    if status in (401, 403):
        raise Refused(f"the service refuses this runner (HTTP {status}): check its token")
    if status >= 500 or status in (408, 425, 429):
        raise Unreachable(f"HTTP {status}")
    raise Rejected(f"HTTP {status}: {_detail(answer)}")


def _detail(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(body.get("detail") or body.get("message") or body)[:500] if isinstance(body, dict) else str(body)[:500]
