"""`kill -9` at any process, in the middle of running tasks: what was begun ends right, once, with its whole log, and nothing of it is left running."""

from __future__ import annotations

import random
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import FAILED, SUCCESS, Service
from tests.e2e.texts import ON_PUSH, flow, log, script, shell
from tests.support.repo import GIT_ENV, git

pytestmark = [pytest.mark.xdist_group("chaos")]

LINES = [f"line {number}" for number in range(1, 21)]
#: Two seconds of work that tells its steps; `{marks}` is a file outside that outlives everything.
WORK = "echo begin >> {marks}\nfor n in $(seq 1 20); do echo line $n; sleep 0.1; done\necho end >> {marks}"
ALREADY_RUNNING = 75


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("chaos") / "data", HEADGATE_LEASE="12") as service:
        yield service


@pytest.fixture
def service(shared: Service) -> Service:
    """One service for all tests; each finds it running."""
    return running(shared)


@pytest.fixture(scope="module")
def shared_brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("brief") / "data", HEADGATE_LEASE="3") as service:
        yield service


@pytest.fixture
def brief(shared_brief: Service) -> Service:
    """A service whose leases end soon."""
    return running(shared_brief)


def running(service: Service) -> Service:
    assert service.process is not None
    return service if service.process.poll() is None else service.start()


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def image(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "process" else request.getfixturevalue("docker_images").plain


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """Where a process leaves marks (containers can't)."""
    return tmp_path / "marks"


def marked(marks: Path) -> list[str]:
    return marks.read_text().split()


_names = iter(range(1_000_000))


def begun(service: Service, image: str | None, marks: Path, text: str = WORK, more: str = "") -> dict[str, Any]:
    """A flow whose first task is in the middle of its work; one more task follows."""
    place = "/tmp/marks" if image else str(marks)
    id = f"work{next(_names)}"
    tasks = shell("work", text.replace("{marks}", place), image=image, more=more) + "- id: after\n  type: io.kestra.plugin.core.log.Log\n  message: after\n"
    service.ask("POST", "/flows", content=flow(id, "chaos", tasks), headers={"content-type": "application/x-yaml"})
    execution = service.execute("chaos", id)
    service.logged(execution["id"], "line 4")
    return execution


def ended_once(service: Service, execution: dict[str, Any], attempts: int = 1) -> dict[str, Any]:
    """It has succeeded, with one run of each task, and its states came one after the other."""
    ended = service.ended(execution["id"], 40)
    states = [stamp["state"] for stamp in ended["state"]["histories"]]
    assert states == ["CREATED", "RUNNING", SUCCESS]
    runs = [(run["taskId"], run["state"]["current"], len(run["attempts"])) for run in ended["taskRunList"]]
    assert runs == [("work", SUCCESS, attempts), ("after", SUCCESS, 1)]
    return ended


def whole_log(service: Service, execution: dict[str, Any]) -> None:
    """Every line, once, in order."""
    assert service.lines(execution["id"]) == [*LINES, "after"]
    followed = [value["message"] for name, value in service.events(f"/logs/{execution['id']}/follow") if name == "progress"]
    assert followed == [*LINES, "after"]


def nothing_runs(service: Service) -> None:
    """No process, no container, and no folder of a job."""
    jobs = service.data / "runner" / "jobs"
    service.until(lambda: not service.jobs() and not service.containers() and not list(jobs.iterdir()), "the end of what a task ran", 10)


def test_the_whole_service_is_killed_and_the_task_goes_on(service: Service, image: str | None, marks: Path):
    execution = begun(service, image, marks)
    first = service.jobs()
    assert bool(service.kill() & first) is (image is None), "a program that runs as a process goes on without us"
    time.sleep(0.5)
    service.start()
    ended_once(service, execution)
    whole_log(service, execution)
    if image is None:
        assert marked(marks) == ["begin", "end"]
    nothing_runs(service)


def test_all_is_killed_and_the_task_is_done_again(service: Service, marks: Path):
    execution = begun(service, None, marks)
    first = service.jobs()
    assert service.kill(jobs=True) == set()
    assert not any(process.alive for process in first)
    service.start()
    ended = ended_once(service, execution, attempts=2)
    lost, done = ended["taskRunList"][0]["attempts"]
    assert (lost["state"]["current"], done["state"]["current"]) == (FAILED, SUCCESS)
    assert "vanished" in lost["message"]
    assert marked(marks) == ["begin", "begin", "end"]
    assert [line for line in service.lines(execution["id"]) if line.startswith("line")][-20:] == LINES
    nothing_runs(service)


def test_the_agent_alone_is_killed_and_another_one_goes_on(service: Service, image: str | None, marks: Path):
    execution = begun(service, image, marks)
    killed = service.kill_agent()
    ended_once(service, execution)
    whole_log(service, execution)
    assert service.agent() not in (None, killed)
    if image is None:
        assert marked(marks) == ["begin", "end"]
    nothing_runs(service)


def test_the_server_alone_is_killed_and_the_agent_goes_on(service: Service, image: str | None, marks: Path):
    execution = begun(service, image, marks)
    agent = service.agent()
    service.kill_server()
    time.sleep(0.5)
    service.start()
    ended_once(service, execution)
    whole_log(service, execution)
    assert service.agent() == agent
    if image is None:
        assert marked(marks) == ["begin", "end"]
    nothing_runs(service)
    assert service.stop() == 0
    service.assert_nothing_runs()


def test_a_task_that_ends_while_the_server_is_down_is_told_of_later(service: Service, marks: Path):
    execution = begun(service, None, marks)
    service.kill_server()
    service.until(lambda: marked(marks) == ["begin", "end"], "the end of the task")
    service.start()
    ended_once(service, execution)
    whole_log(service, execution)


def test_an_agent_without_a_server_for_a_lease_stops_its_tasks_and_ends(brief: Service, image: str | None, marks: Path):
    long = "echo begin >> {marks}\nfor n in 1 2 3 4; do echo line $n; done\n[ -e /tmp/again ] || sleep 300\n".replace("/tmp/again", f"{marks}.again")
    execution = begun(brief, image, marks, long, more="timeout: PT1M")
    brief.kill_server()
    brief.until(lambda: not brief.processes(), "the end of the agent and its jobs", 15)
    assert brief.containers(running=True) == []
    Path(f"{marks}.again").touch()
    brief.start()
    if image:
        brief.until(lambda: len(brief.execution(execution["id"])["taskRunList"][0]["attempts"]) == 2, "the second attempt", 15)
        brief.ask("DELETE", f"/executions/{execution['id']}/kill", 202)
        brief.ended(execution["id"])
    else:
        ended_once(brief, execution, attempts=2)
        assert marked(marks) == ["begin", "begin"]
    nothing_runs(brief)


def test_a_kill_that_nobody_could_hear_is_heard_after_the_restart(service: Service, image: str | None, marks: Path):
    execution = begun(service, image, marks, WORK.replace("seq 1 20", "seq 1 2000"))
    agent = service.agent()
    assert agent is not None
    service.ask("DELETE", f"/executions/{execution['id']}/kill", 202)
    service.kill()
    service.start()
    ended = service.ended(execution["id"], 20)
    assert (ended["state"]["current"], len(ended["taskRunList"])) == ("KILLED", 1)
    nothing_runs(service)


def test_sigterm_lets_a_short_task_end_first(service: Service, marks: Path):
    execution = begun(service, None, marks)
    assert service.stop() == 0
    service.assert_nothing_runs()
    assert marked(marks) == ["begin", "end"]
    service.start()
    ended_once(service, execution)
    whole_log(service, execution)


def test_sigterm_lets_go_of_a_long_task_and_the_next_service_goes_on_with_it(service: Service, image: str | None, marks: Path):
    first, rest = "for n in 1 2 3 4; do echo line $n; done", "for n in 5 6; do echo line $n; done"
    execution = begun(service, image, marks, f"echo begin >> {{marks}}\n{first}\nuntil [ -e {{marks}}.go ]; do sleep 0.1; done\n{rest}\necho end >> {{marks}}")
    assert service.stop() == 0
    assert service.own() == set()
    if image:
        (container,) = service.containers(running=True)
        service.touch(container, "/tmp/marks.go")
    else:
        assert service.jobs()
        Path(f"{marks}.go").touch()
    service.start()
    ended_once(service, execution)
    assert service.lines(execution["id"]) == [*(f"line {number}" for number in range(1, 7)), "after"]
    if image is None:
        assert marked(marks) == ["begin", "end"]
    nothing_runs(service)


def test_a_second_service_on_the_same_folder_gives_up_at_once(service: Service):
    assert service.process is not None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    for command in (service.command(), [*service.command(), "--port", "0"]):
        second = subprocess.run(command, env=service.environment(), cwd=service.data.parent, capture_output=True, text=True, timeout=20, check=False)
        assert second.returncode == ALREADY_RUNNING
        assert f"{service.data} is in use by another Headgate (process {service.process.pid})" in second.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Two seconds each; a machine that is busy with other things may take longer, but not more work.
    assert min(time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) < 4
    assert service.client.get("/healthz").status_code == 200
    assert service.agent() is not None


def test_kills_again_and_again_lose_no_push_and_repeat_no_record(brief: Service, marks: Path):
    hosted = brief.host("storm")
    texts = {f"f{number}": script(f"f{number}", "storm", f"echo f{number} >> {marks}\nsleep 0.2\necho done", ON_PUSH) for number in range(3)}
    for id, text in texts.items():
        hosted.tree.write(f".flows/{id}.yml", text)
    chance = random.Random(2)
    shas = []
    for round in range(4):
        hosted.tree.write(".flows/note.yml", log("note", "storm", f"round {round}", ON_PUSH)).commit(f"round {round}")
        shas.append(hosted.tree.head)
        assert hosted.push().ok
        time.sleep(chance.uniform(0, 0.5))
        brief.kill()
        brief.start()
    for number, sha in enumerate(shas):
        commit = brief.settled("storm", sha, 40)
        assert sorted((run["flow_id"], run["state"]) for run in commit["executions"]) == [*((id, SUCCESS) for id in texts), ("note", SUCCESS)]
        assert {status["context"]: status["state"] for status in commit["statuses"]} == dict.fromkeys(
            ["headgate/flows", "headgate/runs", "headgate/storm.note", *(f"headgate/storm.{id}" for id in texts)], "success"
        )
        assert {flow["id"]: flow["revision"] for flow in commit["flows"]}["note"] == number + 1
        for run in commit["executions"]:
            # A job that was given out to a runner in its last moment is remarked upon, and begun by another one.
            remarks = [line for line in brief.lines(run["id"]) if "has been silent" not in line]
            assert remarks == ([f"round {number}"] if run["flow_id"] == "note" else ["done"])
    assert len(marked(marks)) == 3 * len(shas)
    nothing_runs(brief)


def test_a_push_during_which_all_is_killed_is_applied_or_never_was(service: Service):
    hosted = service.host("during")
    hosted.send(a=log("a", "during", "round 0", ON_PUSH))
    taken = 1
    for round, seconds in enumerate((0.08, 0.14, 0.19, 0.25), 1):
        hosted.tree.write(".flows/a.yml", log("a", "during", f"round {round}", ON_PUSH)).commit(f"round {round}")
        push = subprocess.Popen(["git", "push", "--quiet", "--force", hosted.url, "HEAD:main"], cwd=hosted.tree.path, env=GIT_ENV, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        service.kill()
        push.wait(20)
        service.start()
        if git("rev-parse", "refs/heads/main", cwd=hosted.bare).stdout.strip() == hosted.tree.head:
            taken += 1
            commit = hosted.settled()
            assert [(flow["revision"], flow["change"]) for flow in commit["flows"]] == [(taken, "updated")]
            assert [run["state"] for run in commit["executions"]] == [SUCCESS]
    commit = hosted.send(b=log("b", "during", "still here", ON_PUSH))
    assert sorted((run["flow_id"], run["state"]) for run in commit["executions"]) == [("a", SUCCESS), ("b", SUCCESS)]
    revisions = [one["revision"] for one in service.get("/flows/during/a/revisions")]
    assert revisions == list(range(1, len(revisions) + 1))
    assert len(revisions) in (taken, taken + 1)


def test_a_sleep_goes_on_over_a_kill(service: Service):
    """What is left of it is slept, not all of it: the service is killed near its end."""
    nap = flow("nap", "chaos", "- id: nap\n  type: io.kestra.plugin.core.flow.Sleep\n  duration: PT4S\n")
    service.ask("POST", "/flows", content=nap, headers={"content-type": "application/x-yaml"})
    begun = time.monotonic()
    execution = service.execute("chaos", "nap")
    time.sleep(3)
    service.kill()
    service.start()
    due = max(time.monotonic(), begun + 4)
    assert service.ended(execution["id"])["state"]["current"] == SUCCESS
    assert begun + 3.9 < time.monotonic() < due + 3


def test_a_killed_git_helper_is_replaced(service: Service):
    hosted = service.host("helpers")
    hosted.send(a=log("a", "helpers", rest=ON_PUSH))
    helpers = {process for process in service.processes() if "service.git.serve" in process.command}
    assert helpers
    for helper in helpers:
        helper.kill()
    commit = hosted.send(a=log("a", "helpers", "again", ON_PUSH))
    assert [(flow["revision"], flow["change"]) for flow in commit["flows"]] == [(2, "updated")]


def test_nothing_of_all_this_was_a_surprise_to_the_service(service: Service):
    """Last of all."""
    assert service.stop() == 0
    for path in (service.log, service.data / "runner.log"):
        assert "Traceback" not in path.read_text()
