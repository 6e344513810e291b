"""`.ci/setup` with stand-ins for uv and Python on PATH: what it asks of them, when it asks nothing, and what it says when it cannot go on."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = "--editable .[dev]"

# A Python that writes down what it is asked. Its facts (version, what it has) come from the environment.
PYTHON = """#!/bin/sh
echo "python $*" >> "$CALLS"
case "$*" in
    -V) echo "Python $VERSION" ;;
    *version_info*3,\\ 11*) [ "${VERSION%.*}" != 3.10 ] ;;
    *_base_executable*) echo "$0" ;;
    *-venv*) echo "python${VERSION%.*}-venv" ;;
    "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pyvenv.cfg ;;
    "-m ensurepip"*) case $HAS in *ensurepip*) touch .venv/pip ;; *) exit 1 ;; esac ;;
    "-m pip --version"*) [ -e .venv/pip ] ;;
    "-m pip --python "*"--version") case $HAS in *outer*) ;; *) exit 1 ;; esac ;;
    "-m pip "*install*) echo "Collecting fastapi==1"; echo "Installing collected packages: fastapi"; exit "${FAILS:-0}" ;;
    *) exit 9 ;;
esac
"""

UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
case "$*" in
    venv*) mkdir -p .venv/bin && cp "$(command -v python3)" .venv/bin/python && touch .venv/pyvenv.cfg ;;
    *) exit "${FAILS:-0}" ;;
esac
"""


@dataclass
class Machine:
    """A clone and a PATH on which only the programs stand that the test put there, and those of every Unix."""

    clone: Path
    bin: Path
    facts: dict[str, str] = field(default_factory=lambda: {"VERSION": "3.11.2", "HAS": "outer"})

    def has(self, name: str, text: str) -> None:
        program = self.bin / name
        program.write_text(text)
        program.chmod(0o755)

    def setup(self, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "HOME": str(self.bin), "CALLS": str(self.bin / "calls"), **self.facts, **more}
        return subprocess.run(["/bin/sh", ".ci/setup"], cwd=self.clone, env=env, capture_output=True, text=True, timeout=30, check=False)

    def calls(self, part: str) -> list[str]:
        """What was called with `part` in it since the last question, then forgets."""
        file = self.bin / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if part in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    clone = tmp_path / "a clone"
    (clone / ".ci").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", ".ci/setup"):
        shutil.copy(ROOT / name, clone / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "cksum", "cp", "dirname", "grep", "id", "mkdir", "rm", "tail", "tee", "touch"):
        (tools / name).symlink_to(shutil.which(name) or name)
    made = Machine(clone, tools)
    made.has("python3", PYTHON)
    return made


def test_uv_installs_where_it_is_found(machine: Machine) -> None:
    machine.has("uv", UV)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.calls("uv pip install") == [
        f"uv pip install --python .venv/bin/python --constraint constraints.txt --build-constraint constraints.txt --compile-bytecode {INSTALL}"
    ]


def test_a_pip_outside_installs_into_a_venv_without_one(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    calls = machine.calls("python -m")
    assert "python -m venv --without-pip .venv" in calls
    assert [call for call in calls if "install" in call][-1] == f"python -m pip --python .venv/bin/python install --progress-bar off {INSTALL}"
    assert "writing files" in done.stderr


def test_ensurepip_helps_where_no_pip_is(machine: Machine) -> None:
    machine.facts["HAS"] = "ensurepip"
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.calls("install")[-1] == f"python -m pip install --progress-bar off {INSTALL}"


def test_neither_pip_nor_ensurepip_is_one_sentence_and_one_command(machine: Machine) -> None:
    machine.facts["HAS"] = "nothing"
    machine.has("apt-get", "#!/bin/sh\n")
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup: Python 3.11.2 has neither pip nor ensurepip, so nothing can be installed.",
        f"    {'' if os.geteuid() == 0 else 'sudo '}apt-get install -y python3.11-venv",
    ]


def test_an_old_python_is_passed_over(machine: Machine) -> None:
    machine.has("python3", PYTHON.replace("#!/bin/sh\n", "#!/bin/sh\nVERSION=3.10.4\n"))
    machine.has("python3.12", PYTHON)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.calls("install")


def test_without_any_fit_python_the_message_says_what_to_do(machine: Machine) -> None:
    machine.facts["VERSION"] = "3.10.4"
    done = machine.setup()
    assert done.returncode == 1
    assert "Headgate needs Python 3.11 or newer and found none on PATH" in done.stderr
    assert "make setup PYTHON=/path/to/python3" in done.stderr


def test_a_named_python_that_is_too_old_is_refused_by_name(machine: Machine) -> None:
    machine.has("old", PYTHON.replace("#!/bin/sh\n", "#!/bin/sh\nVERSION=3.10.4\n"))
    done = machine.setup(PYTHON="old")
    assert done.returncode == 1
    assert "PYTHON is set to old, which is not a Python 3.11 or newer." in done.stderr
    assert not (machine.clone / ".venv").exists()


def test_a_second_run_does_nothing_in_less_than_a_second(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    machine.calls("")
    start = monotonic()
    done = machine.setup()
    assert monotonic() - start < 1
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.calls("") == ["python -V"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_dependency_installs_again_into_the_same_venv(machine: Machine, name: str) -> None:
    assert machine.setup().returncode == 0
    machine.calls("")
    with (machine.clone / name).open("a") as file:
        file.write("\n")
    assert machine.setup().returncode == 0
    calls = machine.calls("python -m")
    assert not [call for call in calls if "venv --without-pip" in call]
    assert [call for call in calls if "install" in call][-1].endswith(INSTALL)


def test_a_new_python_behind_the_same_name_installs_again(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    machine.facts["VERSION"] = "3.13.0"
    machine.calls("")
    assert machine.setup().returncode == 0
    assert machine.calls(INSTALL)


def test_a_moved_clone_installs_again(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    machine.clone = machine.clone.rename(machine.clone.with_name("elsewhere"))
    machine.calls("")
    assert machine.setup().returncode == 0
    assert machine.calls(INSTALL)


def test_a_failed_install_shows_pips_words_and_is_tried_again(machine: Machine) -> None:
    failed = machine.setup(FAILS="1")
    assert failed.returncode == 1
    assert "Collecting fastapi==1" in failed.stderr
    assert "setup: pip failed" in failed.stderr
    machine.calls("")
    assert machine.setup().returncode == 0
    assert machine.calls(INSTALL)


def test_a_venv_that_does_not_work_is_made_anew(machine: Machine) -> None:
    (machine.clone / ".venv/bin").mkdir(parents=True)
    (machine.clone / ".venv/bin/python").symlink_to("/nowhere/python3")
    assert machine.setup().returncode == 0
    assert "python -m venv --without-pip .venv" in machine.calls("venv")
