"""What every backend must do, on a real one of each kind."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from runners.backend import Launch, Line, NoImage, NotStarted, Program
from runners.backends.docker import DockerBackend
from runners.engine import Engine
from runners.protocol import Lease
from runners.task import Exit
from tests.runners.images import Images, docker_images
from tests.runners.playing import alive, on_host, until

__all__ = ["docker_images"]

_numbers = itertools.count()


@dataclass
class Place:
    """A backend, and how to start something in it."""

    backend: Any
    base: Path
    image: str | None = None

    def launch(self, script: str, *, name: str = "", step: int = 0, **rest: Any) -> Launch:
        """A shell script to start, in a folder of its own."""
        lease = Lease(name or f"run{next(_numbers)}", 1, 1)
        folder = self.base / "jobs" / lease.key
        (folder / "work").mkdir(parents=True, exist_ok=True)
        settings = {"image": self.image, **rest}
        return Launch(lease, step, ("/bin/sh", "-c", script), settings.pop("env", {}), folder / "work", folder, **settings)

    def again(self, launch: Launch) -> Program:
        """The program that another agent of this place would find."""
        return self.backend.start(replace(launch, expected=True))

    def run(self, script: str, **rest: Any) -> tuple[list[tuple[str, str]], Exit]:
        """Runs a script to its end and removes it."""
        launch = self.launch(script, **rest)
        program = self.backend.start(launch)
        lines = texts(program.output())
        end = program.wait()
        self.backend.remove(launch.lease)
        return lines, end


def texts(lines: Iterator[Line]) -> list[tuple[str, str]]:
    return [(line.stream, line.text) for line in lines]


@pytest.fixture
def instance(tmp_path: Path) -> str:
    return f"test{os.getpid()}{next(_numbers)}"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest, tmp_path: Path, instance: str) -> Iterator[Place]:
    """Each backend in turn."""
    if request.param == "process":
        yield Place(on_host(tmp_path), tmp_path)
        return
    images: Images = request.getfixturevalue("docker_images")
    yield from docker_place(tmp_path, instance, images)


@pytest.fixture
def containers(tmp_path: Path, instance: str, docker_images: Images) -> Iterator[Place]:
    """The docker backend."""
    yield from docker_place(tmp_path, instance, docker_images)


def docker_place(base: Path, instance: str, images: Images, **settings: Any) -> Iterator[Place]:
    backend = DockerBackend(instance, **settings)
    yield Place(backend, base, images.plain)
    left = backend.left()
    for lease in left:
        backend.remove(lease)
    backend.close()
    assert left == (), "a test left containers behind"


def test_it_is_available(place: Place):
    assert place.backend.available() is None


def test_lines_and_exit_code_come_back(place: Place):
    lines, end = place.run("echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three; exit 5")
    assert lines == [("stdout", "one"), ("stderr", "two"), ("stdout", "three")]
    assert end == Exit(5, runner=place.backend.options.TYPE)


def test_lines_of_one_stream_keep_their_order(place: Place):
    lines, _ = place.run("i=0; while [ $i -lt 3000 ]; do echo $i; [ $((i % 7)) = 0 ] && echo e$i >&2; i=$((i+1)); done")
    assert [text for stream, text in lines if stream == "stdout"] == [str(number) for number in range(3000)]
    assert [text for stream, text in lines if stream == "stderr"] == [f"e{number}" for number in range(0, 3000, 7)]


def test_lines_are_live(place: Place):
    launch = place.launch("echo first; sleep 30")
    program = place.backend.start(launch)
    began = time.monotonic()
    assert next(iter(program.output())).text == "first"
    assert time.monotonic() - began < 5
    place.backend.remove(launch.lease)


def test_a_long_line_arrives_whole(place: Place):
    lines, _ = place.run("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")
    assert [len(text) for _, text in lines] == [100_000, 3]


def test_the_environment_is_as_given_and_the_agents_is_not_there(place: Place, monkeypatch):
    monkeypatch.setenv("HEADGATE_TOKEN", "hidden-1")
    monkeypatch.setenv("SECRET_X", "hidden-2")
    lines, _ = place.run('echo "$A"; env', env={"A": "it's é"})
    assert lines[0] == ("stdout", "it's é")
    assert "hidden" not in str(lines)


def test_the_working_directory_is_the_same_path_and_can_be_written_to(place: Place):
    launch = place.launch("pwd; cat sub/in; echo new > made; echo more >> sub/in; ./run")
    (launch.work / "sub").mkdir()
    (launch.work / "sub/in").write_text("text\n")
    (launch.work / "run").write_text("#!/bin/sh\necho ran\n")
    (launch.work / "run").chmod(0o755)
    program = place.backend.start(launch)
    assert texts(program.output()) == [("stdout", str(launch.work)), ("stdout", "text"), ("stdout", "ran")]
    assert program.wait().code == 0
    program.collect("made")
    program.collect("sub")
    program.collect("not/there")
    assert (launch.work / "made").read_text() == "new\n"
    assert (launch.work / "sub/in").read_text() == "text\nmore\n"
    program.collect("")
    assert sorted(path.name for path in launch.work.rglob("*")) == ["in", "made", "run", "sub"]
    place.backend.remove(launch.lease)


def test_stopping_asks_first(place: Place):
    launch = place.launch("trap 'echo asked; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    program = place.backend.start(launch)
    lines = program.output()
    assert next(lines).text == "ready"
    program.stop(10)
    assert "asked" in [line.text for line in lines]
    assert program.wait().code == 9
    place.backend.remove(launch.lease)


def test_stopping_kills_what_does_not_listen(place: Place):
    launch = place.launch("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    program = place.backend.start(launch)
    lines = program.output()
    assert next(lines).text == "ready"
    began = time.monotonic()
    program.stop(0.2)
    list(lines)
    assert time.monotonic() - began < 8
    assert program.wait().code in (None, 137)
    program.stop(0.2)
    place.backend.remove(launch.lease)


def test_what_it_leaves_in_the_background_ends_with_it(place: Place):
    began = time.monotonic()
    lines, end = place.run("setsid sleep 300 & (setsid sh -c 'sleep 301; echo late' &) ; sleep 302 & echo end")
    assert (lines, end.code) == ([("stdout", "end")], 0)
    assert time.monotonic() - began < 10


def test_joining_gives_every_line_again_in_the_same_order(place: Place):
    launch = place.launch("i=0; while [ $i -lt 40 ]; do echo o$i; echo e$i >&2; sleep 0.02; i=$((i+1)); done; exit 4")
    first = place.backend.start(launch)
    part = list(itertools.islice(first.output(), 20))
    second = place.again(launch)
    assert second.joined
    whole = texts(second.output())
    assert len(whole) == 80
    assert whole[:20] == texts(iter(part))
    assert second.wait().code == 4
    third = place.again(launch)
    assert texts(third.output()) == whole
    assert third.wait().code == 4
    place.backend.remove(launch.lease)


def test_what_is_said_to_have_begun_and_is_not_there_is_lost(place: Place):
    launch = place.launch("true")
    program = place.again(launch)
    assert list(program.output()) == []
    assert program.wait().reason == "lost"


def test_jobs_that_left_something_are_listed_until_removed(place: Place):
    launch, other = place.launch("sleep 300"), place.launch("true")
    place.backend.start(launch)
    finished = place.backend.start(other)
    list(finished.output())
    finished.wait()
    assert set(place.backend.left()) == {launch.lease, other.lease}
    for one in (launch, other):
        place.backend.remove(one.lease)
        place.backend.remove(one.lease)
    assert place.again(launch).wait().reason == "lost"


def test_two_programs_of_one_job_are_told_apart(place: Place):
    first = place.launch("echo 1", name="twice")
    second = place.launch("echo 2", name="twice", step=1)
    for launch, text in ((first, "1"), (second, "2")):
        assert texts(place.backend.start(launch).output()) == [("stdout", text)]
    assert texts(place.again(first).output()) == [("stdout", "1")]
    place.backend.remove(first.lease)


def test_the_caller_is_told_before_the_first_instruction(place: Place):
    launch = place.launch("test -e begun && echo yes")
    program = place.backend.start(replace(launch, begun=lambda: None))
    assert list(program.output()) == []

    def fail() -> None:
        raise KeyboardInterrupt

    other = place.launch("echo never")
    with pytest.raises(KeyboardInterrupt):
        place.backend.start(replace(other, begun=fail))
    for one in (launch, other):
        place.backend.remove(one.lease)


def test_a_program_that_is_not_there_fails_with_a_reason(place: Place):
    launch = replace(place.launch(""), argv=("/no/such/program",))
    words: list[str] = []
    try:
        program = place.backend.start(launch)
    except NotStarted as problem:
        words.append(str(problem))
    else:
        words += [line.text for line in program.output()]
        assert program.wait().code in (126, 127)
    assert "/no/such/program" in str(words)
    place.backend.remove(launch.lease)


def test_what_is_not_trusted_is_no_process(tmp_path: Path):
    with pytest.raises(NotStarted, match="in a container only"):
        Place(on_host(tmp_path), tmp_path).run("true", trusted=False)


def test_a_flood_of_output_is_stopped_at_the_cap(tmp_path: Path):
    backend = on_host(tmp_path, output_cap=1 << 20)
    place = Place(backend, tmp_path)
    _, end = place.run(f"yes {'y' * 200}", name="flood")
    assert end.reason == "error"
    assert "printed more than 1 MiB" in str(end.message)


@pytest.mark.docker
def test_a_flood_of_output_is_stopped_at_the_cap_in_a_container(tmp_path: Path, instance: str, docker_images: Images):
    for place in docker_place(tmp_path, instance, docker_images, output_cap=1 << 20):
        _, end = place.run(f"yes {'y' * 200}", name="flood")
        assert "printed more than 1 MiB" in str(end.message)


def test_a_flood_is_stopped_at_the_cap_also_when_nobody_reads(tmp_path: Path):
    place = Place(on_host(tmp_path, output_cap=1 << 20), tmp_path)
    launch = place.launch("yes")
    program = place.backend.start(launch)
    lines = program.output()
    next(lines)
    until(lambda: not alive(tmp_path, launch.lease.key))
    list(lines)
    assert "printed more than 1 MiB" in str(program.wait().message)
    place.backend.remove(launch.lease)


def test_what_a_program_printed_is_measured_also_when_it_ends_at_once(tmp_path: Path):
    place = Place(on_host(tmp_path, output_cap=1 << 20), tmp_path)
    assert "printed more than 1 MiB" in str(place.run("yes | head -c 1100000")[1].message)
    assert place.run("yes | head -c 1000000") == ([("stdout", "y")] * 500_000, Exit(0, runner=place.backend.options.TYPE))


def test_a_program_that_ended_by_itself_is_over_and_is_read_whole(place: Place):
    launch = place.launch(f"yes {'y' * 99} | head -c 6000000")
    program = place.backend.start(launch)
    lines = program.output()
    read = [next(lines)]
    until(program.over)
    read += lines
    assert (len(read), program.unread, program.wait().code) == (60_000, None, 0)
    place.backend.remove(launch.lease)


def test_a_program_that_runs_is_not_over(place: Place):
    launch = place.launch("echo ready; sleep 300")
    program = place.backend.start(launch)
    next(program.output())
    assert not program.over()
    program.stop(0)
    assert program.over()
    place.backend.remove(launch.lease)


def test_of_what_a_stopped_program_printed_only_a_little_is_read_on(place: Place):
    launch = place.launch(f"yes {'y' * 999} | head -c 20000000; touch printed; sleep 300")
    program = place.backend.start(launch)
    lines = program.output()
    assert next(lines).text == "y" * 999

    def printed() -> bool:
        program.collect("printed")
        return (launch.work / "printed").exists()

    until(printed)
    program.stop(0)
    # What had been received when it was stopped comes on top.
    assert sum(1 for _ in lines) < 10_000
    assert "dropped unread" in str(program.unread)
    place.backend.remove(launch.lease)


def test_a_process_killed_from_outside_with_its_shell_is_lost(tmp_path: Path):
    place = Place(on_host(tmp_path), tmp_path)
    launch = place.launch("echo ready; sleep 300")
    program = place.backend.start(launch)
    lines = program.output()
    assert next(lines).text == "ready"
    pid = int((launch.folder / "run-0/pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    assert list(lines) == []
    assert program.wait().reason == "lost"
    assert alive(tmp_path, launch.lease.key) == {}


def test_what_was_recorded_and_never_let_go_is_started(tmp_path: Path):
    place = Place(on_host(tmp_path), tmp_path)
    launch = place.launch("echo ran")

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.backend.start(replace(launch, begun=die))
    exit_file = launch.folder / "run-0/exit"
    while not exit_file.exists() or exit_file.read_text() != "never\n":
        time.sleep(0.01)
    program = place.again(launch)
    assert not program.joined
    assert texts(program.output()) == [("stdout", "ran")]
    assert program.wait().code == 0
    place.backend.remove(launch.lease)


def test_a_recycled_pid_is_left_alone(tmp_path: Path):
    place = Place(on_host(tmp_path), tmp_path)
    launch = place.launch("true")
    folder = launch.folder / "run-0"
    folder.mkdir()
    # Our own parent, under a start time that is not its own: a number that came to mean somebody else.
    (folder / "pid").write_text(f"{os.getppid()} 1\n")
    place.backend.remove(launch.lease)
    os.kill(os.getppid(), 0)
    assert place.again(launch).wait().reason == "lost"


def test_a_process_that_hides_its_mark_and_its_session_is_found_by_its_parents(tmp_path: Path):
    place = Place(on_host(tmp_path), tmp_path)
    launch = place.launch("env -i setsid sleep 300 & env -i setsid sh -c 'sleep 301 & sleep 302' & echo ready; wait")
    program = place.backend.start(launch)
    lines = program.output()
    assert next(lines).text == "ready"
    time.sleep(0.2)
    assert len(alive(tmp_path, launch.lease.key)) >= 6
    program.stop(0.1)
    list(lines)
    assert alive(tmp_path, launch.lease.key) == {}


@pytest.mark.docker
class TestContainers:
    """What only containers do."""

    def test_they_carry_the_labels_of_their_job(self, containers: Place):
        launch = containers.launch("true", labels={"headgate.execution": "e1", "headgate.task": "t1", "kestra.io/namespace": "n"})
        list(containers.backend.start(launch).output())
        client = docker.from_env().api
        (found,) = client.containers(all=True, filters={"name": containers.backend._name(launch)})
        client.close()
        labels = found["Labels"]
        assert {"headgate.instance", "headgate.execution", "headgate.task", "headgate.attempt", "headgate.epoch", "kestra.io/namespace"} <= set(labels)
        containers.backend.remove(launch.lease)

    def test_one_that_was_made_and_not_started_is_started(self, containers: Place):
        launch = containers.launch("echo ran")
        backend = containers.backend
        backend._engine.create(backend._name(launch), **backend._settings(launch, backend._options(launch), ""))
        program = containers.again(launch)
        assert texts(program.output()) == [("stdout", "ran")]
        backend.remove(launch.lease)

    def test_another_instance_does_not_see_them(self, containers: Place, tmp_path: Path):
        launch = containers.launch("true")
        containers.backend.start(launch)
        other = DockerBackend("another")
        assert other.left() == ()
        other.close()
        containers.backend.remove(launch.lease)

    def test_the_images_user_owns_the_files(self, containers: Place, docker_images: Images):
        launch = containers.launch("id -u; echo more >> in; echo new > out; cat in", image=docker_images.user)
        (launch.work / "in").write_text("text\n")
        program = containers.backend.start(launch)
        assert texts(program.output()) == [("stdout", "1234"), ("stdout", "text"), ("stdout", "more")]
        containers.backend.remove(launch.lease)

    def test_a_user_without_a_name_can_write_too(self, containers: Place):
        lines, end = containers.run("id -u; echo new > out", options={"user": "4321"})
        assert (lines, end.code) == ([("stdout", "4321")], 0)

    def test_the_images_entry_point_is_not_in_the_way(self, containers: Place, docker_images: Images):
        assert containers.run("echo ran", image=docker_images.entry)[0] == [("stdout", "ran")]

    def test_privileges_cannot_grow_and_an_init_collects_orphans(self, containers: Place):
        lines, _ = containers.run("grep NoNewPrivs /proc/self/status; cat /proc/1/comm; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null")
        assert lines[0] == ("stdout", "NoNewPrivs:\t1")
        assert "init" in lines[1][1]
        assert lines[2] == ("stdout", "4096")

    def test_out_of_memory_is_told_apart(self, containers: Place):
        # Seen on a loaded machine: the daemon at times never says so. Why is not known.
        ends = [containers.run("tail /dev/zero", options={"memory": {"memory": "16MB"}})[1] for _ in range(3)]
        assert {end.code for end in ends} == {137}
        told = [str(end.message) for end in ends if end.reason == "oom"]
        assert told
        assert all("16MB" in message for message in told)

    def test_out_of_memory_is_told_apart_also_when_the_daemon_hears_of_it_late(self, containers: Place, monkeypatch: pytest.MonkeyPatch):
        launch = containers.launch("tail /dev/zero", options={"memory": {"memory": "16MB"}})
        program = containers.backend.start(launch)
        list(program.output())
        inspect, answers = Engine.inspect, []

        def late(engine: Engine, container: str):
            found = inspect(engine, container)
            assert found is not None
            answers.append(found)
            return {**found, "State": {**found["State"], "OOMKilled": len(answers) > 3}}

        monkeypatch.setattr(Engine, "inspect", late)
        end = program.wait()
        assert (end.code, end.reason, len(answers)) == (137, "oom", 4)
        containers.backend.remove(launch.lease)

    def test_a_container_that_somebody_removed_is_lost(self, containers: Place):
        launch = containers.launch("echo ready; sleep 300")
        program = containers.backend.start(launch)
        lines = program.output()
        assert next(lines).text == "ready"
        client = docker.from_env().api
        client.remove_container(containers.backend._name(launch), force=True)
        client.close()
        list(lines)
        assert program.wait().reason == "lost"

    def test_a_missing_image_is_named(self, containers: Place):
        with pytest.raises(NoImage, match="headgate-test/none:9 is not on this runner, and the pull policy is NEVER"):
            containers.run("true", image="headgate-test/none:9", options={"pullPolicy": "NEVER"})

    def test_a_failed_pull_is_told_with_the_daemons_words(self, containers: Place):
        said: list[str] = []
        launch = containers.launch("true", image="127.0.0.1:1/none", say=lambda level, message: said.append(message))
        with pytest.raises(NoImage, match=r"127\.0\.0\.1:1/none can't be pulled: .*refused"):
            containers.backend.start(launch)
        assert said == ["Pulling the image 127.0.0.1:1/none"]

    def test_a_pull_can_be_stopped(self, containers: Place, silent_registry: str):
        launch = containers.launch("true", image=f"{silent_registry}/none")
        threading.Timer(0.3, launch.stopping.set).start()
        began = time.monotonic()
        with pytest.raises(NotStarted, match="stopped"):
            containers.backend.start(launch)
        assert time.monotonic() - began < 5

    def test_a_pull_has_a_time_limit(self, tmp_path: Path, instance: str, docker_images: Images, silent_registry: str):
        for place in docker_place(tmp_path, instance, docker_images, pull_timeout=0.3):
            with pytest.raises(NoImage, match="in time"):
                place.run("true", image=f"{silent_registry}/none")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"privileged": True}, "does not allow privileged"),
            ({"volumes": ["/:/host"]}, "does not allow volumes"),
            ({"networkMode": "host"}, "does not allow host network"),
            ({"networkMode": "container:other"}, "does not allow host network"),
            ({"host": "tcp://other:2375"}, "host: it is part of the language, but this version does not run it yet"),
            ({"portBindings": ["x:2"]}, r"portBindings\.0: not a port binding"),
            ({"deviceRequests": [{"count": 1}]}, "does not allow device requests"),
            ({"memory": {"memory": "much"}}, r"memory\.memory: not a size"),
            ({"unknown": 1}, "unknown"),
        ],
    )
    def test_what_is_not_allowed_or_not_run_is_refused(self, containers: Place, options, words):
        with pytest.raises(NotStarted, match=words):
            containers.run("true", options=options)

    def test_limits_and_names_are_passed_on(self, containers: Place):
        options = {"cpu": {"cpus": 0.5}, "memory": {"memory": "64MB"}, "shmSize": "16MB", "extraHosts": ["db:10.0.0.9"], "networkMode": "none", "version": "1"}
        lines, end = containers.run("df -k /dev/shm | tail -1; grep db /etc/hosts; ls /sys/class/net", options=options)
        assert end.code == 0
        assert "16384" in lines[0][1]
        assert "10.0.0.9" in lines[1][1]
        assert lines[2:] == [("stdout", "lo")]

    def test_a_daemon_that_is_not_there_says_what_to_do(self):
        backend = DockerBackend("x", host="tcp://127.0.0.1:1")
        assert "start one, set DOCKER_HOST, or use the task runner io.kestra.plugin.core.runner.Process" in str(backend.available())
        assert backend.left() == ()
        backend.close()


@pytest.fixture
def silent_registry() -> Iterator[str]:
    """A registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
