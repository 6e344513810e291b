"""An HTTP transport that connects to checked addresses only, and to nothing past a deadline.

The name is resolved and checked by us and the connection goes to that very address, so a name that changes its meaning between
the check and the connection changes nothing. TLS still verifies the name. HTTP's own time-outs bound each read; `deadline` bounds a
whole call, so that an answer which comes a byte at a time ends too. Only the system's resolver has its own time-out.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

from service.addresses import Resolve, resolve, resolve_and_check

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Calls made inside end within so many seconds, with httpx2's time-out errors."""
    before = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(before)


class GuardedTransport(httpx2.HTTPTransport):
    """httpx2's transport over a connection pool of ours. A refused address raises `errors.Forbidden`, an unknown name `errors.Unavailable`."""

    def __init__(self, allow_private: bool = False, resolve: Resolve = resolve) -> None:
        # Instead of the parent's: it builds a pool that can't be given a network. A future httpx2 that keeps its pool elsewhere
        # finds none and fails; it can't connect unguarded.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=30.0,
            network_backend=_Guarded(allow_private, resolve),
        )


class _Guarded(httpcore2.NetworkBackend):
    def __init__(self, allow_private: bool, resolve: Resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._network = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout = httpcore2.ConnectError(f"{host} has no address")
        for address in resolve_and_check(host, port, self._allow_private, self._resolve):
            try:
                return _Bounded(self._network.connect_tcp(address, port, _left(timeout, httpcore2.ConnectTimeout), local_address, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as wrong:
                failure = wrong
        raise failure


class _Bounded(httpcore2.NetworkStream):
    """A stream whose every wait ends with the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore2.TimeoutException]) -> float | None:
    ends = _ends.get()
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise error("the deadline of the call has passed")
    return left if timeout is None else min(left, timeout)
