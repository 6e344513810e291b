"""Dependencies of Python tasks, installed by uv and by pip from packages that the commit holds: no test here asks a network."""

from __future__ import annotations

import importlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from runners import environments
from runners.dependencies import COUNT_CAP
from runners.installers import Wish
from runners.memory import MemoryService
from runners.protocol import Outcome, Result, Tree
from runners.tasks import find
from tests.runners.playing import PYTHON, alive, job, play
from tests.runners.wheels import wheel

_numbers = itertools.count()
COMMIT = Tree("demo", "b" * 40)
COMMANDS = "io.kestra.plugin.scripts.python.Commands"
GREET = {"greet.py": "def greet(): return 'hello'\ndef main(): print(greet(), 'from the command')\n"}
WHEELS = dict([wheel("greet", "1.0", GREET, "greet = greet:main"), wheel("greet", "2.0", {"greet.py": "def greet(): return 'good day'\n"})])
OFFLINE = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": "links", "UV_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "links"}
SCRIPT = 'import greet\nprint(greet.greet())\nprint(\'::{"outputs": {"in": "%s"}}::\' % greet.__file__)'


@pytest.fixture
def service() -> MemoryService:
    """A service whose commit holds two packages."""
    service = MemoryService()
    service.hold(COMMIT, {f"links/{name}": content for name, content in WHEELS.items()})
    return service


def run(base: Path, service: MemoryService, name: str = "one", environment: str = "main", **spec: Any) -> tuple[Outcome, list[tuple[str, str]]]:
    """A Python task of the commit."""
    type = COMMANDS if "commands" in spec else PYTHON
    properties: Mapping[str, Any] = {"env": OFFLINE, **({} if "commands" in spec else {"script": SCRIPT}), **spec}
    return play(base, replace(job(name, type=type, spec=properties, tree=COMMIT), environment=environment), service)


def said(lines: list[tuple[str, str]]) -> list[str]:
    """What the script printed."""
    return [message for level, message in lines if level == "INFO"]


def test_dependencies_are_installed_once_and_what_the_installer_says_is_logged_at_debug(tmp_path: Path, service: MemoryService):
    first, lines = run(tmp_path, service, dependencies=["greet==1.0"])
    assert (first.result, said(lines)) == (Result.SUCCESS, ["hello"])
    assert ("DEBUG", " + greet==1.0") in lines
    second, lines = run(tmp_path, service, "two", dependencies=["greet==1.0"])
    assert lines == [("INFO", "hello")]
    assert first.outputs["vars"] == second.outputs["vars"]


def test_an_environment_is_for_one_set_of_requirements_of_one_branch(tmp_path: Path, service: MemoryService):
    def place(name: str, **rest: Any) -> str:
        return run(tmp_path, service, name, **rest)[0].outputs["vars"]["in"]

    one = place("one", dependencies=["greet == 1.0"])
    assert place("two", dependencies=["greet == 1.0", "greet == 1.0"]) == one
    assert len({one, place("three", dependencies=["greet"]), place("four", dependencies=["greet == 1.0"], environment="pr-1")}) == 3


@pytest.mark.parametrize("spec", [{"dependencyCacheEnabled": False, "dependencies": ["greet"]}, {"dependencies": ["./links/greet-2.0-py3-none-any.whl"]}])
def test_what_is_not_to_be_kept_goes_with_the_job(tmp_path: Path, service: MemoryService, spec: dict[str, Any]):
    outcome, lines = run(tmp_path, service, **spec)
    assert said(lines) == ["good day"]
    assert Path(outcome.outputs["vars"]["in"]).is_relative_to(tmp_path / "jobs/one-1-1")
    assert not list((tmp_path / "environments").glob("*/*/ready"))


def test_commands_of_a_package_and_before_commands_find_it(tmp_path: Path, service: MemoryService):
    _, lines = run(tmp_path, service, dependencies=["greet==1.0"], beforeCommands=["greet"], commands=["greet", "python -c 'import greet'"])
    assert ("DEBUG", "hello from the command") in lines
    assert said(lines) == ["hello from the command"]


def test_an_interpreter_that_is_no_shell_finds_the_dependencies_too(tmp_path: Path, service: MemoryService):
    spec: dict[str, Any] = {"interpreter": ["python", "-c"], "beforeCommands": ["import greet"], "commands": ["print(greet.greet())"]}
    assert said(run(tmp_path, service, dependencies=["greet==1.0"], **spec)[1]) == ["hello"]


