"""The founding examples, byte for byte as they stand in `tests/flows/seeds`, on the real service; those of the command line by the real one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from docker.errors import ImageNotFound

from tests.e2e.service import FAILED, ROOT, SUCCESS, Service
from tests.e2e.texts import DOCKER, PROCESS
from tests.require import need
from tests.support import daemon

pytestmark = pytest.mark.xdist_group("e2e-seeds")

SEEDS = ROOT / "tests" / "flows" / "seeds"
HELLO = SEEDS / "S3-E2_hello_world.yaml"
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "HEADGATE_BACKEND": "auto"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on a machine without Docker."""
    with Service(tmp_path_factory.mktemp("seeds") / "data", **NO_DOCKER) as service:
        service.cli("flow", "create", "dev", HELLO)
        yield service


@pytest.fixture(scope="module")
def contained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose machine has Docker, and the images that the seeds name."""
    with_images("python:3.11", "python:3.13-slim")
    with Service(tmp_path_factory.mktemp("contained") / "data", HEADGATE_BACKEND="auto") as service:
        yield service


def with_images(*names: str) -> None:
    """Ends the test where the images are not here: no test downloads any."""
    client = daemon.needed()
    try:
        for name in names:
            client.inspect_image(name)
    except ImageNotFound as problem:
        need("docker", f"an image is not here, .ci/images makes it ({problem.explanation})")
    finally:
        client.close()


def lines(service: Service, execution: dict[str, Any]) -> list[str]:
    return [f"{entry['taskId']}: {entry['message']}" for entry in service.get(f"/logs/{execution['id']}")]


def test_S3_E2_runs_without_docker(service: Service):
    ended = service.run("dev", "hello_world")
    assert ended["state"]["current"] == SUCCESS
    both_lines(service, ended, PROCESS)


@pytest.mark.docker
def test_S3_E2_runs_with_docker(contained: Service):
    contained.cli("flow", "create", "dev", HELLO)
    ended = contained.run("dev", "hello_world")
    assert ended["state"]["current"] == SUCCESS
    both_lines(contained, ended, DOCKER)


def both_lines(service: Service, ended: dict[str, Any], runner: str) -> None:
    first, *more, last = lines(service, ended)
    assert first == "log: Hello from Kestra 2026!"
    assert re.match(r"python_script: Python version: 3\.\d+\.\d+", more[0] if more else last)
    assert ended["taskRunList"][1]["outputs"]["taskRunner"] == {"type": runner}


def test_S3_E4_create_makes_a_commit_updates_and_refuses_another_namespace(service: Service, tmp_path: Path):
    file = tmp_path / "my_flow.yaml"
    file.write_bytes(HELLO.read_bytes().replace(b"id: hello_world", b"id: created"))
    assert "created dev.created revision 1" in service.cli("flow", "create", "dev", file).stdout
    file.write_bytes(file.read_bytes().replace(b"2026", b"2027"))
    assert "updated dev.created revision 2" in service.cli("flow", "create", file).stdout
    flow = json.loads(service.cli("flow", "create", "dev", file, "-o", "json").stdout)
    assert (flow["revision"], flow["source"].encode()) == (2, file.read_bytes())
    refused = service.cli("flow", "create", "prod", file, check=2)
    assert "dev" in refused.stderr
    assert "prod" in refused.stderr
    assert [one["revision"] for one in service.get("/flows/dev/created/revisions")] == [1, 2]


def test_S3_E5_execute_follows_the_log_and_ends_with_the_runs_code(service: Service, tmp_path: Path):
    done = service.cli("flow", "execute", "dev", "hello_world", "--follow")
    assert "Hello from Kestra 2026!" in done.stdout
    assert "Python version: 3." in done.stdout
    assert "SUCCESS" in done.stderr
    file = tmp_path / "fails.yaml"
    file.write_bytes(HELLO.read_bytes().replace(b"hello_world", b"fails").replace(b"import sys", b"import nothing_of_that_name"))
    service.cli("flow", "create", "dev", file)
    failed = service.cli("flow", "execute", "dev", "fails", "--follow", check=1)
    assert "ModuleNotFoundError" in failed.stdout
    service.cli("flow", "execute", "dev", "nowhere", check=2)
    service.cli("flow", "execute", "dev", "hello_world", check=3, HEADGATE_SERVER="http://127.0.0.1:9")


def test_S3_E6_list_shows_a_table_and_json(service: Service):
    heading, *rows = service.cli("flow", "list", "dev").stdout.splitlines()
    assert heading.split() == ["NAMESPACE", "FLOW", "REVISION", "STATE", "PATH", "COMMIT"]
    assert ["dev", "hello_world", "1", "live", ".flows/dev/hello_world.yml"] in [row.split()[:5] for row in rows]
    found = json.loads(service.cli("flow", "list", "dev", "-o", "json").stdout)
    assert found == service.get("/flows/dev")


def test_S3_E7_parameters_are_inputs_and_an_unknown_one_is_reported(service: Service):
    answer = curl(
        "-X", "POST", f"{service.url}/api/v1/executions/dev/hello_world", "-H", "Content-Type: application/json", "-d", '{"parameters": {"env": "prod"}}'
    )
    assert (answer["namespace"], answer["flowId"], answer["inputs"]) == ("dev", "hello_world", {})
    ended = service.ended(answer["id"])
    assert ended["state"]["current"] == SUCCESS
    assert service.lines(ended["id"])[0] == "input `env` is not one of this flow's inputs and is ignored"


def test_S3_E8_the_log_is_read_over_http(service: Service):
    ended = service.run("dev", "hello_world")
    entries = curl("-X", "GET", f"{service.url}/api/v1/logs/{ended['id']}")
    first = {name: value for name, value in entries[0].items() if name not in ("timestamp", "taskRunId")}
    expected = {"namespace": "dev", "flowId": "hello_world", "executionId": ended["id"], "taskId": "log", "attemptNumber": 0, "level": "INFO"}
    assert first == {**expected, "message": "Hello from Kestra 2026!"}


def curl(*arguments: str) -> Any:
    """What a shell's user gets; by a client of ours where there is no curl."""
    if shutil.which("curl"):
        done = subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", *arguments], capture_output=True, text=True, check=True, timeout=20)
        return json.loads(done.stdout)
    options = dict(zip(arguments, arguments[1:], strict=False))
    url = next(argument for argument in arguments if argument.startswith("http"))
    name, _, value = options.get("-H", "Accept: */*").partition(": ")
    return httpx2.request(options["-X"], url, headers={name: value}, content=options.get("-d"), trust_env=False).raise_for_status().json()


