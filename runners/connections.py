"""HTTP over checked addresses only, past no deadline, and for no job that is being stopped.

The name is resolved and checked by us and the connection goes to that very address, so a name that changes its meaning between
the check and the connection changes nothing. TLS still verifies the name. HTTP's own time-outs bound each read; `bounded` bounds a
whole call, so that an answer which comes a byte at a time ends too. Only the system's resolver has its own time-out.

Every wait is on a socket that does not block, in short turns: between them whoever called is asked whether the call still makes sense.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpcore2
import httpx2

T = TypeVar("T")

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

#: Gives the addresses of a host and port that may be connected to. What it raises is what the call raises.
Addresses = Callable[[str, int], Sequence[str]]

_TURN = 0.2  #: seconds of one wait: so soon it is noticed that a call makes no sense any more
_GZIP, _WITH_HEADER = ("gzip", "x-gzip"), 31


@dataclass(frozen=True, slots=True)
class _Bounds:
    ends: float = math.inf
    check: Callable[[], None] = lambda: None


_bounds: ContextVar[_Bounds] = ContextVar("bounds")
_NONE = _Bounds()


@contextlib.contextmanager
def bounded(seconds: float = math.inf, check: Callable[[], None] = _NONE.check) -> Iterator[None]:
    """Calls made inside end within so many seconds, with httpx2's time-out errors; `check` is asked while they wait, and what it raises ends them."""
    before = _bounds.set(_Bounds(time.monotonic() + seconds, check))
    try:
        yield
    finally:
        _bounds.reset(before)


class Unpackable(Exception):
    """An answer that is packed in a way that is not known, or not as it says."""


class TooMany(Exception):
    """An answer that is larger than what is taken of it."""


class GuardedTransport(httpx2.HTTPTransport):
    """httpx2's transport over a connection pool of ours, which connects to `addresses` alone: those of `proxy` where there is one."""

    def __init__(self, addresses: Addresses, verified: ssl.SSLContext | None = None, proxy: httpx2.Proxy | None = None) -> None:
        # Instead of the parent's: it builds a pool that can't be given a network. A future httpx2 that keeps its pool elsewhere
        # finds none and fails; it can't connect unguarded.
        common: dict[str, Any] = {
            "ssl_context": verified or httpx2.create_ssl_context(),
            "max_connections": 20,
            "max_keepalive_connections": 5,
            "keepalive_expiry": 30.0,
            "network_backend": _Guarded(addresses),
        }
        if proxy is None:
            self._pool = httpcore2.ConnectionPool(**common)
        else:
            self._pool = httpcore2.HTTPProxy(str(proxy.url), proxy_auth=proxy.raw_auth, **common)


def follow(client: httpx2.Client, request: httpx2.Request, most: int | None, auth: httpx2.Auth | None = None) -> httpx2.Response:
    """The last of the answers that redirect to each other, with its body unread; of those before nothing but the head is read. `most` redirects are followed,
    or none of them where it is None; `auth` is for the first host alone. Raises TooManyRedirects."""
    first = _origin(request.url)
    for _ in range((most or 0) + 1):
        response = _answered(client, request, auth if _origin(request.url) == first else None)
        if most is None or response.next_request is None:
            return response
        response.close()
        request = response.next_request
    raise httpx2.TooManyRedirects("too many redirects", request=request)


def _answered(client: httpx2.Client, request: httpx2.Request, auth: httpx2.Auth | None) -> httpx2.Response:
    """The client itself would read the whole body of an answer that asks for a login."""
    login = (auth or httpx2.Auth()).auth_flow(request)
    request = next(login)
    while True:
        response = client.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            request = login.send(response)
        except StopIteration:
            return response
        response.close()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def unpacked(response: httpx2.Response, most: int) -> Iterator[bytes]:
    """The body as it comes, without its encoding, in pieces of some size. A page of a few kilobytes can unpack to gigabytes: never more is unpacked than is
    taken. Raises TooMany past `most` bytes, and Unpackable."""
    packed, taken = response.headers.get("content-encoding", "").strip().lower(), 0
    if packed not in ("", "identity", *_GZIP):
        raise Unpackable(f"{response.url.host} answers in the encoding `{packed[:40]}`, which it was not asked for")
    for piece in response.iter_raw() if packed not in _GZIP else _inflated(response.iter_raw(), response.url.host):
        taken += len(piece)
        if taken > most:
            raise TooMany(f"the answer of {response.url.host} is larger than {most:,} bytes")
        yield piece


