"""The service keeps the contract of the runner protocol, directly and over HTTP, on a real flow in a real repository."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runners.client import HttpDispatcher, HttpFiles
from runners.protocol import Dispatcher, Files, Job, Lease, Tree
from service.git.helper import Helper
from service.store import jobs, logs
from tests.contracts.dispatcher_suite import Bench, DispatcherContract
from tests.support.serving import served
from tests.support.station import RUNNER_TOKEN, helper, station_at

__all__ = ["helper"]

_TASK = """
  - id: run{number}
    type: io.kestra.plugin.scripts.shell.Commands
    runIf: "{{{{ inputs.name == 'run{number}' }}}}"
    timeout: "{{{{ secret('HIDDEN') == '' ? 'PT1S' : 'PT5S' }}}}"
    commands: ["echo {{{{ task.id }}}}", é]
    failFast: true
    env: {{N: null}}
    inputFiles: {{a/b.txt: "ü", c: null}}
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
"""
_FLOW = "id: flow\nnamespace: team\ninputs: [{id: name, type: STRING}]\ntasks:" + "".join(_TASK.format(number=number) for number in range(7))

_SHARED = """
id: shared
namespace: team
tasks:
  - id: group
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks: [{id: run, type: io.kestra.plugin.scripts.shell.Commands, commands: [pwd]}]
"""


class TestDirectly(DispatcherContract):
    @pytest.fixture(autouse=True)
    def _station(self, tmp_path: Path, helper: Helper) -> Iterator[None]:
        environ = {"SECRET_HIDDEN": base64.b64encode(b"hidden-value").decode()}
        with station_at(tmp_path / "data", helper, environ=environ) as self.station:
            self.station.allow()
            sha = self.station.push({".flows/flow.yml": _FLOW, ".flows/shared.yml": _SHARED, "a.txt": "content"})
            self.tree = Tree("default", sha)
            with self.connected() as self.bench:
                yield

    @contextmanager
    def connected(self) -> Iterator[tuple[Dispatcher, Files]]:
        """What the suite talks to."""
        yield self.station.dispatch, self.station.dispatch

    def make(self) -> Bench:
        return *self.bench, self.offer

    def offer(self, job: Job) -> None:
        self.station.start("team", "flow", {"name": job.task})
        self.station.tick()

    def share(self) -> tuple[Dispatcher, Files, Callable[[Lease], None]]:
        self.station.start("team", "shared")
        self.station.tick()
        return *self.bench, lambda lease: self.station.tick()

    def logged(self, lease: Lease) -> list[tuple[int, str]]:
        with self.station.database.read() as session:
            held = jobs.get(session, lease.task_run, lease.attempt)
            assert held is not None
            return list(enumerate(entry.line.message for entry in logs.read(session, held.execution_id, task_run=lease.task_run)))


class TestOverHttp(TestDirectly):
    @contextmanager
    def connected(self) -> Iterator[tuple[Dispatcher, Files]]:
        with served(self.station) as url:
            dispatcher, files = HttpDispatcher(url, RUNNER_TOKEN), HttpFiles(url, RUNNER_TOKEN)
            yield dispatcher, files
            dispatcher.close()
            files.close()
