"""The service on one folder without its threads: a test pushes, ticks the loops by hand, and looks at what is stored."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from runners.masking import Masker
from runners.protocol import Egress, RunnerInfo
from service.actions import deliveries, executions, repositories, serving
from service.actions.deliveries import HOST, Head, Reconciler
from service.actions.dispatch import Dispatch
from service.actions.kit import Kit
from service.actions.reading import FlowReader
from service.actions.repositories import NewRepository
from service.app import catalogue
from service.egress import Web
from service.engine.execution import TaskRun
from service.expressions import Expressions
from service.git.helper import Helper
from service.git.repository import Git
from service.jq.programs import Programs
from service.loops.executor import Executor
from service.secrets import hidden
from service.secrets.cipher import Cipher
from service.secrets.environment import EnvironmentSecrets
from service.settings import Settings
from service.storage.local import LocalStorage
from service.store import commits, flows, logs, schema, statuses, task_runs
from service.store import deliveries as inbox
from service.store import executions as rows
from service.store import repositories as stored
from service.store import settings as facts
from service.store.codec import new_id
from service.store.commits import Commit
from service.store.database import Database
from service.store.flows import Flow, Identity
from service.store.repositories import MAIN as ENVIRONMENT
from service.store.repositories import Repository
from tests.support.commits import MAIN, Commits
from tests.support.outside import Outside

_FAR = 1e12  #: a time that comes after every other: what is put off has not been dealt with
RUNNER = RunnerInfo("runner-1", "host-1", "1.0", base="/var/lib/runner")
RUNNER_TOKEN, ADMIN_TOKEN = "hg_runner_of_the_tests", "hg_admin_of_the_tests"
_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@cache
def _empty_database() -> Path:
    """A database of the newest schema, made once for all tests of this process."""
    folder = tempfile.TemporaryDirectory(prefix="headgate-tests-")
    atexit.register(folder.cleanup)
    schema.upgrade(Path(folder.name) / "headgate.db")
    return Path(folder.name) / "headgate.db"


class Clock:
    """The time of a test: stands still until moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def forward(self, **length: float) -> datetime:
        """Moves on, and says what time it is."""
        self.now += timedelta(**length)
        return self.now