def test_S2_E1_and_S2_E2_run_from_a_push(service: Service):
    hosted = service.host("team")
    for name in ("S2-E1_hello-world.yaml", "S2-E2_inputs_demo.yaml"):
        hosted.tree.write(f".flows/{name}", (SEEDS / name).read_bytes())
    pushed = hosted.push_commit()
    assert pushed.ok, pushed.stderr
    commit = hosted.settled()
    assert [problem for problem in commit["problems"] if problem["severity"] == "error"] == []
    assert [(flow["id"], flow["revision"]) for flow in commit["flows"]] == [("hello-world", 1), ("inputs_demo", 1)]

    hello = service.run("company.team", "hello-world")
    assert hello["state"]["current"] == SUCCESS
    labels = {label["key"]: label["value"] for label in hello["labels"]}
    assert (labels["env"], labels["team"], hello["inputs"]) == ("prod", "engineering", {"my-value": "default value"})
    (date,) = hello["taskRunList"]
    assert date["outputs"]["value"] == f"A log line content with a contextual date variable {date['state']['startDate']}"

    assert service.lines(service.run("company.team", "inputs_demo")["id"]) == ["Hey there, Rick Astley"]
    assert service.lines(service.run("company.team", "inputs_demo", {"user": "Ada"})["id"]) == ["Hey there, Ada"]
    done = service.cli("flow", "execute", "company.team", "inputs_demo", "--follow", "--input", "user=Grace")
    assert "Hey there, Grace" in done.stdout


EXTRACT = "import json, pathlib\nprint('extracted')\npathlib.Path('data.json').write_text(json.dumps([1, 2, 3]))\n"
LOAD = "import sys\nprint('loaded with', sys.version.split()[0])\n"


@pytest.mark.docker
def test_S0_E1_runs_both_scripts_from_the_commits_tree_in_their_image(contained: Service):
    hosted = contained.host("etl")
    hosted.tree.write(".flows/etl_pipeline.yaml", (SEEDS / "S0-E1_etl_pipeline.yaml").read_bytes()).write("extract.py", EXTRACT).write("load.py", LOAD)
    assert hosted.push_commit().ok
    assert hosted.settled()["problems"] == []
    ended = contained.run("company.data", "etl_pipeline")
    assert [(run["taskId"], run["state"]["current"], run["outputs"]["taskRunner"]["type"]) for run in ended["taskRunList"]] == [
        ("extract", SUCCESS, DOCKER),
        ("load", SUCCESS, DOCKER),
    ]
    first, second = lines(contained, ended)
    assert first == "extract: extracted"
    assert second.startswith("load: loaded with 3.")
    assert contained.get("/flows/company.data/etl_pipeline")["triggers"] == [
        {"id": "schedule", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 6 * * *", "disabled": False}
    ]


def test_S0_E1_stops_before_load_when_extract_fails(service: Service):
    hosted = service.host("etl")
    hosted.tree.write(".flows/etl_pipeline.yaml", (SEEDS / "S0-E1_etl_pipeline.yaml").read_bytes()).write("extract.py", "raise SystemExit(3)\n").write(
        "load.py", LOAD
    )
    assert hosted.push_commit().ok
    ended = service.run("company.data", "etl_pipeline")
    assert (ended["state"]["current"], [(run["taskId"], run["state"]["current"]) for run in ended["taskRunList"]]) == (FAILED, [("extract", FAILED)])
    assert ended["taskRunList"][0]["outputs"]["exitCode"] == 3


def test_S0_E3_its_query_runs(service: Service, tmp_path: Path):
    """The fragment lacks an id, a namespace and the SQL."""
    fragment = (SEEDS / "S0-E3_assets_fragment.yaml").read_text("utf-8")
    file = tmp_path / "transform.yaml"
    file.write_text("id: transform\nnamespace: dev\n" + fragment.replace("    assets:", "    fetchType: FETCH\n    sql: select 42 as answer\n    assets:"))
    service.cli("flow", "create", "dev", file)
    ended = service.run("dev", "transform")
    assert ended["state"]["current"] == SUCCESS
    assert ended["taskRunList"][0]["outputs"]["rows"] == [{"answer": 42}]