def _inflated(pieces: Iterable[bytes], host: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_WITH_HEADER)
    begun = False
    try:
        for piece in pieces:
            begun = begun or bool(piece)
            while piece:
                yield inflater.decompress(piece, 1 << 16)
                piece = inflater.unconsumed_tail  # noqa: PLW2901 - the same piece, what is left of it
    except zlib.error:
        raise Unpackable(f"the answer of {host} can't be unpacked") from None
    if begun and not inflater.eof:
        raise Unpackable(f"the answer of {host} can't be unpacked: it ends too early")


class _Guarded(httpcore2.NetworkBackend):
    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                return _connected(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as wrong:
                failure = wrong
        raise failure


def _connected(address: str, port: int, timeout: float | None) -> _Stream:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = made.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            _Wait(timeout, httpcore2.ConnectTimeout).turn(made, select.POLLOUT)
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise httpcore2.ConnectError(os.strerror(code)) from OSError(code, os.strerror(code))
    except BaseException:
        made.close()
        raise
    return _Stream(made)


class _Wait:
    """So long one step of a call may wait. Raises `late`, and what the caller's check raises."""

    def __init__(self, timeout: float | None, late: type[httpcore2.TimeoutException]) -> None:
        self._bounds, self._late = _bounds.get(_NONE), late
        self._ends = min(self._bounds.ends, math.inf if timeout is None else time.monotonic() + timeout)
        self._look()

    def turn(self, waiting: socket.socket, event: int) -> None:
        """Returns once the socket can go on."""
        poll = select.poll()
        poll.register(waiting, event)
        while not poll.poll(max(0.0, min(_TURN, self._ends - time.monotonic())) * 1000):
            self._look()

    def _look(self) -> None:
        self._bounds.check()
        if time.monotonic() >= self._ends:
            raise self._late("the deadline of the call has passed")


class _Stream(httpcore2.NetworkStream):
    """A connection that never blocks, with TLS or without."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _failing(httpcore2.ReadError):
            return self._patiently(partial(self._socket.recv, max_bytes), select.POLLIN, _Wait(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        with _failing(httpcore2.WriteError):
            while rest:
                sent = self._patiently(partial(self._socket.send, rest), select.POLLOUT, _Wait(timeout, httpcore2.WriteTimeout))
                rest = rest[sent:]

    def close(self) -> None:
        self._socket.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.NetworkStream:
        try:
            with _failing(httpcore2.ConnectError):
                self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname, do_handshake_on_connect=False)
                wrapped = self._socket
                self._patiently(wrapped.do_handshake, select.POLLIN, _Wait(timeout, httpcore2.ConnectTimeout))
        except BaseException:
            self.close()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "ssl_object":
                return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
            case "client_addr":
                return self._socket.getsockname()
            case "server_addr":
                return self._socket.getpeername()
            case "socket":
                return self._socket
            case "is_readable":
                return _is_readable(self._socket)
        return None

    def _patiently(self, step: Callable[[], T], event: int, wait: _Wait) -> T:
        while True:
            try:
                return step()
            except (BlockingIOError, InterruptedError):
                wait.turn(self._socket, event)
            except ssl.SSLWantReadError:
                wait.turn(self._socket, select.POLLIN)
            except ssl.SSLWantWriteError:
                wait.turn(self._socket, select.POLLOUT)


@contextlib.contextmanager
def _failing(error: type[httpcore2.NetworkError]) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as wrong:
        raise error(str(wrong)) from wrong


def _is_readable(connected: socket.socket) -> bool:
    """Of an idle connection: the other side has closed it, or said what nobody asked for."""
    if connected.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
