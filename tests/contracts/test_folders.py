"""A folder that jobs share: the same on every backend, from the first file to the last, whatever happens to the agent."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runners.agent import Agent, Timing
from runners.backend import Backend, Backends
from runners.backends.docker import DockerBackend
from runners.memory import MemoryService
from runners.protocol import CACHE, Job, Lease, Outcome, Result, Tree
from runners.work import TORN
from runners.workspace import Workspace
from tests.runners.images import docker_images
from tests.runners.playing import INFO, QUICK, at_work, job, on_host, until

__all__ = ["docker_images"]

COMMIT = Tree("demo", "e" * 40)
FOLDER = "io.kestra.plugin.core.flow.WorkingDirectory"


@dataclass
class House:
    """An agent's folder, with a kind of backend, beside a service."""

    service: MemoryService
    base: Path
    backends: Callable[[Path], list[Backend]]
    image: str | None = None

    def hold(self, name: str = "group", tree: Tree | None = None, **spec: Any) -> Lease:
        """Has a folder held; gives its lease."""
        self.service.offer(Job(Lease(name, 1, 0), "exec-1", "team", "flow", name, FOLDER, spec, tree=tree, holds=True))
        return self.service.opened(name)

    def offer(self, name: str, folder: Lease, *commands: str, **spec: Any) -> None:
        placed = {"containerImage": self.image} if self.image else {}
        self.service.offer(job(name, spec={"commands": list(commands), **placed, **spec}, folder=folder))

    def do(self, name: str, folder: Lease, *commands: str, **spec: Any) -> Outcome:
        """Does a job in it."""
        self.offer(name, folder, *commands, **spec)
        return self.service.ended(name)

    def said(self, name: str) -> list[str]:
        return [line.message for line in self.service.lines(name)]

    def close(self, name: str = "group") -> Outcome:
        """Has it closed."""
        self.service.kill(name)
        return self.service.ended(name)

    def left(self) -> list[str]:
        """What is on the disk."""
        return sorted(path.name for path in (self.base / "jobs").iterdir())

    def at_work(self, **rest: Any) -> Any:
        return at_work(self.service, self.base, backends=self.backends, **rest)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    service = MemoryService()
    service.hold(COMMIT, {"src/a.txt": b"a", "b.txt": b"b", "run.sh!": b"#!/bin/sh\necho ran\n"})
    if request.param == "process":
        host = on_host(tmp_path)  # of both agents that a test may have: whoever began a program waits for its end
        yield House(service, tmp_path, lambda base: [host])
        return
    images = request.getfixturevalue("docker_images")
    made: list[DockerBackend] = []

    def docker(base: Path) -> list[Backend]:
        made.append(DockerBackend(Workspace(base).instance()))
        return [made[-1]]

    yield House(service, tmp_path, docker, images.plain)
    for backend in made:
        assert backend.left() == (), "a test left containers behind"
        backend.close()


def test_what_one_job_leaves_the_next_one_finds(house: House):
    with house.at_work():
        folder = house.hold(tree=COMMIT, inputFiles={"in/x.txt": "given"})
        assert (
            house.do("one", folder, "cat in/x.txt b.txt > made.txt", "rm b.txt", "mkdir -p deep/er", "echo y > deep/er/y", "./run.sh").result is Result.SUCCESS
        )
        two = house.do("two", folder, "cat made.txt deep/er/y", "test ! -e b.txt", "./run.sh", "pwd")
        assert two.result is Result.SUCCESS
        assert house.said("two") == ["givenby", "ran", str(house.base / folder.directory)]
        assert house.close().result is Result.SUCCESS
        until(lambda: house.left() == [])


def test_what_is_wanted_is_stored_in_the_end(house: House):
    with house.at_work():
        folder = house.hold(outputFiles=["out/*.txt", "none"])
        house.do("one", folder, "mkdir out", "echo 1 > out/1.txt", "echo 2 > out/2.txt", "echo 3 > out/3.csv")
        house.do("two", folder, "rm out/2.txt", "echo 4 > out/4.txt")
        files = house.close().outputs["outputFiles"]
    assert {name: house.service.stored(uri) for name, uri in files.items()} == {"out/1.txt": b"1\n", "out/4.txt": b"4\n"}
    assert house.said("group") == ["outputFiles: nothing matches 'none'"]


