"""The service's side over HTTP, as the contract says it: a Dispatcher and Files behind the runners' routes."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from runners.memory import MemoryService
from runners.protocol import Gone, Lease, LogLine, Outcome, Rejected, RunnerInfo, Tree, Unreachable, decode, encode
from tests.support.loopback import Handler, Server

TOKEN = "token-of-the-runner"


class Wire(Server):
    """`service` answers; `tree` is what every job's tree is."""

    service: MemoryService
    tree: Tree | None = None


class _Handler(Handler):
    server: Wire

    def respond(self) -> None:
        with self.body() as body:
            content = body.read()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, (), b"")
        try:
            status, answer = self._answered(content)
        except Gone:
            status, answer = 409, b""
        except Unreachable:
            status, answer = 503, b""
        except Rejected as problem:
            status, answer = 404, json.dumps({"detail": str(problem)}).encode()
        return self.answer(status, (), answer)

    def _answered(self, content: bytes) -> tuple[int, bytes]:
        url = urlsplit(self.path)
        parts = url.path.removeprefix("/api/v1/runner/").split("/")
        if parts[0] == "jobs":
            return self._file(
                Lease(parts[1], int(parts[2]), int(parts[3])), parts[4], {name: values[0] for name, values in parse_qs(url.query).items()}, content
            )
        found = self._verb(parts[0], json.loads(content))
        return (204, b"") if found is None else (200, json.dumps(found).encode())

    def _verb(self, verb: str, body: Mapping[str, Any]) -> Any:
        service = self.server.service
        if verb == "claim":
            job = service.claim(decode(RunnerInfo, body["runner"]), body["wait"])
            return None if job is None else encode(job)
        if verb == "beat":
            return dict(service.beat(body["runner"], tuple(decode(Lease, lease) for lease in body["leases"]), body.get("wait", 0.0)))
        lease = decode(Lease, body["lease"])
        if verb == "adopt":
            return encode(service.adopt(body["runner"], lease))
        if verb == "log":
            return service.log(lease, tuple(decode(LogLine, line) for line in body["lines"]))
        if verb == "ready":
            return service.ready(lease)
        return service.finish(lease, decode(Outcome, body["outcome"]))

    def _file(self, lease: Lease, kind: str, query: Mapping[str, str], content: bytes) -> tuple[int, bytes]:
        service = self.server.service
        if kind == "tree":
            assert self.server.tree is not None
            return 200, b"".join(service.tree(lease, self.server.tree))
        if self.command == "PUT":
            return 200, json.dumps({"uri": service.put(lease, query["name"], io.BytesIO(content))}).encode()
        return 200, b"".join(service.get(lease, query["uri"]))


@contextlib.contextmanager
def wire(service: MemoryService, tree: Tree | None = None) -> Iterator[Wire]:
    """A server on loopback while the block runs."""
    server = Wire(_Handler)
    server.service, server.tree = service, tree
    server.start()
    try:
        yield server
    finally:
        server.stop()
