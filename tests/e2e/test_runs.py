"""Executions over HTTP: how they are started, followed, stopped and read; their outputs, exit codes and time limits, in processes and containers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import FAILED, KILLED, SUCCESS, Service
from tests.e2e.texts import DOCKER, ON_PUSH, PROCESS, flow, log, script, shell

pytestmark = pytest.mark.xdist_group("e2e-runs")

YAML = {"content-type": "application/x-yaml"}
SLOTS = 2

#: Kestra's own form of the settings.
KESTRA = """
kestra:
  variables:
    env-vars-prefix: APP_
    globals:
      region: north
      db: {host: db.example.com}
  plugins:
    defaults:
      - type: io.kestra.plugin.core.log.Log
        values: {level: WARN}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"KESTRA_CONFIGURATION": KESTRA, "HEADGATE_SLOTS": str(SLOTS), "APP_COLOUR": "green", "ENV_OTHER": "unseen"}
    with Service(tmp_path_factory.mktemp("runs") / "data", **settings) as service:
        yield service


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def image(request: pytest.FixtureRequest) -> str | None:
    """Where a script runs: an image, or None for a process."""
    return None if request.param == "process" else request.getfixturevalue("docker_images").plain


def create(service: Service, text: str) -> tuple[str, str]:
    """Creates a flow, or gives it its text."""
    answer = service.client.post("/api/v1/main/flows", content=text, headers=YAML)
    if answer.status_code == 409:
        id, namespace = (line.partition(": ")[2] for line in text.splitlines()[:2])
        answer = service.client.put(f"/api/v1/main/flows/{namespace}/{id}", content=text, headers=YAML)
    assert answer.status_code == 200, answer.text
    return answer.json()["namespace"], answer.json()["id"]


