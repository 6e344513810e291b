"""The real service, started as a person would, dies at its crash points: at all of its start, at all that need a forge, and at some of every part."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runners.crashpoints import DIED, SAID, VARIABLE
from tests.chaos.points import names, points
from tests.chaos.test_points import ELSEWHERE, FAMILIES
from tests.chaos.test_runner_points import MINE as OF_RUNNERS
from tests.e2e.service import ENDED, SUCCESS, Service
from tests.e2e.test_github import wanted
from tests.e2e.texts import ON_PUSH, log, script
from tests.support.forge import Forge
from tests.support.repo import Repo

pytestmark = [pytest.mark.xdist_group("real-points")]

STARTS = names("start")
#: What a forge is needed for, and one or two of every other part.
WITH_A_FORGE = [
    *names("hooks"),
    *sorted(ELSEWHERE),
    *("writer.committed", "sync.applied", "executor.stored", "dispatch.finished", "storage.renamed", "reporter.sent", "edits.committed", "scheduler.fired"),
]


class Mortal(Service):
    """Dies at each of some points once, and is started again each time."""

    def __init__(self, data: Path, doomed: list[str], **environ: str) -> None:
        super().__init__(data, **environ)
        self.doomed = doomed

    def died(self) -> list[str]:
        """Where it died, its agents too."""
        texts = [path.read_text() for path in (self.log, self.data / "runner.log") if path.exists()]
        return [line.removeprefix(SAID).strip() for text in texts for line in text.splitlines() if line.startswith(SAID)]

    def environment(self) -> dict[str, str]:
        """With the points at which it has not died yet."""
        return super().environment() | {VARIABLE: ",".join(name for name in self.doomed if name not in self.died())}

    def start(self) -> Mortal:
        """Until it answers, however often it dies before."""
        self.port = self.port or 15_000 + hash(self.data) % 15_000
        for _ in range(len(self.doomed) + 1):
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment(), cwd=self.data.parent)
            if self._answers():
                self.client.base_url = httpx2.URL(self.url)
                return self
            assert self.process.poll() == DIED, self.tail()
        raise AssertionError(f"it does not start:\n{self.tail()}")

    def through(self, look: Callable[[], Any], what: str, seconds: float = 40.0) -> Any:
        """What `look` gives once it gives something true; the service is started again whenever it is found dead."""

        def tried() -> Any:
            assert self.process is not None
            if (code := self.process.poll()) is not None:
                assert code == DIED, self.tail()
                self.start()
            try:
                return look()
            except httpx2.TransportError:
                return None

        return self.until(tried, what, seconds)


def test_every_point_belongs_to_a_suite():
    """A new part has its deaths somewhere: in a life, under an agent, or here."""
    known = {*names(*FAMILIES), *OF_RUNNERS, *names("docker", "network"), *STARTS, *WITH_A_FORGE}
    assert [point for point in points() if point.name not in known] == []


def test_a_first_start_that_dies_at_each_point_is_made_good_by_the_next(tmp_path: Path):
    data = tmp_path / "data"
    with Mortal(data, STARTS) as service:
        service.through(lambda: len(service.died()) == len(STARTS), "its deaths")
        service.through(lambda: service.client.get("/healthz").status_code == 200 and service.agent(), "an agent")
        assert sorted({*service.died()}) == STARTS
        hosted = service.hosted("default")
        commit = hosted.send(a=script("a", "begun", "echo works", ON_PUSH))
        assert [run["state"] for run in commit["executions"]] == [SUCCESS]
        assert [one["name"] for one in service.get("/repositories")["results"]] == ["default"]
        kept = "git storage runner cache secret.key runner.token runner.log server.json lock headgate.db headgate.db-wal headgate.db-shm".split()
        assert {path.name for path in data.iterdir()} - {*kept} == set()
        assert "Traceback" not in service.log.read_text() + (data / "runner.log").read_text()


def test_the_first_agent_of_a_service_dies_and_the_next_one_goes_on(tmp_path: Path):
    with Mortal(tmp_path / "data", ["process.told"]) as service:
        commit = service.hosted("default").send(a=script("a", "begun", f"echo once >> {tmp_path}/marks; echo works", ON_PUSH))
        (run,) = commit["executions"]
        assert (run["state"], service.lines(run["id"]), service.died()) == (SUCCESS, ["works"], ["process.told"])
        assert (tmp_path / "marks").read_text() == "once\n"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path) as forge:
        yield forge


CLOCK = "triggers:\n  - {id: tick, type: io.kestra.plugin.core.trigger.Schedule, cron: '* * * * * *', withSeconds: true}\n"


def test_it_dies_while_it_works_for_a_forge_and_all_comes_to_what_it_should(forge: Forge, tmp_path: Path):
    marks = tmp_path / "marks"
    with Mortal(tmp_path / "data", [], FORGE_TOKEN=forge.token, HEADGATE_FETCH_INTERVAL="2", HEADGATE_LEASE="15") as service:
        url = forge.create("acme/shop")
        tree = Repo(tmp_path / "tree")
        tree.write("README", "x").commit("first of all")
        forge.push(tree, "acme/shop")
        added = service.ask("POST", "/repositories", 201, json=wanted(url, "shop"))
        service.commit("shop", tree.head)
        forge.add_hook("acme/shop", added["hook"]["url"], added["hook"]["secret"])
        service.stop()
        service.doomed = WITH_A_FORGE
        service.start()
        shas = []
        for round in range(3):
            tree.write(".flows/work.yml", script("work", "shop", f"echo {round} >> {marks}; echo {round} | tee made", ON_PUSH, more="outputFiles: [made]"))
            tree.write(".flows/say.yml", log("say", "shop", f"round {round}", ON_PUSH)).commit(f"round {round}")
            forge.push(tree, "acme/shop")
            shas.append(tree.head)
            done = service.through(lambda: settled(service, tree.head), f"round {round}")
            assert sorted((run["flow_id"], run["state"]) for run in done["executions"]) == [("say", SUCCESS), ("work", SUCCESS)]
        service.through(lambda: edited(service), "the edit")
        service.through(lambda: fired(service), "the schedule")
        assert sorted({*service.died()}) == sorted(WITH_A_FORGE)
        for sha in shas:
            service.through(partial(shown, forge, sha), f"the statuses of {sha[:12]}")
        # Once for each push, of which the edit is the last.
        service.through(lambda: marks.read_text().split() == ["0", "1", "2", "2"], "the end of the last one")


def settled(service: Service, sha: str) -> Any:
    answer = service.client.get(f"/api/v1/main/repositories/shop/commits/{sha}")
    found = answer.json() if answer.status_code == 200 else None
    over = found and found["state"] != "pending" and found["executions"] and all(run["state"] in ENDED for run in found["executions"])
    return found if over else None


def edited(service: Service) -> bool:
    """A flow saved through the API becomes a commit of the forge's; whoever hears nothing asks again."""
    if service.client.get("/api/v1/main/flows/shop/edited").status_code == 200:
        return True
    text = log("edited", "shop", "by API", CLOCK)
    return service.client.post("/api/v1/main/flows", content=text, headers={"content-type": "application/x-yaml"}).status_code == 200


def fired(service: Mortal) -> bool:
    """The schedule has fired, and everything that should die has died."""
    found = service.get("/executions/search", flowId="edited")["results"]
    return "scheduler.fired" in service.died() and any(one["state"]["current"] == SUCCESS for one in found)


def shown(forge: Forge, sha: str) -> bool:
    states = {name: status["state"] for name, status in forge.statuses(sha).items()}
    return states == dict.fromkeys(("headgate/flows", "headgate/runs", "headgate/shop.say", "headgate/shop.work"), "success")
