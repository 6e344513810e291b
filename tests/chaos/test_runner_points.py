"""Agents die at every crash point of theirs, one after the other, under real tasks of a real service: each program runs once, and all comes to what it
would have come to anyway."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners.backends.docker import DockerBackend
from runners.crashpoints import DIED, SAID
from runners.networks import HOLDS
from runners.workspace import Workspace
from tests.chaos.nursery import Nursery
from tests.chaos.points import names
from tests.e2e.service import Service
from tests.e2e.texts import flow, shell
from tests.runners.images import Images
from tests.support import daemon

pytestmark = [pytest.mark.xdist_group("runner-points")]

MINE = names("agent", "folder", "process", "work", "workspace")
YAML = {"content-type": "application/x-yaml"}
SHELL = "type: io.kestra.plugin.scripts.shell.Script, taskRunner: {type: io.kestra.plugin.core.runner.Process}"

#: Every way in which a runner is given something or gives something back. `MARKS` is a folder outside that outlives everything.
TASKS = f"""
- {{id: files, {SHELL}, inputFiles: {{in.txt: "given\\n"}}, outputFiles: ["*.out"], script: "echo files >> MARKS/ran; cat in.txt | tee a.out; echo b > b.out"}}
- {{id: more, {SHELL}, inputFiles: {{got.txt: "{{{{ outputs.files.outputFiles['a.out'] }}}}"}}, script: "echo more >> MARKS/ran; cat got.txt here.txt"}}
- id: together
  type: io.kestra.plugin.core.flow.WorkingDirectory
  cache: {{patterns: ["kept/**"]}}
  outputFiles: [said]
  tasks:
    - {{id: first, {SHELL}, script: "echo first >> MARKS/ran; mkdir -p kept; echo x >> kept/x; cat kept/x"}}
    - {{id: second, {SHELL}, script: "echo second >> MARKS/ran; wc -l < kept/x | tee said"}}
- {{id: long, {SHELL}, script: "echo long >> MARKS/ran; echo one; touch MARKS/leave; until [ -e MARKS/go ]; do sleep 0.03; done; echo two"}}
- {{id: late, {SHELL}, allowFailure: true, timeout: PT0.5S, script: "echo late >> MARKS/ran; echo begun; sleep 30"}}
"""
#: What is said of a job whose runner died with the answer to its claim in its hands.
_ABOUT_LOSS = re.compile(r"(Attempt \d+|The folder that its tasks share) is lost: runner .* has been silent")
_VOLATILE = re.compile(r"\b[0-9A-Za-z]{22}\b|/[^ ]*/runner/jobs/[^/]*|(?<=kestra:///chaos/)\w+|\d+(?= s ago)")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that has no agent of its own."""
    with Service(tmp_path_factory.mktemp("runner-points") / "data", HEADGATE_LEASE="6", HEADGATE_RUNNER="false") as service:
        hosted = service.hosted("default")
        hosted.tree.write("here.txt", "here\n")
        hosted.push_commit()
        yield service


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery("tests.chaos.agents")
    yield nursery
    nursery.close()


class Agents:
    """One after the other in one folder."""

    def __init__(self, service: Service, nursery: Nursery, folder: Path) -> None:
        self.service, self.nursery, self.marks, self.base = service, nursery, folder / "marks", folder / "runner"
        self.log = folder / "agents.log"
        self.marks.mkdir(parents=True)
        self.backend, self.drain, self.slots, self.again = "process", 0.1, 4, False

    def died(self) -> list[str]:
        """Where they died, in order."""
        text = self.log.read_text() if self.log.exists() else ""
        return [line.removeprefix(SAID).strip() for line in text.splitlines() if line.startswith(SAID)]

    def work(self, ids: list[str], wanted: dict[str, int]) -> None:
        """Agents live and die until these executions have ended; at each point once, or `again`."""
        over = threading.Thread(target=self._wait, args=(ids,), daemon=True)
        over.start()
        while True:
            code = self.live({name: number for name, number in wanted.items() if self.again or name not in self.died()})
            if code == 0 and (self.marks / "over").exists():
                break
        over.join()

    def live(self, wanted: dict[str, int]) -> int:
        """One agent, until its death or its end; the exit code."""
        data = self.service.data
        files = ["--server-file", str(data / "server.json"), "--token-file", str(data / "runner.token"), "--base", str(self.base)]
        argv = [*files, "--backend", self.backend, "--beat", "0.3", "--lease", "3", "--drain", str(self.drain), "--slots", str(self.slots), "--wait", "0.3"]
        crash = ",".join(f"{name}:{number}" for name, number in wanted.items())
        code, given = self.nursery.live(argv=argv, marks=str(self.marks), log=str(self.log), crash=crash)
        assert code == DIED or (code, given) == (0, 0), self.log.read_text()[-4000:]
        return code

    def _wait(self, ids: list[str]) -> None:
        try:
            for id in ids:
                self.service.ended(id, 60)
        finally:
            (self.marks / "over").touch()


