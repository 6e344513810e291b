"""A threaded HTTP/1.1 server on loopback whose handlers may also misbehave: hang, or reset the connection."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made, at a free port. `faults` collects what handlers raised."""

    daemon_threads = False

    def __init__(self, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.faults: list[BaseException] = []
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._loop = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="loopback", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        """Ends hanging answers and idle connections, and waits for every handler."""
        self.stopping.set()
        self.shutdown()
        for connection in tuple(self._open):
            _quietly_shut(connection)
        self.server_close()
        self._loop.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Kept for the test to look at, instead of printed."""


class Handler(BaseHTTPRequestHandler):
    """Reads bodies with a length or in chunks; answers in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def respond(self) -> None:
        """Answers one request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        try:
            self.respond()
        except ConnectionError:
            self.close_connection = True
        except BaseException as fault:
            self.server.faults.append(fault)
            self.close_connection = True
            raise

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815  (the parent looks for these names)

    def body(self) -> IO[bytes]:
        """The request's body, as a file at its beginning."""
        spool = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
        spool.writelines(self._chunks())
        spool.seek(0)
        return spool

    def answer(self, status: int, headers: Iterable[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        # One write: the head alone would wait for the other side's acknowledgement.
        self._headers_buffer.append(b"\r\n" + content)  # type: ignore[attr-defined]
        self.flush_headers()

    def hang(self, seconds: float) -> None:
        """Says nothing for so long, or until the server stops; then hangs up."""
        self.server.stopping.wait(seconds)
        self.close_connection = True

    def reset(self) -> None:
        """Ends the connection with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def _chunks(self) -> Iterable[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""


def _quietly_shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
