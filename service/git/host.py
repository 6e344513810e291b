"""The embedded Git host: smart HTTP over `git upload-pack` and `git receive-pack`.

Independent of the web framework: async iterators of bytes in and out, and `exchange`, which speaks ASGI itself because
whoever streams both ways must be the only one to call `receive`. Bytes flow in both directions at once and wait for each
other (a slow reader slows `git` down). Who may read or push is decided above.

A client that goes away ends its `git` at once, with one exception: a push whose last byte has arrived is carried to its
end, so that a ref never moves without its post-receive hook.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import Malformed, NotFound, TooLarge, Unavailable
from service.git import layout

SERVICES = ("git-upload-pack", "git-receive-pack")
CHUNK = 64 * 1024
#: The wants and haves of one fetch, unpacked.
LARGEST_FETCH_REQUEST = 64 * 1024 * 1024
#: What a push may have besides its pack.
COMMANDS = 16 * 1024 * 1024

_PROTOCOL = re.compile(r"[a-z0-9=:._-]{1,64}")
_LOG = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """Nobody reads the answer any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, and how long, in seconds: for a turn, for one exchange, without any byte moving."""

    at_once: int = 8
    turn: float = 30.0
    whole: float = 3600.0
    silence: float = 600.0
    push: int = layout.LARGEST_PUSH


class Host:
    """Serves bare repositories under one root. Use it from one event loop."""

    def __init__(self, root: Path, hook_socket: Callable[[], Path | None] = lambda: None, limits: Limits | None = None) -> None:
        self._hooks = root.resolve() / layout.HOOKS
        self._socket = hook_socket
        self._limits = limits or Limits()
        self._turns = asyncio.Semaphore(self._limits.at_once)

    async def advertise(self, path: Path, service: str, protocol: str = "") -> AsyncGenerator[bytes, None]:
        """The answer to `GET …/info/refs?service=…`. Raises Malformed, NotFound, Unavailable before the first byte."""
        async with self._program(path, service, ["--stateless-rpc", "--advertise-refs"], {}, protocol) as process:
            process.stdin.write_eof()
            first = await process.read()
            if not first:
                raise Unavailable(f"The repository can't be read now: git says {process.said()!r}.")
            # With protocol 2 a fetch opens with the capabilities and no banner; a push has no protocol 2.
            if service != "git-upload-pack" or "version=2" not in _spoken(protocol).split(":"):
                yield _packet(f"# service={service}\n") + b"0000"
            yield first
            while chunk := await process.read():
                yield chunk

    async def rpc(
        self, path: Path, service: str, body: AsyncIterator[bytes], gzip: bool = False, env: Mapping[str, str] | None = None, protocol: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """The answer to `POST …/git-upload-pack` or `…/git-receive-pack`. Raises Malformed, NotFound, Unavailable, TooLarge.

        `env` reaches the hooks. Whatever `body` raises ends the exchange and comes out here.
        """
        async with self._program(path, service, ["--stateless-rpc"], env or {}, protocol) as process:
            largest = self._limits.push + COMMANDS if service == "git-receive-pack" else LARGEST_FETCH_REQUEST
            feeding = asyncio.create_task(process.feed(_unpacked(body) if gzip else body, largest))
            try:
                while chunk := await process.read():
                    yield chunk
                await asyncio.wait({feeding}, timeout=self._limits.silence)
                if feeding.done():
                    feeding.result()
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    async def exchange(
        self, receive: Receive, send: Send, path: Path, service: str, *, gzip: bool = False, env: Mapping[str, str] | None = None, protocol: str = ""
    ) -> None:
        """One whole POST in ASGI. A ServiceError comes out before anything was sent; later faults cut the connection."""
        body = _Body(receive)
        pump = asyncio.create_task(_pump(send, self.rpc(path, service, aiter(body), gzip, env, protocol), f"application/x-{service}-result"))
        gone = asyncio.create_task(body.gone())
        try:
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
            if service == "git-upload-pack":
                pump.cancel()  # of no effect when it has ended
            await asyncio.wait({pump})
            fault = None if pump.cancelled() else pump.exception()
            if fault is not None and not isinstance(fault, ClientGone):
                raise fault
        finally:
            pump.cancel()
            gone.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)

    async def announce(self, send: Send, path: Path, service: str, protocol: str = "") -> None:
        """One whole GET of `info/refs` in ASGI."""
        await _pump(send, self.advertise(path, service, protocol), f"application/x-{service}-advertisement")

    @asynccontextmanager
    async def _program(self, path: Path, service: str, arguments: list[str], env: Mapping[str, str], protocol: str) -> AsyncIterator[_Program]:
        """One `git`, from its turn to its end, however the block is left."""
        if service not in SERVICES:
            raise Malformed("Only git-upload-pack and git-receive-pack are served.")
        if not (path / "HEAD").is_file():
            raise NotFound("There is no such repository.")
        more = dict(env)
        if _spoken(protocol):
            more["GIT_PROTOCOL"] = protocol
        hook_socket = self._socket()
        if hook_socket is not None:
            more["HEADGATE_HOOK_SOCKET"] = str(hook_socket)
        async with self._turn():
            layout.configure(path, self._hooks, self._limits.push)
            process = await _started([service.removeprefix("git-"), *arguments, str(path)], layout.environment(**more), self._limits)
            try:
                yield process
            finally:
                await process.end()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            await asyncio.wait_for(self._turns.acquire(), self._limits.turn)
        except TimeoutError as fault:
            raise Unavailable("Too many clones and pushes at once; try again.") from fault
        try:
            yield
        finally:
            self._turns.release()


class _Program:
    """A running `git`, leader of its own process group: its hooks and helpers end with it."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin = process.stdin
        self._stdout = process.stdout
        self._process = process
        self._limits = limits
        self._until = time.monotonic() + limits.whole
        self._moved = time.monotonic()
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen(process.stderr))

    async def read(self) -> bytes:
        """The next bytes of the answer, none at its end. Raises Unavailable when nothing moves, either way, for too long."""
        waiting = asyncio.ensure_future(self._stdout.read(CHUNK))
        try:
            while True:
                now = time.monotonic()
                left = min(self._until, self._moved + self._limits.silence) - now
                done, _ = await asyncio.wait({waiting}, timeout=max(0.0, left))
                if done:
                    self._moved = time.monotonic()
                    return waiting.result()
                if time.monotonic() >= min(self._until, self._moved + self._limits.silence):
                    raise Unavailable("Git took too long and was ended.")
        finally:
            waiting.cancel()

    async def feed(self, body: AsyncIterator[bytes], largest: int) -> None:
        """Hands the request over. What `git` no longer wants is read and dropped: a client hears an answer only after its request."""
        size = 0
        wanted = True
        try:
            async for chunk in body:
                size += len(chunk)
                self._moved = time.monotonic()
                if size > largest:
                    raise TooLarge(f"A request of more than {largest} bytes.")
                wanted = wanted and await self._write(chunk)
            self.stdin.close()
        except (ClientGone, Malformed, TooLarge):
            self._signal(signal.SIGTERM)
            raise

    async def _write(self, chunk: bytes) -> bool:
        try:
            self.stdin.write(chunk)
            await self.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def said(self) -> str:
        """The end of what `git` wrote to its log."""
        return self._said.decode("utf-8", "replace").strip()[-500:]

    async def end(self) -> None:
        """Waits a moment for an exit that is due, else ends it: politely, so that it removes its lock files, then surely."""
        if not self._stdout.at_eof():
            self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        except asyncio.CancelledError:
            self._signal(signal.SIGKILL)
            raise
        finally:
            self._listening.cancel()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.stdin.close()
        if self._process.returncode not in (0, None) and self._said:
            _LOG.info("git ended with %s: %s", self._process.returncode, self.said())

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(4096):
            self._said += chunk
            del self._said[:-4096]