def test_each_job_stores_what_is_its_own(house: House):
    with house.at_work():
        folder = house.hold()
        one = house.do("one", folder, 'echo 1 > "$OUTPUT_DIR/1"', "echo x > x", outputDirectory=True, outputFiles=["x"])
        two = house.do("two", folder, 'echo 2 > "$OUTPUT_DIR/2"', outputDirectory=True)
        house.close()
    assert (sorted(one.outputs["outputFiles"]), sorted(two.outputs["outputFiles"])) == (["1", "x"], ["2"])


def test_a_failed_job_leaves_what_it_has_made(house: House):
    with house.at_work():
        folder = house.hold()
        assert house.do("one", folder, "echo half > half", "exit 3").result is Result.FAILED
        assert house.do("two", folder, "cat half").result is Result.SUCCESS
        house.close()


def test_a_job_that_took_too_long_leaves_what_it_has_made(house: House):
    with house.at_work():
        folder = house.hold()
        placed = {"containerImage": house.image} if house.image else {}
        house.service.offer(job("one", spec={"commands": ["echo half > half", "sleep 60"], **placed}, folder=folder, timeout=1.5))
        assert house.service.ended("one").message == "the task timed out after PT1.5S"
        assert house.do("two", folder, "cat half").result is Result.SUCCESS
        house.close()


def test_files_that_can_not_be_had_are_told_and_nothing_is_left(house: House):
    with house.at_work():
        house.service.offer(Job(Lease("group", 1, 0), "exec-1", "team", "flow", "group", FOLDER, {"inputFiles": {"x": "kestra:///none"}}, holds=True))
        outcome = house.service.ended("group")
        assert (outcome.result, "kestra:///none can't be downloaded" in (outcome.message or "")) == (Result.FAILED, True)
        until(lambda: house.left() == [])


def test_the_files_of_the_namespace_get_a_folder_of_its_name(house: House):
    with house.at_work():
        folder = house.hold(tree=COMMIT, namespaceFiles={"folderPerNamespace": True, "exclude": ["b.*"]}, inputFiles={"c.txt": "c"})
        house.do("one", folder, "find team -type f | sort")
        house.close()
    assert house.said("one") == ["team/run.sh", "team/src/a.txt"]


# the cache


def cached(house: House, name: str, *commands: str, **cache: Any) -> list[str]:
    """Does some commands in a folder with a cache; gives what they and the folder said."""
    folder = house.hold(name, cache={"patterns": ["deps/**"], **cache})
    house.do(f"{name}-job", folder, *commands)
    assert house.close(name).result is Result.SUCCESS
    return [*house.said(f"{name}-job"), *(re.sub(r" \d+ s ago.*", "", line) for line in house.said(name))]


def test_the_cache_comes_back_and_is_stored_when_it_has_changed(house: House):
    with house.at_work():
        assert cached(house, "a", "mkdir deps", "echo 1 > deps/x; chmod +x deps/x", "echo y > y") == [
            "nothing has been cached yet",
            "cached the files for the next run",
        ]
        first = house.service.stored(CACHE)
        assert cached(house, "b", "cat deps/x", "test -x deps/x", "test ! -e y") == ["1", "restored what was cached"]
        assert house.service.stored(CACHE) is first
        assert cached(house, "c", "echo 2 > deps/x") == ["restored what was cached", "cached the files for the next run"]
        assert cached(house, "d", "cat deps/x") == ["2", "restored what was cached"]


def test_a_cache_that_is_too_old_is_not_used(house: House):
    with house.at_work():
        cached(house, "a", "mkdir deps", "echo 1 > deps/x")
        stored = house.service.stored(CACHE)
        house.service.store(CACHE, stored[:4] + (1_000_000_000).to_bytes(4, "little") + stored[8:])
        found = cached(house, "b", "test ! -e deps && mkdir deps && echo 2 > deps/x", ttl="PT1H")
        assert found == ["what was cached", "cached the files for the next run"]
        assert cached(house, "c", "cat deps/x", ttl="PT1H") == ["2", "restored what was cached"]


def test_a_cache_that_is_damaged_is_told(house: House):
    house.service.store(CACHE, b"no archive at all")
    with house.at_work():
        house.service.offer(Job(Lease("group", 1, 0), "exec-1", "team", "flow", "group", FOLDER, {"cache": {"patterns": ["x"]}}, holds=True))
        assert "damaged" in (house.service.ended("group").message or "")


