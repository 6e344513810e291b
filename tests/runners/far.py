"""A real HTTP server for HTTP tasks: it does by path what servers do, and remembers what it was asked."""

from __future__ import annotations

import gzip
import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runners.protocol import Egress, Job
from tests.runners import playing
from tests.support.loopback import Handler, Server

HTTP = "io.kestra.plugin.core.http."
HERE = Egress(private=True)
EVENTS = "text/event-stream"
SHORT = 5.0


class Far(Handler):
    """By path; everything after `?` is the answer's business."""

    server: Asked

    def respond(self) -> None:
        with self.body() as body:
            content = body.read()
        path, _, more = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, content))
        if self.path.startswith("http://"):  # as a proxy
            self.answer(200, [], f"by the proxy: {self.path}".encode())
            return
        answer = getattr(self, f"on_{path.strip('/').partition('/')[0]}", None)
        if answer is None:
            self.answer(200, [("Content-Type", "text/plain; charset=utf-8")], b"fine")
        else:
            answer(more, headers, content)

    def do_OPTIONS(self) -> None:
        self.do_GET()

    do_CONNECT = do_OPTIONS  # noqa: N815  (the parent looks for these names)

    def on_status(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(int(more), [("X-Two", "a"), ("x-two", "b")], b"" if more == "204" else b"so\nit is")

    def on_to(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        code, _, target = more.partition("&")
        self.answer(int(code), [("Location", target), ("Set-Cookie", "seen=1")], b"x" * 100_000)

    def on_digest(self, _more: str, headers: Mapping[str, str], _content: bytes) -> None:
        given = dict(part.strip().replace('"', "").split("=", 1) for part in headers.get("authorization", "").removeprefix("Digest ").split(",") if "=" in part)
        first = hashlib.md5(f"ann:here:{self.server.password}".encode()).hexdigest()  # noqa: S324  (what the method is made of)
        second = hashlib.md5(f"{self.command}:{self.path}".encode()).hexdigest()  # noqa: S324
        wanted = hashlib.md5(f"{first}:n1:{given.get('nc')}:{given.get('cnonce')}:auth:{second}".encode()).hexdigest()  # noqa: S324
        if given.get("response") == wanted:
            self.answer(200, [], b"come in")
        else:
            self.answer(401, [("WWW-Authenticate", 'Digest realm="here", nonce="n1", qop="auth"')], b"x" * 100_000)

    def on_latin(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(200, [("Content-Type", more)] if more else [], "é".encode("latin-1"))

    def on_packed(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        packed = {"fine": gzip.compress(b"unpacked" * 50_000), "bomb": gzip.compress(bytes(50_000_000)), "cut": gzip.compress(b"unpacked" * 5_000)[:-20]}
        self.answer(200, [("Content-Encoding", "br" if more == "br" else "gzip")], packed.get(more, b"odd"))

    def on_lost(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(404, [], b"lost " * int(more))

    def on_large(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(200, [], b"x" * int(more))

    def on_named(self, more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(200, [("Content-Disposition", self.server.disposition)] if self.server.disposition else [], b"content")

    def on_cut(self, _more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def on_hang(self, _more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.server.reached.set()
        self.hang(60)

    def on_reset(self, _more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.reset()

    def on_events(self, _more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.answer(200, [("Content-Type", f"{EVENTS}; charset=utf-8")], self.server.events)

    def on_open(self, _more: str, _headers: Mapping[str, str], _content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", EVENTS)
        self.end_headers()
        self.wfile.write(b"data: one\n\n")
        self.wfile.flush()
        self.server.reached.set()
        self.hang(60)


class Asked(Server):
    """What it was asked: method, path, headers in lower case, body."""

    def __init__(self) -> None:
        super().__init__(Far)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.password = "s3cr3t-word"
        self.disposition = ""
        self.events = b""
        self.reached = type(self.stopping)()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


def with_tls(server: Asked, folder: Path) -> str:
    """Has the server speak TLS with a certificate of its own making; its address."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(datetime.now(UTC) + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    hidden = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(pem + hidden)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return f"https://127.0.0.1:{server.port}"


def job(type: str, uri: str, **spec: Any) -> Job:
    """A job of an HTTP task that may reach this machine, unless `egress` says something else."""
    egress = spec.pop("egress", HERE)
    more = {name: spec.pop(name) for name in ("masks", "timeout") if name in spec}
    return playing.job("one", type=f"{HTTP}{type}", spec={"uri": uri, **spec}, egress=egress, **more)
