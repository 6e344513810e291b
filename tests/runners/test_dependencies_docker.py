"""Dependencies of Python tasks in containers: what the image has to install with, installs them inside."""

from __future__ import annotations

import importlib
import io
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from runners.backend import Backend
from runners.backends.docker import DockerBackend
from runners.memory import MemoryService
from runners.protocol import Outcome, Result, Tree
from runners.workspace import Workspace
from tests.require import need
from tests.runners.images import Images
from tests.runners.playing import PYTHON, job, play
from tests.runners.wheels import wheel
from tests.support import daemon

pytestmark = pytest.mark.docker

PLAIN, WITH_UV = "headgate-test/python:3", f"headgate-test/python-uv:{version('uv')}"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
COMMIT = Tree("demo", "c" * 40)
OFFLINE = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": "links", "UV_OFFLINE": "1"}
SCRIPT = "import greet, sys\nprint(greet.greet())"


@pytest.fixture(scope="module")
def image() -> str:
    """A Debian with Python, and uv."""
    client = daemon.needed()
    try:
        if not _is_there(client, PLAIN):
            need("docker", f"there is no image {PLAIN}; .ci/images makes it")
        if not _is_there(client, WITH_UV):
            _add_uv(client)
    finally:
        client.close()
    return WITH_UV


def _is_there(client: docker.APIClient, image: str) -> bool:
    try:
        client.inspect_image(image)
    except ImageNotFound:
        return False
    return True


def _add_uv(client: docker.APIClient) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(importlib.import_module("uv").find_uv_bin(), "usr/local/bin/uv")
    container = client.create_container(PLAIN)["Id"]
    try:
        client.put_archive(container, "/", packed.getvalue())
        repository, _, tag = WITH_UV.partition(":")
        client.commit(container, repository, tag)
    finally:
        client.remove_container(container)


@pytest.fixture
def service() -> MemoryService:
    """A service whose commit holds a package."""
    name, content = wheel("greet", "1.0", {"greet.py": "def greet(): return 'hello'\ndef main(): print('a command')\n"}, "greet = greet:main")
    service = MemoryService()
    service.hold(COMMIT, {f"links/{name}": content})
    return service


def run(base: Path, service: MemoryService, image: str, **spec: Any) -> tuple[Outcome, list[tuple[str, str]]]:
    """A Python task of the commit, in a container."""
    properties = {"script": SCRIPT, "containerImage": image, "env": OFFLINE, "taskRunner": {"type": DOCKER, "pullPolicy": "NEVER"}, **spec}
    made: list[DockerBackend] = []

    def backends(base: Path) -> list[Backend]:
        made.append(DockerBackend(Workspace(base).instance()))
        return [made[0]]

    try:
        return play(base, job("one", type=PYTHON, spec=properties, tree=COMMIT), service, backends=backends)
    finally:
        for backend in made:
            backend.close()


def test_uv_of_the_image_installs_them(tmp_path: Path, service: MemoryService, image: str):
    script = f"{SCRIPT}\nimport subprocess, os\nsubprocess.run(['greet'], check=True)\nprint(os.listdir('.'))"
    outcome, lines = run(
        tmp_path, service, image, dependencies=["greet==1.0"], beforeCommands=["python -c 'import greet; print(greet.greet())'"], script=script
    )
    assert outcome.result is Result.SUCCESS, lines
    assert ("DEBUG", " + greet==1.0") in lines
    assert ("DEBUG", "hello") in lines
    info = [message for level, message in lines if level == "INFO"]
    assert sorted(info[:2]) == ["a command", "hello"]
    assert "requirements" not in info[2]


def test_what_can_not_be_installed_is_told_with_the_last_lines(tmp_path: Path, service: MemoryService, image: str):
    outcome, lines = run(tmp_path, service, image, dependencies=["greet==3.0"])
    assert outcome.result is Result.FAILED
    assert str(outcome.message).startswith("the dependencies could not be installed (exit code 1):\n")
    assert "greet==3.0" in str(outcome.message)
    assert {level for level, _ in lines} == {"DEBUG"}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"dependencies": ["greet"]}, "the image has neither uv nor pip to install dependencies with"),
        ({"pythonVersion": "3.99"}, "the image has no Python 3.99: name another one in containerImage, for example python:3.99-slim"),
    ],
)
def test_an_image_that_lacks_something_is_told_so(tmp_path: Path, service: MemoryService, image: str, spec: dict[str, Any], problem: str):
    outcome, _ = run(tmp_path, service, PLAIN, **spec)
    assert outcome.result is Result.FAILED
    assert problem in str(outcome.message)


def test_an_image_without_python_is_told_so(tmp_path: Path, service: MemoryService, docker_images: Images):
    outcome, _ = run(tmp_path, service, docker_images.plain, dependencies=["greet"])
    assert outcome.result is Result.FAILED
    assert "the image has no Python: name another one in containerImage" in str(outcome.message)


def test_the_version_of_the_image_is_taken(tmp_path: Path, service: MemoryService, image: str):
    outcome, lines = run(tmp_path, service, image, pythonVersion="3", script="import sys\nprint(sys.version_info[0])")
    assert (outcome.result, lines) == (Result.SUCCESS, [("INFO", "3")])