@pytest.mark.parametrize("fast", [True, False])
def test_what_can_not_be_installed_fails_the_task_with_the_installers_last_lines(tmp_path: Path, service: MemoryService, fast: bool):
    outcome, lines = run(tmp_path, service, dependencies=["greet==3.0"], failFast=fast)
    assert (outcome.result, said(lines)) == (Result.FAILED, [])
    assert str(outcome.message).startswith("the dependencies could not be installed (exit code 1):\n")
    assert "greet==3.0" in str(outcome.message)
    assert str(outcome.message).endswith("uv pip install ended with exit code 1")
    assert {level for level, _ in lines} == {"DEBUG"}
    assert not list((tmp_path / "environments").glob("*/*[0-9a-f]"))


def test_a_machine_without_a_network_says_so(tmp_path: Path, service: MemoryService):
    outcome, _ = run(tmp_path, service, dependencies=["greet"], env={"UV_OFFLINE": "1"})
    assert outcome.result is Result.FAILED
    assert "network was disabled" in str(outcome.message)


def test_a_secret_in_a_requirement_is_masked_and_its_file_is_gone_before_the_script(tmp_path: Path, service: MemoryService):
    wanted = ["greet @ https://user:s3cr3t-value@127.0.0.1:9/greet-1.0-py3-none-any.whl"]
    service.offer(replace(job("one"), masks=()))
    outcome, lines = play(
        tmp_path, job("two", type=PYTHON, spec={"script": SCRIPT, "dependencies": wanted, "env": {}}, tree=COMMIT, masks=("s3cr3t-value",)), service
    )
    assert outcome.result is Result.FAILED
    assert "127.0.0.1:9" in str(outcome.message)
    assert "s3cr3t" not in f"{outcome.message} {lines}"
    _, lines = run(tmp_path, service, "three", dependencies=["greet"], commands=["ls -A"])
    assert said(lines) == ["links", ".output"] or said(lines) == [".output", "links"]


def test_pip_installs_where_it_is_asked_to(tmp_path: Path, service: MemoryService):
    has_pip = subprocess.run((os.path.realpath(sys.executable), "-c", "import ensurepip"), capture_output=True, check=False).returncode == 0
    outcome, lines = run(tmp_path, service, dependencies=["greet==1.0"], packageManager="PIP")
    if has_pip:
        assert said(lines) == ["hello"]
    else:
        assert "python3-venv" in str(outcome.message)


@pytest.mark.parametrize("version", [f"{sys.version_info.major}.{sys.version_info.minor}", str(sys.version_info.major)])
def test_a_version_of_python_that_is_here_is_taken(tmp_path: Path, service: MemoryService, version: str):
    _, lines = run(tmp_path, service, pythonVersion=version, script="import sys\nprint(sys.version.split()[0], sys.prefix != sys.base_prefix)")
    (line,) = said(lines)
    assert line.startswith(f"{version}.")
    assert line.endswith("True")


def test_a_version_of_python_that_is_nowhere_is_told(tmp_path: Path, service: MemoryService):
    outcome, _ = run(tmp_path, service, pythonVersion="3.99")
    assert outcome.result is Result.FAILED
    assert "3.99" in str(outcome.message)


@pytest.mark.parametrize(
    ("dependencies", "problem"),
    [(["x"] * (COUNT_CAP + 1), "more than 1,000 are not installed"), (["a\nb"], "is not one requirement"), (["x" * 3000], "at most 2,000 characters")],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, service: MemoryService, dependencies: list[str], problem: str):
    outcome, _ = run(tmp_path, service, dependencies=dependencies)
    assert outcome.result is Result.FAILED
    assert problem in str(outcome.message)


@pytest.mark.parametrize("value", ["3.x", "three", "3.12; rm -rf /", "../3"])
def test_a_version_that_is_none_is_refused(value: str):
    with pytest.raises(ValueError, match="not a version of Python"):
        find(PYTHON).model_validate({"script": "x", "pythonVersion": value})


# headgate-python itself


def _uv() -> str:
    found: str = importlib.import_module("uv").find_uv_bin()
    return found


