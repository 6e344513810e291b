"""The template of docs/task-package, built and installed as anybody would, in the real service; and what is said where the package is missing or broken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.e2e.service import CODE, ROOT, SUCCESS, Service
from tests.require import need
from tests.support.packages import TASK, install

TEMPLATE = ROOT / "docs" / "task-package"
FLOW = (TEMPLATE / "tests" / "count.yml").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed."""
    if find_spec("hatchling") is None:
        need("wheel", "the build backend hatchling is not installed")
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(TEMPLATE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=folder / "source", capture_output=True, check=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def path(*folders: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([CODE["PYTHONPATH"], *map(str, folders)])}


def pushed(service: Service) -> None:
    hosted = service.hosted("default")
    hosted.tree.write(".flows/count.yml", FLOW).commit()
    hosted.push()
    service.commit("default", hosted.tree.head)


@contextmanager
def runner(service: Service, folder: Path, *options: str, token: str = "", site: Path | None = None) -> Iterator[None]:
    """A runner on what could be another host: it has the service's address and a token."""
    token = token or (service.data / "runner.token").read_text().strip()
    command = [sys.executable, "-m", "service", "runner", "--server", service.url, "--base", str(folder), "--backend", "process", *options]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "HEADGATE_RUNNER_TOKEN": token, **(path(site) if site else CODE)}
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_template_works_in_the_service(tmp_path: Path, site: Path):
    with Service(tmp_path / "data", **path(site)) as service:
        pushed(service)
        run = service.run("com.example", "count", {"text": "the cat and the hat"})
        assert run["state"]["current"] == SUCCESS, service.lines(run["id"])
        outputs = {each["taskId"]: each.get("outputs") for each in run["taskRunList"]}
        assert {key: value for key, value in outputs["count"].items() if key != "uri"} == {"words": 5, "most": "the"}
        page = service.client.get("/api/v1/plugins/com.example.text.CountWords").json()
        assert "Counts the words of a stored text" in page["markdown"]


def test_its_own_tests_pass(site: Path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TEMPLATE / "tests")]
    done = subprocess.run(command, env={**os.environ, **path(site)}, cwd=site, capture_output=True, text=True, timeout=100, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_a_runner_without_the_package_says_which_one(tmp_path: Path, site: Path):
    with Service(tmp_path / "data", HEADGATE_RUNNER="false", **path(site)) as service:
        pushed(service)
        with runner(service, tmp_path / "elsewhere"):
            run = service.run("com.example", "count")
        assert run["state"]["current"] == "FAILED"
        missing = (
            "this runner knows no task type com.example.text.CountWords, which comes with a package: pip install 'headgate-text==0.1.0' where the runner is"
        )
        assert missing in service.lines(run["id"])


def test_a_broken_package_stops_nothing_and_its_flows_say_why(tmp_path: Path):
    install(tmp_path / "site", "headgate-text", {"com.example.text.CountWords": "headgate_broken"}, {"headgate_broken": "import nowhere_at_all"})
    with Service(tmp_path / "data", **path(tmp_path / "site")) as service:
        hosted = service.hosted("default")
        hosted.tree.write(".flows/count.yml", FLOW).commit()
        hosted.push()
        problems = service.commit("default", hosted.tree.head)["problems"]
        assert any("can't be used: ModuleNotFoundError: No module named 'nowhere_at_all'" in problem["message"] for problem in problems)
        assert "can't be used: ModuleNotFoundError" in service.tail()
        told = service.cli("doctor", "--data", service.data, check=None, **path(tmp_path / "site")).stdout
        assert "warn packages the type `com.example.text.CountWords` of the package `headgate-text` 1.0 can't be used" in told


def test_a_labelled_runner_gets_what_asks_for_it_and_is_waited_for(tmp_path: Path):
    flow = "id: f\nnamespace: t\ntasks:\n  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo here], workerGroup: {key: gpu}}\n"
    with Service(tmp_path / "data") as service:
        hosted = service.hosted("default")
        hosted.tree.write(".flows/f.yml", flow).commit()
        hosted.push()
        service.commit("default", hosted.tree.head)
        id = service.execute("t", "f")["id"]
        with runner(service, tmp_path / "elsewhere", "--label", "gpu", "--library-memory", "512"):
            assert service.ended(id)["state"]["current"] == SUCCESS
            assert [one["labels"] for one in service.get("/runners") if one["labels"]] == [{"gpu": ""}]


def test_a_runner_registers_once_and_starts_again_with_the_same_command(tmp_path: Path):
    flow = "id: f\nnamespace: t\ntasks:\n  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo here]}\n"
    with Service(tmp_path / "data", HEADGATE_RUNNER="false") as service:
        hosted = service.hosted("default")
        hosted.tree.write(".flows/f.yml", flow).commit()
        hosted.push()
        service.commit("default", hosted.tree.head)
        token = service.cli("runner-token").stdout.strip()
        assert token.startswith("hg_register_")
        for _ in range(2):
            with runner(service, tmp_path / "elsewhere", token=token):
                assert service.run("t", "f")["state"]["current"] == SUCCESS
        key = tmp_path / "elsewhere" / "key"
        assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("by_option", [False, True])
def test_a_library_task_takes_no_more_memory_than_is_set(tmp_path: Path, by_option: bool):
    greedy = TASK.format(type="com.example.Greedy").replace("    TYPE =", "    APART: ClassVar[bool] = True\n    TYPE =")
    greedy = greedy.replace('        """Says it."""\n', '        """Takes a lot."""\n        bytes(1 << 30)\n')
    install(tmp_path / "site", "headgate-greedy", {"com.example.Greedy": "headgate_greedy"}, {"headgate_greedy": greedy})
    set_here = {"HEADGATE_RUNNER": "false"} if by_option else {"HEADGATE_LIBRARY_MEMORY": "200"}
    with Service(tmp_path / "data", **path(tmp_path / "site"), **set_here) as service:
        hosted = service.hosted("default")
        hosted.tree.write(".flows/f.yml", "id: f\nnamespace: t\ntasks: [{id: a, type: com.example.Greedy}]\n").commit()
        hosted.push()
        service.commit("default", hosted.tree.head)
        elsewhere = runner(service, tmp_path / "elsewhere", "--library-memory", "200", site=tmp_path / "site") if by_option else nullcontext()
        with elsewhere:
            run = service.run("t", "f")
        assert run["state"]["current"] == "FAILED"
        assert any("its limit is 200 MiB" in line for line in service.lines(run["id"])), service.lines(run["id"])
