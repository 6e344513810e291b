"""The client's own part: what the service's answers become, and where it looks for the service."""

from __future__ import annotations

import pytest

from runners.client import HttpDispatcher
from runners.memory import MemoryService
from runners.protocol import Lease, Outcome, Refused, Rejected, Result, Unreachable
from tests.runners.playing import INFO, job
from tests.runners.wire import TOKEN, wire
from tests.support.loopback import Handler, Server


def answering(status: int, content: bytes = b""):
    """A server that always says this."""

    class Always(Handler):
        def respond(self) -> None:
            with self.body():
                self.answer(status, (), content)

    server = Server(Always)
    server.start()
    return server


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (401, b"", Refused),
        (403, b"", Refused),
        (404, b"", Rejected),
        (413, b'{"detail": "too large"}', Rejected),
        (429, b"", Unreachable),
        (500, b"<html>", Unreachable),
        (502, b"", Unreachable),
        (200, b"<html>", Unreachable),
        (200, b'{"no": "job"}', Rejected),
    ],
)
def test_each_answer_has_its_meaning(status, content, problem):
    server = answering(status, content)
    client = HttpDispatcher(server.url)
    with pytest.raises(problem):
        client.claim(INFO, 0)
    client.close()
    server.stop()


def test_a_wrong_token_is_refused():
    with wire(MemoryService()) as server:
        client = HttpDispatcher(server.url, "wrong")
        with pytest.raises(Refused, match="token"):
            client.claim(INFO, 0)
        client.close()


def test_a_service_that_is_not_there_is_unreachable():
    client = HttpDispatcher("http://127.0.0.1:1")
    with pytest.raises(Unreachable):
        client.finish(Lease("a", 1, 1), Outcome(Result.SUCCESS))
    client.close()


def test_a_service_that_came_back_elsewhere_is_found():
    service = MemoryService()
    addresses: list[str] = []
    client = HttpDispatcher(lambda: addresses[-1], TOKEN)
    for name in ("one", "two"):
        with wire(service) as server:
            addresses.append(server.url)
            service.offer(job(name, "true"))
            found = client.claim(INFO, 1.0)
            assert found
            assert found.lease.task_run == name
    with pytest.raises(Unreachable):
        client.claim(INFO, 0)
    client.close()