def run(service: Service, text: str, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Creates a flow, runs it to its end."""
    return service.run(*create(service, text), inputs)


def state(execution: dict[str, Any]) -> str:
    return execution["state"]["current"]


def tasks(execution: dict[str, Any]) -> dict[str, str]:
    """The state of each task run."""
    return {run["taskId"]: run["state"]["current"] for run in execution["taskRunList"]}


def seconds(execution: dict[str, Any]) -> float:
    """How long it took."""
    start, end = (datetime.fromisoformat(execution["state"][name]) for name in ("startDate", "endDate"))
    return (end - start).total_seconds()


def begin(service: Service, text: str, line: str) -> dict[str, Any]:
    """Starts a flow and waits until its log has a line."""
    execution = service.execute(*create(service, text))
    service.logged(execution["id"], line)
    return execution


# in and out


def test_outputs_go_from_task_to_task_and_files_too(service: Service, image: str | None):
    publish = 'echo \'::{"outputs": {"count": 3, "list": [1, "two"]}}::\'\nmkdir out; echo "a file" > out/a.txt'
    first = shell("first", publish, image=image, more="outputFiles: ['out/*']")
    more = 'inputFiles:\n  in.txt: "{{ outputs.first.outputFiles[\'out/a.txt\'] }}"\nenv:\n  N: "{{ outputs.first.vars.count + 1 }}"'
    second = shell("second", 'echo "$N $(cat in.txt) {{ outputs.first.vars.list[1] }}"', image=image, more=more)
    third = '- id: third\n  type: io.kestra.plugin.core.debug.Return\n  format: "{{ outputs.first.vars.list | length }} {{ outputs.second.exitCode }}"\n'
    ended = run(service, flow("handing", "runs.outputs", first + second + third))
    assert tasks(ended) == {"first": SUCCESS, "second": SUCCESS, "third": SUCCESS}
    outputs = {run["taskId"]: run["outputs"] for run in ended["taskRunList"]}
    uri = outputs["first"]["outputFiles"].pop("out/a.txt")
    assert uri.startswith(f"kestra:///runs/outputs/handing/executions/{ended['id']}/")
    runner = {"type": DOCKER if image else PROCESS}
    plain = {"exitCode": 0, "outputFiles": {}, "vars": {}, "stdOutLineCount": 1, "stdErrLineCount": 0, "taskRunner": runner}
    assert outputs == {"first": {**plain, "vars": {"count": 3, "list": [1, "two"]}}, "second": plain, "third": {"value": "2 0"}}
    assert service.lines(ended["id"], taskId="second") == ["4 a file two"]


def test_a_failing_script_ends_the_run_with_its_exit_code(service: Service, image: str | None):
    ended = run(service, flow("fails", "runs.exit", shell("bad", "echo before\nexit 7", image=image) + shell("never", "echo never", image=image)))
    assert (state(ended), tasks(ended)) == (FAILED, {"bad": FAILED})
    (bad,) = ended["taskRunList"]
    assert (bad["outputs"]["exitCode"], bad["attempts"][0]["message"]) == (7, "the command ended with exit code 7")
    assert service.lines(ended["id"]) == ["before", "the command ended with exit code 7"]


def test_a_script_stops_at_the_first_command_that_fails(service: Service, image: str | None):
    ended = run(service, script("stops", "runs.exit", "echo one\nfalse\necho two", image=image))
    assert (state(ended), service.lines(ended["id"])[0]) == (FAILED, "one")
    assert "two" not in service.lines(ended["id"])


def test_a_task_out_of_time_is_stopped_and_fails(service: Service, image: str | None):
    ended = run(service, script("late", "runs.time", "echo begun\nsleep 60 & sleep 60", image=image, more="timeout: PT1S"))
    assert (state(ended), ended["taskRunList"][0]["attempts"][0]["message"]) == (FAILED, "the task timed out after PT1S")
    assert seconds(ended) < 10
    nothing_runs(service)


def test_a_killed_run_stops_at_once_and_leaves_nothing(service: Service, image: str | None):
    begun = begin(service, flow("killed", "runs.kill", shell("long", "echo begun\nsleep 300 & sleep 300", image=image) + shell("never", "echo never")), "begun")
    assert service.containers() if image else service.jobs()
    service.ask("DELETE", f"/executions/{begun['id']}/kill", 202)
    ended = service.ended(begun["id"], 10)
    assert (state(ended), tasks(ended)) == (KILLED, {"long": KILLED})
    nothing_runs(service)
    service.ask("DELETE", f"/executions/{begun['id']}/kill", 409)


def nothing_runs(service: Service) -> None:
    service.until(lambda: not service.jobs() and not service.containers(), "the end of what a task ran", 5)


def test_a_run_that_sleeps_can_be_killed(service: Service):
    sleeper = flow("sleeps", "runs.kill", "- id: nap\n  type: io.kestra.plugin.core.flow.Sleep\n  duration: PT1H\n")
    asleep = service.execute(*create(service, sleeper))
    service.until(lambda: tasks(service.execution(asleep["id"])) == {"nap": "RUNNING"}, "the nap")
    service.ask("POST", f"/executions/{asleep['id']}/actions/kill", 202)
    assert state(service.ended(asleep["id"], 5)) == KILLED


def test_a_run_that_waits_for_a_slot_can_be_killed_and_never_begins(service: Service):
    address = create(service, script("queued", "runs.kill", "echo begun; sleep 300"))
    running = [service.execute(*address)["id"] for _ in range(SLOTS)]
    for id in running:
        service.logged(id, "begun")
    waiting = service.execute(*address)["id"]
    service.until(lambda: tasks(service.execution(waiting)) == {"work": "CREATED"}, "the queue")
    for id in (waiting, *running):
        service.ask("DELETE", f"/executions/{id}/kill", 202)
    assert {state(service.ended(id, 10)) for id in (waiting, *running)} == {KILLED}
    assert service.lines(waiting) == ["Killed by local"]
    nothing_runs(service)


# starting


WITH_INPUTS = """
inputs:
  - id: name
    type: STRING
    defaults: nobody
  - id: count
    type: INT
    required: false
  - id: deep
    type: JSON
    required: false
"""


def test_inputs_come_as_form_or_as_json_and_are_checked(service: Service):
    address = "/executions/runs.inputs/greet"
    create(service, log("greet", "runs.inputs", "'{{ inputs.name }} {{ inputs.count ?? 0 }}'", WITH_INPUTS))

    def logged(**options: Any) -> list[str]:
        return service.lines(service.ended(service.ask("POST", address, **options)["id"])["id"])

    assert logged() == ["nobody 0"]
    assert logged(files={"name": (None, "Ada Ünïcode"), "count": (None, "3")}) == ["Ada Ünïcode 3"]
    assert logged(data={"name": "Ada"}) == ["Ada 0"]
    assert logged(json={"inputs": {"name": "Ada", "count": 4}}) == ["Ada 4"]
    assert logged(json={"parameters": {"name": "Ada", "deep": {"a": [1]}}}) == ["Ada 0"]
    assert logged(json={"parameters": {"colour": "red"}}) == ["input `colour` is not one of this flow's inputs and is ignored", "nobody 0"]
    problem = service.ask("POST", address, 422, json={"inputs": {"count": "many"}})
    assert [error["input"] for error in problem["errors"]] == ["count"]
    service.ask("POST", address, 400, content=b"{", headers={"content-type": "application/json"})
    service.ask("POST", address, 415, content=b"x", headers={"content-type": "text/plain"})
    service.ask("POST", "/executions/runs.inputs/none", 404)


def test_a_run_has_its_labels_its_revision_and_waits_if_asked(service: Service):
    create(service, log("labelled", "runs.start", "one", "labels:\n  team: a\n  stage: test\n"))
    create(service, log("labelled", "runs.start", "two", "labels:\n  team: a\n  stage: test\n"))
    ended = service.ask("POST", "/executions/runs.start/labelled", params={"labels": ["stage:prod", "x:1"], "revision": 1, "wait": "true"})
    assert (state(ended), ended["flowRevision"], service.lines(ended["id"])) == (SUCCESS, 1, ["one"])
    assert {label["key"]: label["value"] for label in ended["labels"] if not label["key"].startswith("system.")} == {"team": "a", "stage": "prod", "x": "1"}
    found = service.get("/executions/search", namespace="runs.start", flowId="labelled", state="SUCCESS")
    assert (found["total"], found["results"][0]["id"]) == (1, ended["id"])


def test_paths_without_a_tenant_mean_the_same(service: Service):
    create(service, log("both", "runs.tenant"))
    answer = service.client.post("/api/v1/executions/runs.tenant/both", json={"inputs": {}})
    assert answer.status_code == 200
    id = service.ended(answer.json()["id"])["id"]
    for path in (
        "/flows/runs.tenant",
        "/flows/runs.tenant/both",
        "/flows/runs.tenant/both/revisions",
        "/flows/search",
        f"/executions/{id}",
        f"/logs/{id}",
        "/repositories",
    ):
        with_tenant, without = service.client.get(f"/api/v1/main{path}"), service.client.get(f"/api/v1{path}")
        assert (without.status_code, without.json()) == (200, with_tenant.json()), path
    assert service.client.get("/api/v1/other/flows/search").status_code == 404


# following


def test_a_log_is_followed_live_from_its_first_line_to_its_end(service: Service, image: str | None, tmp_path: Path):
    # Each line waits until the one before has been seen: lines that came all at once, or late, would never come.
    folder = Path("/tmp") if image else tmp_path
    text = "".join(f"echo line {n}\nuntil [ -e {folder}/seen-{n} ]; do sleep 0.02; done\n" for n in (1, 2, 3))
    begun = service.execute(*create(service, script("follow", "runs.follow", text, image=image)))
    events = []
    for name, value in service.events(f"/logs/{begun['id']}/follow"):
        events.append((name, value.get("message")))
        if name != "progress":
            continue
        seen = f"{folder}/seen-{value['message'].split()[1]}"
        if image:
            (container,) = service.containers(running=True)
            service.touch(container, seen)
        else:
            Path(seen).touch()
    assert events == [("start", None), ("progress", "line 1"), ("progress", "line 2"), ("progress", "line 3"), ("end", None)]
    assert [event for event, _ in service.events(f"/logs/{begun['id']}/follow")] == [event for event, _ in events]


def test_an_execution_is_followed_through_its_states(service: Service, tmp_path: Path):
    steps = "".join(shell(name, f"until [ -e {tmp_path}/{name} ]; do sleep 0.02; done") for name in ("first", "second"))
    begun = service.execute(*create(service, flow("states", "runs.follow", steps)))
    seen = []
    for name, value in service.events(f"/executions/{begun['id']}/follow"):
        seen.append((name, state(value)))
        # Nothing ends before it has been seen to run.
        for task, current in tasks(value).items():
            if current == "RUNNING":
                (tmp_path / task).touch()
    assert seen[0][0] == "start"
    assert seen[-1] == ("end", SUCCESS)
    assert {name for name, _ in seen[1:-1]} == {"progress"}
    assert "RUNNING" in {current for _, current in seen}


# the workspace, and the settings


def test_a_script_works_in_the_tree_of_its_commit(service: Service, image: str | None):
    hosted = service.host(f"tree-{'docker' if image else 'process'}")
    namespace = f"runs.{hosted.name}"
    hosted.tree.write("bin/tool.sh", "#!/bin/sh\necho tool $1\n", executable=True).write("data/ü ü.txt", "unicode\n").link("link", "data")
    hosted.tree.write(
        ".flows/a.yml", script("a", namespace, "bin/tool.sh {{ execution.id }}\ncat data/*\nls link 2>/dev/null || echo no link", ON_PUSH, image=image)
    )
    assert hosted.push_commit("first").ok
    (first,) = hosted.settled()["executions"]
    assert service.lines(first["id"]) == [f"tool {first['id']}", "unicode", "no link"]
    hosted.tree.write("data/ü ü.txt", "changed\n")
    assert hosted.push_commit("second [skip ci]").ok
    assert service.lines(service.run(namespace, "a")["id"])[1] == "changed", "what is at the tip is what runs"
    hosted.tree.write(".flows/a.yml", script("a", namespace, "echo other", image=image))
    assert hosted.push_commit("third").ok
    hosted.settled()
    old = service.ended(service.execute(namespace, "a", revision=1)["id"])
    assert service.lines(old["id"])[1] == "unicode", "an older revision runs in the files that it was written with"


def test_settings_in_kestras_form_hold(service: Service):
    text = "'{{ globals.region }} {{ globals.db.host }} {{ envs.colour }} {{ envs.other ?? \"none\" }}'"
    ended = run(service, log("settings", "runs.settings", text))
    (entry,) = service.get(f"/logs/{ended['id']}")
    assert (entry["message"], entry["level"]) == ("north db.example.com green none", "WARN")


def test_a_template_that_fails_says_where(service: Service):
    ended = run(
        service,
        flow("template", "runs.templates", shell("work", "echo {{ fromJson(inputs.text).a }}"), "inputs: [{id: text, type: STRING}]\n"),
        {"text": "no json"},
    )
    assert state(ended) == FAILED
    (line,) = service.lines(ended["id"])
    assert line.startswith(".flows/runs.templates/template.yml:10:15: task `work`: this text is not JSON")


def test_the_index_page_lists_executions_and_escapes_what_they_say(service: Service):
    ended = run(service, log("page", "runs.pages", "'<script>alert(1)</script>'"))
    index, page = service.client.get("/").text, service.client.get(f"/executions/{ended['id']}").text
    assert ended["id"] in index
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in index + page


EVERY_SECOND = """
triggers:
  - id: clock
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "* * * * * *"
    withSeconds: true
    timezone: Asia/Tokyo
"""


def test_a_schedule_starts_runs_until_it_is_gone(service: Service):
    hosted = service.host("clock")
    sha = hosted.send(tick=log("tick", "runs.clock", "'{{ trigger.date }}'", EVERY_SECOND))["sha"]

    def ran() -> list[dict[str, Any]]:
        return service.get("/executions/search", namespace="runs.clock", state=SUCCESS)["results"]

    service.until(lambda: len(ran()) >= 2, "two ticks", 10)
    hosted.send(tick=None)
    known = [(run["flowRevision"], run["trigger"]["id"], run["commit"]["sha"]) for run in ran()]
    assert set(known) == {(1, "clock", sha)}
    dates = sorted(service.lines(run["id"])[0] for run in ran())
    assert len(set(dates)) == len(dates)
    assert all(date.endswith("+09:00") for date in dates), dates
    time.sleep(1.2)
    assert len(ran()) <= len(known) + 1
