"""docker.Run, Build and Pull, on a real daemon with images that were made here."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from runners.backends.docker import DockerBackend
from runners.memory import MemoryService
from runners.protocol import Result, Tree
from runners.workspace import Workspace
from tests.runners.images import Images
from tests.runners.playing import job, on_host, play
from tests.support import daemon

RUN, BUILD, PULL = (f"io.kestra.plugin.docker.{name}" for name in ("Run", "Build", "Pull"))

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


@pytest.fixture
def engine(docker_images: Images) -> Iterator[docker.APIClient]:
    client = daemon.needed()
    yield client
    client.close()


@pytest.fixture
def name(engine: docker.APIClient) -> Iterator[str]:
    """A name for an image, which is removed in the end."""
    name = f"headgate-test/built-{uuid.uuid4().hex[:8]}"
    yield name
    for image in engine.images(name):
        for tag in image["RepoTags"]:
            with contextlib.suppress(docker.errors.APIError):
                engine.remove_image(tag, force=True)


def both(base: Path, allow: frozenset[str] = frozenset()):
    """An agent with containers and plain processes."""
    return [DockerBackend(Workspace(base).instance(), allow=allow), on_host(base)]


def done(base: Path, type: str, spec: dict, service: MemoryService | None = None, **rest):
    made = []

    def backends(folder: Path):
        made.extend(both(folder))
        return made

    try:
        return play(base, job("one", type=type, spec=spec, **rest), service, backends=backends)
    finally:
        for backend in made[:1]:
            backend.close()


class TestRun:
    def test_a_command_runs_without_a_shell_and_gives_what_scripts_give(self, tmp_path, docker_images):
        outcome, lines = done(tmp_path, RUN, {"containerImage": docker_images.plain, "commands": ["echo", "a  b", "$HOME"]})
        assert lines == [("INFO", "a  b $HOME")]
        assert outcome.outputs == {
            "exitCode": 0,
            "outputFiles": {},
            "vars": {},
            "stdOutLineCount": 1,
            "stdErrLineCount": 0,
            "taskRunner": {"type": "io.kestra.plugin.scripts.runner.docker.Docker"},
        }

    def test_the_images_entry_point_is_used_or_replaced(self, tmp_path, docker_images):
        own, _ = done(tmp_path / "a", RUN, {"containerImage": docker_images.entry, "commands": ["x"]})
        assert own.message == "the command ended with exit code 1"
        _, lines = done(tmp_path / "b", RUN, {"containerImage": docker_images.entry, "entryPoint": ["/bin/echo", "said"], "commands": ["x"]})
        assert lines == [("INFO", "said x")]

    def test_without_commands_the_images_own_run(self, tmp_path, docker_images):
        outcome, lines = done(tmp_path, RUN, {"containerImage": docker_images.plain, "user": "ann"})
        assert (outcome.result, lines) == (Result.SUCCESS, [])  # a shell that finds no input

    def test_files_environment_limits_and_user_are_the_containers(self, tmp_path, docker_images):
        service, tree = MemoryService(), Tree("demo", "a" * 40)
        service.hold(tree, {"own.txt": b"mine"})
        script = "cat own.txt in.txt > made.txt; id -u; echo $X; cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes; ls /sys/class/net"
        spec = {
            "containerImage": docker_images.plain,
            "commands": ["sh", "-c", script],
            "env": {"X": "y", "NONE": None},
            "inputFiles": {"in.txt": "input"},
            "outputFiles": ["*.txt"],
            "user": "1234:1235",
            "memory": {"memory": "64MB"},
            "cpu": {"cpus": 0.5},
            "networkMode": "none",
        }
        outcome, lines = done(tmp_path, RUN, spec, service, tree=tree)
        assert [line for level, line in lines if level == "INFO"] == ["1234", "y", str(64 << 20), "lo"]
        assert set(outcome.outputs["outputFiles"]) == {"in.txt", "made.txt", "own.txt"}
        assert service.stored(outcome.outputs["outputFiles"]["made.txt"]) == b"mineinput"

    def test_one_that_is_not_waited_for_runs_on(self, tmp_path, docker_images, engine):
        outcome, lines = done(tmp_path, RUN, {"containerImage": docker_images.plain, "commands": ["sleep", "300"], "wait": False})
        assert (outcome.result, outcome.exit_code) == (Result.SUCCESS, 0)
        container = lines[-1][1].split()[2]
        try:
            assert engine.inspect_container(container)["State"]["Running"]
        finally:
            engine.remove_container(container, force=True)

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({"containerImage": " "}, "containerImage is empty"),
            (
                {"containerImage": "headgate-test/none:1", "pullPolicy": "NEVER"},
                "the image headgate-test/none:1 is not on this runner, and the pull policy is NEVER",
            ),
            ({"volumes": ["/:/host"]}, "this runner does not allow volumes for containers"),
            ({"privileged": True}, "this runner does not allow privileged for containers"),
            ({"networkMode": "host"}, "this runner does not allow host network for containers"),
            ({"commands": ["no-such-program"]}, "exit code 127 (command not found)"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, docker_images, spec, message):
        outcome, _ = done(tmp_path, RUN, {"containerImage": docker_images.plain, **spec})
        assert outcome.result is Result.FAILED
        assert message in str(outcome.message)


class TestBuild:
    def test_an_image_is_built_of_a_text_with_files_arguments_and_names(self, tmp_path, docker_images, engine, name):
        service, tree = MemoryService(), Tree("demo", "a" * 40)
        service.hold(tree, {"own.txt": b"mine", "left.out": b"x", ".dockerignore": b"*.out\n"})
        text = f"FROM {docker_images.plain}\nARG WHAT=none\nCOPY . /made/\nRUN echo $WHAT > /made/what; ls /made\nLABEL a=b\n"
        spec = {"dockerfile": text, "tags": [f"{name}:1", name], "buildArgs": {"WHAT": "that"}, "labels": {"c": "d"}, "inputFiles": {"in.txt": "input"}}
        outcome, lines = done(tmp_path, BUILD, spec, service, tree=tree)
        assert outcome.result is Result.SUCCESS, outcome.message
        found = engine.inspect_image(f"{name}:1")
        assert outcome.outputs == {"imageId": found["Id"]}
        assert sorted(found["RepoTags"]) == [f"{name}:1", f"{name}:latest"]
        assert found["Config"]["Labels"] == {"a": "b", "c": "d"}
        said = [line for _, line in lines]
        assert {"in.txt", "own.txt", "what"} <= set(said)
        assert "left.out" not in said
        _, lines = done(tmp_path / "b", RUN, {"containerImage": name, "commands": ["cat", "/made/what"], "pullPolicy": "NEVER"})
        assert lines == [("INFO", "that")]

    def test_a_dockerfile_of_the_commit_is_named_by_its_path(self, tmp_path, docker_images, name):
        service, tree = MemoryService(), Tree("demo", "a" * 40)
        service.hold(tree, {"docker/App": f"FROM {docker_images.plain}\nENV A=b\n".encode()})
        assert done(tmp_path, BUILD, {"dockerfile": "docker/App", "tags": [name]}, service, tree=tree)[0].result is Result.SUCCESS

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({"dockerfile": "none"}, "dockerfile: there is no file 'none' in the working directory"),
            ({"dockerfile": "../x"}, "'../x' is not a path inside the working directory"),
            ({"dockerfile": "FROM scratch\nBOIL water"}, "unknown instruction: BOIL"),
            ({"dockerfile": "FROM headgate-test/plain:1\nRUN exit 3"}, "returned a non-zero code: 3"),
            ({"dockerfile": "FROM scratch\nENV a=b", "tags": ["No Name"]}, "invalid reference format"),
            ({"dockerfile": "FROM scratch", "platforms": ["a", "b"]}, "one platform at a time"),
            ({"dockerfile": "FROM scratch", "credentials": {"auth": "&"}}, "has an `auth` that is not base64"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, docker_images, name, spec, message):
        outcome, _ = done(tmp_path, BUILD, {"tags": [name], **spec})
        assert outcome.result is Result.FAILED
        assert message in str(outcome.message)


class TestPull:
    def test_an_image_that_is_nowhere_is_told(self, tmp_path, docker_images):
        outcome, _ = done(tmp_path, PULL, {"image": "127.0.0.1:9/none:1"})
        assert outcome.result is Result.FAILED
        assert str(outcome.message).startswith("the image 127.0.0.1:9/none:1 can't be pulled: ")
        assert "connection refused" in str(outcome.message)