@dataclass
class Program:
    """Calls of `headgate-python`, in a folder with packages."""

    folder: Path

    def start(self, *requirements: str, user: int = 0, **options: object) -> subprocess.Popen[str]:
        listed = self.folder / f"{next(_numbers)}.txt"
        listed.write_text("\n".join(requirements))
        named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        words = ("--root", str(self.folder / "root"), "--uv", _uv(), "--requirements", str(listed), "--user", str(user or os.getpid()), *named)
        run = "import os, sys; from runners.environments import main; sys.exit(main(sys.argv[1:], os.environ))"
        env = {**OFFLINE, "PATH": os.defpath, "TMPDIR": str(self.folder), "PYTHONPATH": str(Path(environments.__file__).parents[1])}
        return subprocess.Popen((sys.executable, "-c", run, *words), cwd=self.folder, env=env, stdout=PIPE, stderr=PIPE, text=True)

    def call(self, *requirements: str, user: int = 0, **options: object) -> Path:
        """The environment that is kept."""
        started = self.start(*requirements, user=user, **options)
        out, err = started.communicate(timeout=60)
        assert started.returncode == 0, err
        return Path(out.strip(), "bin/python").readlink().parents[1]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A folder of environments, and two packages to put in."""
    (tmp_path / "links").mkdir()
    for name, content in WHEELS.items():
        (tmp_path / "links" / name).write_bytes(content)
    return Program(tmp_path)


def test_of_many_that_want_the_same_at_once_one_installs_it(program: Program):
    started = [program.start("greet") for _ in range(4)]
    said = [one.communicate(timeout=60) for one in started]
    assert {one.returncode for one in started} == {0}
    assert len(list((program.folder / "root").glob("*/*/ready"))) == 1
    assert sum("+ greet==2.0" in err for _, err in said) == 1


def test_what_a_task_installs_besides_is_not_there_for_the_next(tmp_path: Path, service: MemoryService):
    more = ["uv pip install --quiet greet==2.0", "python -m greet"]
    script = "python -c 'import greet; print(greet.greet())'"
    path = f"{Path(_uv()).parent}:{os.defpath}"
    env = {**OFFLINE, "PATH": path}
    assert said(run(tmp_path, service, dependencies=["greet==1.0"], beforeCommands=more, commands=[script], env=env)[1]) == ["good day"]
    assert said(run(tmp_path, service, "two", dependencies=["greet==1.0"], commands=[script], env=env)[1]) == ["hello"]


def test_an_installer_that_gets_no_answer_ends_with_its_task(tmp_path: Path, service: MemoryService):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"UV_DEFAULT_INDEX": f"http://127.0.0.1:{silent.getsockname()[1]}/simple", "UV_HTTP_TIMEOUT": "60"}
        spec = {"script": SCRIPT, "dependencies": ["greet"], "env": env}
        for name in ("one", "two"):  # the second does not wait for the first
            outcome, _ = play(tmp_path, job(name, type=PYTHON, spec=spec, tree=COMMIT, timeout=1.5), service)
            assert (outcome.result, outcome.message) == (Result.FAILED, "the task timed out after PT1.5S")
            assert alive(tmp_path, f"{name}-1-1") == {}
    assert not list((tmp_path / "environments").glob("*/*/ready"))


def test_without_uv_it_is_pip_that_installs(program: Program):
    has_venv = subprocess.run((sys.executable, "-c", "import ensurepip"), capture_output=True, check=False).returncode == 0
    started = program.start("greet", uv="")
    _, err = started.communicate(timeout=60)
    assert "there is no uv here (pip install 'headgate[python]' brings it): using pip" in err
    assert (started.returncode == 0) == has_venv


def test_one_that_was_cut_off_is_made_anew(program: Program):
    place = program.call("greet").parent
    (place / "ready").unlink()
    shutil.rmtree(place / "env/bin")
    assert program.call("greet").parent == place
    assert (place / "env/bin/python").exists()


def test_those_used_longest_ago_go_but_never_one_that_is_used(program: Program):
    ended = subprocess.Popen(("true",))
    ended.wait()
    old = program.call("greet==1.0", user=ended.pid)
    used = program.call("greet==2.0")
    for number, env in enumerate((old, used)):
        os.utime(env.parent / "ready", (number, number))
    program.call("greet", user=ended.pid, kept=1)
    assert (old.exists(), used.exists()) == (False, True)


def test_one_that_is_too_large_is_not_kept(program: Program):
    started = program.start("greet", size=1000)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 1
    assert "are not kept for a task: use a container image that has them" in err
    assert not list((program.folder / "root").glob("*/*/ready"))


@pytest.mark.parametrize(
    "requirement", ["six", "six==1.0", "a-b.c[x,y] >=1,<2", "six ; python_version < '4'", "six @ https://host/six-1.0.tgz#sha", "x @ git+https://host/x@v1"]
)
def test_plain_requirements_are_kept(requirement: str):
    assert Wish((requirement,), Path("x"), None, None, True).lasting


@pytest.mark.parametrize(
    "requirement", ["./six", "-r more.txt", "-e .", "six.whl", "dir/six-1.0.tar.gz", "six @ file:///six", "--index-url=https://x", "x @ ./x"]
)
def test_files_of_the_working_directory_are_not(requirement: str):
    assert not Wish((requirement,), Path("x"), None, None, True).lasting