class Station:
    """One service's parts. `close` gives the database back; a second station on the folder is the service after a restart."""

    def __init__(self, folder: Path, helper: Helper, environ: Mapping[str, str] | None = None, egress: Egress | None = None, **settings: Any) -> None:
        self.folder, self.helper, self.clock = folder, helper, Clock()
        self.followed = False  #: whether a loop deals with pushes
        self.trespasses: list[str] = []  #: what the writer should have had no part in
        path = folder / "headgate.db"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(_empty_database(), path)
        environ = environ or {}
        secrets = EnvironmentSecrets(environ)

        def outside(part: Any) -> Any:
            return Outside(part, self.trespasses)

        self.jq = Programs()
        git = outside(Git(folder / "git", helper))
        self.kit = Kit(
            settings=replace(Settings(), **{"data": folder, **settings}),
            database=Database(path),
            git=git,
            trees=git,
            reader=outside(FlowReader(catalogue())),
            expressions=outside(Expressions()),
            secrets=outside(secrets),
            storage=outside(LocalStorage(folder / "storage")),
            cipher=Cipher.from_text([_KEY]),
            masker=Masker(part for value in secrets.values() for part in hidden(value)),
            web=outside(Web(egress or Egress(private=True))),
            url="http://127.0.0.1:8080",
            version="1.2.3",
            envs={"zone": "blue"},
            tokens=environ,
            jq=self.jq,
        )
        self.database, self.git = self.kit.database, self.kit.git
        self.dispatch, self.executor = Dispatch(self.kit), Executor(self.kit, clock=lambda: 0.0)
        self.database.write(lambda session: stored.open_environment(session, ENVIRONMENT, 0.0))

    def close(self) -> None:
        """Ends the writer, idle connections, and what templates started."""
        self.kit.web.close()
        self.database.close()
        self.jq.close()

    def allow(self) -> None:
        """Makes the two tokens known."""
        for kind, token in (("runner", RUNNER_TOKEN), ("admin", ADMIN_TOKEN)):
            self.database.write(partial(facts.add_token, kind=kind, token=token))

    # repositories and pushes

    def repository(self, name: str = "default", **wanted: Any) -> Repository:
        """A repository, made when it is first asked for."""
        with self.database.read() as session:
            found = stored.by_name(session, name)
        if found is not None:
            return found
        added = repositories.prepare(self.kit, NewRepository(name, **wanted))
        if not self.git.exists(name):
            self.git.create(name)
        self.database.write(lambda session: repositories.add(session, added))
        return added.repository

    def commits(self, name: str = "default") -> Commits:
        """Writes into a repository."""
        self.repository(name)
        return Commits(self.git.path(name))

    def push(self, changes: Mapping[str, Any], *, name: str = "default", ref: str = MAIN, message: str = "change", onto: str | None = None) -> str:
        """A commit on a ref, delivered and synced; gives its sha."""
        writer = self.commits(name)
        parent = onto or self.git.refs(name).get(ref)
        sha = writer.write(changes, *([parent] if parent else []), message=message)
        writer.move(ref, sha)
        self.tell(Head(ref, sha), name=name)
        self.sync(name)
        return sha

    def tell(self, *heads: Head, name: str = "default", source: str = HOST) -> None:
        """A delivery of the embedded host's."""
        repository, at = self.repository(name), self.clock.now.timestamp()
        self.database.write(lambda session: deliveries.tell(session, repository, source, new_id(), heads, at))

    def sync(self, name: str = "default") -> None:
        """Deals with the deliveries that wait, and with whatever else moved; where a loop does that, waits until it has. Two at once would be in each other's
        way, which no service is."""
        repository = self.repository(name)
        if not self.followed:
            Reconciler(self.kit, repository).run(self._undelivered(repository, self.clock.now.timestamp()), self.clock.now)
            return
        deadline = time.monotonic() + 30
        while self._undelivered(repository, _FAR):
            assert time.monotonic() < deadline, "the loop does not deal with the push"
            time.sleep(0.01)

    def _undelivered(self, repository: Repository, at: float) -> Sequence[inbox.Delivery]:
        with self.database.read() as session:
            return inbox.waiting(session, at, 500, repository.id)

    def live(self) -> dict[Identity, Flow]:
        """The flows that run."""
        with self.database.read() as session:
            return {(row.namespace, row.flow_id): row for row in flows.live(session, ENVIRONMENT)}

    def revisions(self, namespace: str, id: str) -> tuple[flows.Revision, ...]:
        """A flow's revisions, oldest first."""
        with self.database.read() as session:
            row = flows.get(session, ENVIRONMENT, (namespace, id))
            return flows.revisions(session, row.id) if row else ()

    def commit(self, sha: str, name: str = "default") -> Commit:
        """What became of a head."""
        with self.database.read() as session:
            found = commits.get(session, self.repository(name).id, sha)
        assert found is not None, f"{sha} was never told of"
        return found

    def statuses(self, sha: str, name: str = "default") -> dict[str, tuple[str, str]]:
        """A commit's contexts: state and description."""
        with self.database.read() as session:
            return {one.context: (one.state, one.description) for one in statuses.of(session, self.repository(name).id, sha)}

    # executions

    def start(self, namespace: str, id: str, inputs: Mapping[str, Any] | None = None, **order: Any) -> str:
        """Starts a live flow; gives the execution's id."""
        with self.database.read() as session:
            wanted = executions.Order(ENVIRONMENT, namespace, id, inputs or {}, {}, **order)
            prepared = executions.prepare(session, self.kit, wanted, self.clock.now)
        self.database.write(lambda session: executions.add(session, self.kit, prepared, self.clock.now))
        return prepared.execution.id

    def flow(self, tasks: str, *, id: str = "f", head: str = "") -> str:
        """Pushes a flow of namespace `t` with these tasks and starts it; gives the execution's id."""
        self.push({f".flows/{id}.yml": f"id: {id}\nnamespace: t\n{head}tasks:\n{tasks}"})
        return self.start("t", id)

    def tick(self) -> None:
        """Lets the executor hear everything that waits now."""
        for _ in range(1000):
            if self.executor.tick(self.clock.now) > 0:
                return
        raise AssertionError("the executor never comes to rest")

    def serve(self) -> None:
        """Does the server tasks that wait now, and lets the executor hear of it."""
        self.tick()
        while (job := self.database.write(serving.claim)) is not None:
            serving.serve(self.kit, job, Event())
            self.tick()

    def execution(self, id: str) -> rows.Row:
        """An execution's row."""
        with self.database.read() as session:
            found = rows.get(session, id)
        assert found is not None
        return found

    def state(self, id: str) -> str:
        """Where an execution stands."""
        return self.execution(id).execution.state.value

    def runs(self, id: str) -> dict[str, TaskRun]:
        """Its task runs by task, the last of each."""
        with self.database.read() as session:
            return {run.node: run for run in task_runs.runs(session, id)}

    def states(self, id: str) -> dict[str, str]:
        """Where its tasks stand, in the order in which they were started."""
        return {task: run.state.value for task, run in self.runs(id).items()}

    def log(self, id: str, level: str = "TRACE") -> list[str]:
        """The messages of its log."""
        with self.database.read() as session:
            return [entry.line.message for entry in logs.read(session, id, level=level)]

    def every(self) -> list[rows.Row]:
        """All executions, oldest first."""
        with self.database.read() as session:
            found, _ = rows.search(session, rows.Filter(ENVIRONMENT, kind=None), limit=1000, offset=0, oldest_first=True)
        return list(found)


@contextmanager
def station_at(folder: Path, helper: Helper, **options: Any) -> Iterator[Station]:
    """A station for a while."""
    station = Station(folder, helper, **options)
    try:
        yield station
    finally:
        station.close()
    assert not station.trespasses, "the writer had to wait for these"


@pytest.fixture(scope="session")
def helper() -> Iterator[Helper]:
    """One Git helper for all tests of this process."""
    helper = Helper()
    yield helper
    helper.close()


@pytest.fixture
def station(tmp_path: Path, helper: Helper) -> Iterator[Station]:
    """The service on a fresh folder."""
    with station_at(tmp_path / "data", helper) as station:
        yield station