def played(service: Service, nursery: Nursery, folder: Path, id: str, wanted: dict[str, int]) -> tuple[list[str], Any]:
    """Two executions of a flow, one after the other: where agents died under them, and what came of them."""
    agents = Agents(service, nursery, folder)
    text = flow(id, "chaos", TASKS.replace("MARKS", str(agents.marks)), "concurrency: {limit: 1}\n")
    service.ask("POST", "/flows", content=text, headers=YAML)
    ids = [service.execute("chaos", id)["id"] for _ in range(2)]
    agents.work(ids, wanted)
    assert [path for path in agents.base.rglob("*") if path.parent.name == "jobs" or path.name.startswith(".new-")] == []
    assert service.jobs() == set()
    assert "Traceback" not in service.log.read_text() + agents.log.read_text()
    return agents.died(), {"executions": [came(service, one) for one in ids], "ran": sorted((agents.marks / "ran").read_text().split())}


def came(service: Service, id: str) -> dict[str, Any]:
    found = service.execution(id)
    entries = [(entry.get("taskId"), _VOLATILE.sub("…", entry["message"])) for entry in service.get(f"/logs/{id}") if not _ABOUT_LOSS.search(entry["message"])]
    runs = {
        run["taskId"]: (
            run["state"]["current"],
            _VOLATILE.sub("…", str(run.get("outputs"))),
            [attempt["state"]["current"] for attempt in run["attempts"] if "has been silent" not in str(attempt.get("message"))],
        )
        for run in found["taskRunList"]
    }
    by_task = {task: [message for name, message in entries if name == task] for task in {name for name, _ in entries}}
    return {"state": [stamp["state"] for stamp in found["state"]["histories"]], "runs": runs, "lines": by_task}


@pytest.fixture(scope="module")
def undisturbed(service: Service, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Any:
    died, seen = played(service, nursery, tmp_path_factory.mktemp("calm"), "calm", {})
    assert died == []
    return seen


def test_the_tasks_come_through_everything(undisturbed: Any):
    first, second = undisturbed["executions"]
    assert first["lines"]["long"] == ["one", "two"]
    assert (first["lines"]["more"], first["lines"]["first"], second["lines"]["first"]) == (["given", "here"], ["x"], ["x", "x"])
    assert {run: came[0] for run, came in first["runs"].items()} == dict.fromkeys(("files", "more", "together", "first", "second", "long"), "SUCCESS") | {
        "late": "WARNING"
    }
    assert undisturbed["ran"] == sorted(["files", "more", "first", "second", "long", "late"] * 2)


@pytest.mark.parametrize("number", [1, 2])
def test_agents_die_at_each_point_and_all_comes_to_the_same(service: Service, nursery: Nursery, undisturbed: Any, tmp_path: Path, number: int):
    died, seen = played(service, nursery, tmp_path, f"hurt{number}", dict.fromkeys(MINE, number))
    for found, wanted in zip(seen["executions"], undisturbed["executions"], strict=True):
        for task, run in found["runs"].items():
            assert (task, run, found["lines"].get(task)) == (task, wanted["runs"][task], wanted["lines"].get(task)), f"after deaths at {died}"
    assert seen == undisturbed, f"after deaths at {died}"
    # Not every point is passed twice by one agent.
    assert sorted(died) == MINE if number == 1 else len(died) > 10


@pytest.mark.docker
def test_agents_die_at_each_point_of_a_container_and_it_runs_once(service: Service, nursery: Nursery, docker_images: Images, tmp_path: Path):
    agents = Agents(service, nursery, tmp_path)
    agents.backend = "docker"
    tasks = shell("box", "echo one | tee out", image=docker_images.plain, more="outputFiles: [out]")
    service.ask("POST", "/flows", content=flow("boxed", "chaos", tasks), headers=YAML)
    id = service.execute("chaos", "boxed")["id"]
    agents.work([id], dict.fromkeys(names("docker"), 1))
    assert sorted(agents.died()) == names("docker")
    assert (service.execution(id)["state"]["current"], service.lines(id)) == ("SUCCESS", ["one"])
    backend = DockerBackend(Workspace(agents.base).instance())
    assert backend.left() == ()
    backend.close()


@pytest.mark.docker
def test_agents_die_at_each_point_of_a_shared_network_and_nothing_of_it_stays(service: Service, nursery: Nursery, docker_images: Images, tmp_path: Path):
    agents = Agents(service, nursery, tmp_path)
    agents.backend = "docker"
    tasks = "".join(shell(f"box{number}", f"echo {number}", image=docker_images.plain) for number in range(5))
    service.ask("POST", "/flows", content=flow("networked", "chaos", tasks), headers=YAML)
    id = service.execute("chaos", "networked")["id"]
    agents.work([id], dict.fromkeys(names("network"), 1))
    assert sorted(agents.died()) == names("network")
    said = [line for line in service.lines(id) if not _ABOUT_LOSS.search(line)]
    assert (service.execution(id)["state"]["current"], said) == ("SUCCESS", ["0", "1", "2", "3", "4"])
    client = daemon.needed()
    left = client.containers(all=True, filters={"label": f"{HOLDS}={Workspace(agents.base).instance()}"})
    client.close()
    assert left == []
