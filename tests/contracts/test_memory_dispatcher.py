"""The in-memory service keeps the contract, directly and over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runners.client import HttpDispatcher, HttpFiles
from runners.memory import MemoryService
from runners.protocol import Dispatcher, Files, Gone, Lease, Outcome, Tree
from tests.contracts.dispatcher_suite import ME, Bench, DispatcherContract, a_job
from tests.runners.wire import TOKEN, wire

COMMIT = Tree("demo", "c" * 40)


class TestInMemory(DispatcherContract):
    tree = COMMIT

    def make(self) -> Bench:
        self.service = MemoryService()
        self.service.hold(COMMIT, {"a.txt": b"content"})
        return self.service, self.service, self.service.offer

    def share(self) -> tuple[Dispatcher, Files, Callable[[Lease], None]]:
        dispatcher, files, offer = self.make()
        self.service.offer(replace(a_job("group"), holds=True))
        return dispatcher, files, lambda lease: offer(replace(a_job("run1"), folder=lease))

    def logged(self, lease: Lease) -> list[tuple[int, str]]:
        return [(line.number, line.message) for line in self.service.lines(lease.task_run)]


class TestOverHttp(TestInMemory):
    @pytest.fixture(autouse=True)
    def _server(self):
        self.service = MemoryService()
        with wire(self.service, COMMIT) as server:
            self.clients = HttpDispatcher(server.url, TOKEN), HttpFiles(server.url, TOKEN)
            yield
            for client in self.clients:
                client.close()

    def make(self) -> Bench:
        self.service.hold(COMMIT, {"a.txt": b"content"})
        return *self.clients, self.service.offer


def test_an_expired_lease_is_gone_and_the_job_comes_under_a_new_epoch():
    service = MemoryService()
    service.offer(a_job("run1"))
    first = service.claim(ME, 0)
    assert first
    service.expire("run1")
    second = service.claim(ME, 0)
    assert second
    assert second.lease.epoch == first.lease.epoch + 1
    with pytest.raises(Gone):
        service.finish(first.lease, Outcome.failed("late"))
