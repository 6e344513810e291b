"""Dockerfile and docker-compose.yml, as far as they can be checked without an image registry."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.require import need

ROOT = Path(__file__).parents[2]
SOCKET = "/var/run/docker.sock"
HEALTH = "http://127.0.0.1:8080/healthz"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return composed["services"]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, words), with continued lines joined and comments left out."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()))
    return [(words[0], words[1]) for line in text.splitlines() if (words := line.split(maxsplit=1))]


def test_only_the_runner_sees_the_docker_socket(services: dict[str, Any]) -> None:
    seeing = [name for name, service in services.items() if any(SOCKET in str(volume) for volume in service["volumes"])]
    assert seeing == ["runner"]


@pytest.mark.parametrize("name", ["headgate", "runner"])
def test_no_service_has_more_rights_than_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & service.keys()
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_port_is_open_to_this_host_only(services: dict[str, Any]) -> None:
    assert services["headgate"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "ports" not in services["runner"]


def test_service_and_runner_share_a_token_that_nobody_committed(services: dict[str, Any]) -> None:
    tokens = {service["environment"]["HEADGATE_RUNNER_TOKEN"] for service in services.values()}
    assert len(tokens) == 1
    assert tokens.pop().startswith("${HEADGATE_RUNNER_TOKEN:?")


def test_health_is_asked_where_the_service_answers_it(services: dict[str, Any], steps: list[tuple[str, str]]) -> None:
    assert HEALTH in services["headgate"]["healthcheck"]["test"][-1]
    assert HEALTH in dict(steps)["HEALTHCHECK"]
    assert services["runner"]["depends_on"] == {"headgate": {"condition": "service_healthy"}}


def test_every_command_and_option_exists_in_the_cli(services: dict[str, Any], steps: list[tuple[str, str]]) -> None:
    for command in [services["headgate"]["command"], services["runner"]["command"], json.loads(dict(steps)["CMD"])]:
        assert command[0] == "headgate"
        usage = help_of(command[1])
        for option in (word for word in command if word.startswith("--")):
            assert option in usage, f"headgate {command[1]} has no {option}"


def help_of(command: str) -> str:
    """What the CLI says of a command, without colours or line breaks inside an option."""
    program = [sys.executable, "-c", "from service.cli import main; main()", command, "--help"]
    env = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=True).stdout


def test_every_mount_is_a_named_volume_or_the_socket(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"].keys()
    mounted = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert mounted == {SOCKET, *volumes}


def test_the_image_runs_as_a_user_and_not_as_root(steps: list[tuple[str, str]]) -> None:
    assert dict(steps)["FROM"] == "python:3.13-slim"
    names = [name for name, _ in steps]
    assert dict(steps)["USER"] == "headgate"
    assert names.index("USER") > max(index for index, name in enumerate(names) if name in {"RUN", "COPY"})


def test_the_image_holds_git_and_all_that_is_copied_exists(steps: list[tuple[str, str]]) -> None:
    assert any("apt-get install" in words and " git " in words for name, words in steps if name == "RUN")
    sources = [source for name, words in steps if name == "COPY" for source in shlex.split(words)[:-1]]
    assert {"pyproject.toml", "constraints.txt", "service", "runners", "webhooks"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    done = compose(tmp_path, "config", "--quiet", HEADGATE_RUNNER_TOKEN="secret")
    assert (done.returncode, done.stderr) == (0, "")


def test_compose_asks_for_the_token_when_it_is_missing(tmp_path: Path) -> None:
    done = compose(tmp_path, "config", "--quiet")
    assert done.returncode != 0
    assert "a secret that service and runner share" in done.stderr


def compose(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs docker compose on a copy of our file: beside the file itself the caller may keep an `.env`."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "COMPOSE_"))}
    return subprocess.run([*compose_program(), *words], cwd=folder, env=inherited | env, capture_output=True, text=True, timeout=30, check=False)


def compose_program() -> list[str]:
    """The program, or the plugin of the Docker CLI; ends the test where neither is here."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    plugin = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode != 0:
        need("compose", "neither docker compose nor docker-compose is here")
    return plugin