def test_a_cache_can_not_lead_outside(house: House, tmp_path: Path):
    with house.at_work():
        folder = house.hold(cache={"patterns": ["deps/**"]})
        house.do("one", folder, "mkdir deps", "ln -s /etc/passwd deps/link", "echo x > deps/x")
        house.close()
        again = house.hold("again", cache={"patterns": ["deps/**"]})
        house.do("two", again, "ls deps")
        house.close("again")
    assert house.said("two") == ["x"]


# what goes wrong


def test_a_kill_ends_the_job_and_then_the_folder_goes(house: House):
    with house.at_work():
        folder = house.hold()
        house.offer("one", folder, "echo begun", "sleep 60")
        until(lambda: house.said("one") == ["begun"])
        house.service.kill("one")
        assert house.service.ended("one").result is Result.KILLED
        house.service.drop("group")
        until(lambda: house.left() == [])


def test_a_folder_that_is_gone_for_us_goes_with_the_job_in_it(house: House):
    with house.at_work():
        folder = house.hold()
        house.offer("one", folder, "echo begun", "trap '' TERM; sleep 60 & wait; sleep 60")
        until(lambda: house.said("one") == ["begun"])
        for name in ("group", "one"):
            house.service.drop(name)
        until(lambda: house.left() == [])


def test_a_job_whose_folder_is_not_there_does_nothing(house: House):
    with house.at_work():
        folder = house.hold()
        (house.base / "jobs" / folder.key / "opened").unlink()
        outcome = house.do("one", folder, "echo begun")
        assert (outcome.result, outcome.message) == (Result.FAILED, "the folder that it shares with other tasks is not on this runner any more")
        assert house.said("one") == []
        house.close()


def test_in_a_folder_that_is_not_whole_nothing_more_is_done(house: House):
    with house.at_work():
        folder = house.hold(outputFiles=["*"])
        (house.base / "jobs" / folder.key / TORN).touch()
        assert "could not all be copied back" in (house.do("one", folder, "echo begun").message or "")
        closed = house.close()
        assert (closed.result, "nothing of it is stored" in (closed.message or "")) == (Result.FAILED, True)


def test_another_agent_on_the_folder_goes_on(house: House):
    """The first is shut down in the middle of a job, and leaves it running."""
    with house.at_work(leave=True, drain=0.0):
        folder = house.hold(outputFiles=["*.txt"], inputFiles={"in.txt": "x"})
        house.do("one", folder, "echo 1 > one.txt")
        house.offer("two", folder, "echo begun", "i=0; while [ $i -lt 40 ]; do sleep 0.05; i=$((i+1)); done", "cat one.txt > two.txt")
        until(lambda: house.said("two") == ["begun"])
    assert house.left() == sorted([folder.key, "two-1-1"])
    with house.at_work():
        assert house.service.ended("two").result is Result.SUCCESS
        assert house.do("three", folder, "cat two.txt").result is Result.SUCCESS
        assert sorted(house.close().outputs["outputFiles"]) == ["in.txt", "one.txt", "two.txt"]
        until(lambda: house.left() == [])


def test_an_agent_that_ends_for_good_hands_its_folder_back(house: House):
    with house.at_work(drain=0.2):
        house.hold()
    assert house.service.ended("group").result is Result.HANDED
    assert house.left() == []


def test_a_folder_whose_lease_is_gone_is_removed_at_the_next_start(house: House):
    with house.at_work(leave=True, drain=0.0):
        house.hold()
    house.service.drop("group")
    with house.at_work():
        until(lambda: house.left() == [])


def test_a_folder_takes_no_place_from_a_job(house: House):
    worker = Agent(
        house.service,
        house.service,
        replace(INFO, slots=1),
        house.base,
        Backends(house.backends(house.base)),
        timing=Timing(**QUICK),  # type: ignore[arg-type]
    )
    stop = threading.Event()
    working = threading.Thread(target=worker.run, args=(stop,))
    working.start()
    try:
        folders: Mapping[str, Lease] = {name: house.hold(name) for name in ("a", "b")}
        assert {house.do(f"in-{name}", folder, "true").result for name, folder in folders.items()} == {Result.SUCCESS}
        assert {house.close(name).result for name in folders} == {Result.SUCCESS}
    finally:
        stop.set()
        working.join(30)
