"""How others of our kind have lost work, or done it twice: each way is tried here."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runners.crashpoints import VARIABLE
from runners.protocol import Job, Outcome, Result
from service.git.helper import Helper
from tests.chaos.nursery import Nursery
from tests.chaos.test_runner_points import SHELL, YAML, Agents, nursery, service
from tests.e2e.service import ENDED, Service
from tests.e2e.texts import flow
from tests.support.station import RUNNER, Station, helper

__all__ = ["helper", "nursery", "service"]

pytestmark = [pytest.mark.xdist_group("runner-points")]
CYCLES = 15


def begun(service: Service, id: str, tasks: str) -> str:
    service.ask("POST", "/flows", content=flow(id, "losses", tasks), headers=YAML)
    return service.execute("losses", id)["id"]


def attempts(service: Service, id: str) -> list[list[str]]:
    return [[tried["state"]["current"] for tried in run["attempts"]] for run in service.execution(id)["taskRunList"]]


def background(agents: Agents, ids: list[str], wanted: dict[str, int]) -> threading.Thread:
    thread = threading.Thread(target=agents.work, args=(ids, wanted), daemon=True)
    thread.start()
    return thread


def test_a_task_between_claimed_and_handed_over_runs_when_the_lease_has_ended(tmp_path: Path):
    with Service(tmp_path / "data", HEADGATE_LEASE="3", **{VARIABLE: "dispatch.leased"}) as service:
        id = begun(service, "claimed", f"- {{id: a, {SHELL}, script: 'echo a >> {tmp_path}/ran'}}\n")
        assert service.process is not None
        service.process.wait(20)
        service._settings.pop(VARIABLE)
        service.start()
        restarted = time.monotonic()
        assert service.ended(id, 20)["state"]["current"] == "SUCCESS"
        assert time.monotonic() - restarted < 3 * 3
        assert (tmp_path / "ran").read_text() == "a\n"


def test_the_task_of_a_killed_execution_is_never_sent_again(service: Service, nursery: Nursery, tmp_path: Path):
    agents = Agents(service, nursery, tmp_path)
    id = begun(service, "killed", f"- {{id: a, {SHELL}, script: 'echo a >> {agents.marks}/ran; sleep 300'}}\n")
    # The agent dies with the program on its hands, and comes back only after three leases.
    first = threading.Thread(target=agents.live, args=({"agent.beaten": 2},), daemon=True)
    first.start()
    first.join(20)
    assert agents.died() == ["agent.beaten"]
    service.ask("DELETE", f"/executions/{id}/kill", 202)
    time.sleep(3 * 3)
    assert (service.execution(id)["state"]["current"], attempts(service, id)) == ("KILLED", [["KILLED"]])
    agents.work([id], {})
    assert service.jobs() == set()
    assert (agents.marks / "ran").read_text() == "a\n"
    assert attempts(service, id) == [["KILLED"]]


@pytest.mark.parametrize(("point", "number"), [("agent.before_finish", 2), ("agent.finished", 1)])
def test_a_finished_task_is_not_begun_again_because_its_runner_died(service: Service, nursery: Nursery, tmp_path: Path, point: str, number: int):
    """Again and again: a death before, or just after, each acknowledgement."""
    agents = Agents(service, nursery, tmp_path)
    each = f"- {{id: one, {SHELL}, script: 'echo {{{{ taskrun.value }}}} >> {agents.marks}/ran'}}"
    tasks = f"- id: each\n  type: io.kestra.plugin.core.flow.ForEach\n  values: {list(range(CYCLES))}\n  tasks:\n    {each}\n"
    id = begun(service, f"finished{number}", tasks)
    agents.again, agents.slots = True, 1
    agents.work([id], {point: number})
    assert len(agents.died()) >= CYCLES - 1
    assert (agents.marks / "ran").read_text().split() == [str(number) for number in range(CYCLES)]
    assert attempts(service, id) == [["SUCCESS"]] * (CYCLES + 1)
    assert list((agents.base / "jobs").iterdir()) == []


def test_a_task_that_fails_while_its_runner_drains_has_failed(service: Service, nursery: Nursery, tmp_path: Path):
    agents = Agents(service, nursery, tmp_path)
    agents.drain = 10.0
    id = begun(
        service,
        "drained",
        f"- {{id: a, {SHELL}, script: 'touch {agents.marks}/leave; until [ -e {agents.marks}/left ]; do sleep 0.02; done; sleep 0.3; exit 1'}}\n",
    )
    assert agents.live({}) == 0
    ended = service.ended(id, 5)
    assert (ended["state"]["current"], attempts(service, id)) == ("FAILED", [["FAILED"]])
    assert ended["taskRunList"][0]["outputs"]["exitCode"] == 1


def test_queued_tasks_come_through_redeployments_each_once(tmp_path: Path, helper: Helper):
    """500 of them; at each redeployment of the service the runner has some in its hands."""
    station = Station(tmp_path / "data", helper)
    one = "{id: one, type: io.kestra.plugin.scripts.shell.Commands, commands: ['{{ taskrun.value }}']}"
    id = station.flow(
        f"  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n    values: {list(range(500))}\n    concurrencyLimit: 0\n    tasks: [{one}]\n"
    )
    done: list[int] = []
    redeployments = 0
    while station.state(id) not in ENDED:
        station.tick()
        held: list[Job] = []
        while len(held) < 10 and (job := station.dispatch.try_claim(RUNNER)) is not None:
            held.append(job)
        if len(done) >= 100 * redeployments + 50:
            redeployments += 1
            station.close()
            station = Station(tmp_path / "data", helper)
            held = [station.dispatch.adopt(RUNNER.id, job.lease).job for job in held]
        for job in held:
            done.append(int(job.spec["commands"][0]))
            station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    assert (station.state(id), redeployments, sorted(done)) == ("SUCCESS", 5, list(range(500)))
    station.close()