async def _started(arguments: list[str], env: dict[str, str], limits: Limits) -> _Program:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec("git", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=env, limit=CHUNK, start_new_session=True)
    except FileNotFoundError as fault:
        raise Unavailable("The git program is not installed here.") from fault
    return _Program(process, limits)


class _Body:
    """A request's body in ASGI, and then the news that the client has gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk
        self._ended.set()

    async def gone(self) -> None:
        """Returns when the client has gone after its last byte."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _unpacked(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gunzips in bounded steps, so that a small bomb can't fill the memory. Raises Malformed."""
    gunzip = zlib.decompressobj(wbits=31)
    async for chunk in body:
        rest = chunk
        while rest:
            try:
                data = gunzip.decompress(rest, CHUNK)
            except zlib.error as fault:
                raise Malformed("The body is not gzip.") from fault
            rest = gunzip.unconsumed_tail
            if data:
                yield data
    if not gunzip.eof:
        raise Malformed("The gzip body ends too early.")


async def _pump(send: Send, stream: AsyncGenerator[bytes, None], kind: str) -> None:
    """Sends a stream; the head goes out with its first bytes, so that an early fault can still become a status."""
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-cache, max-age=0, must-revalidate"), (b"x-content-type-options", b"nosniff")]
    async with aclosing(stream) as chunks:
        first = await anext(chunks, b"")
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _spoken(protocol: str) -> str:
    """The Git-Protocol header if it has the form that Git writes, else as if there were none."""
    return protocol if _PROTOCOL.fullmatch(protocol) else ""


def _packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()
