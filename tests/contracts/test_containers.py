"""What containers get beside their image: a network that others used before, ports, a life of their own, and nothing at all where they are not trusted."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from runners import pause
from runners.backend import Launch, NotStarted, Program
from runners.backends.docker import DockerBackend
from runners.engine import Engine, EngineError
from runners.networks import HOLDS, Networks
from tests.contracts.test_backends import Place, containers, docker_place, instance, texts
from tests.runners.images import Images, docker_images
from tests.runners.playing import until

__all__ = ["containers", "docker_images", "instance"]

pytestmark = pytest.mark.docker

_executions = (f"execution{number}" for number in itertools.count())


@pytest.fixture
def execution() -> str:
    return next(_executions)


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    client = docker.from_env()
    yield client.api
    client.close()


@pytest.fixture
def short(tmp_path: Path, instance: str, docker_images: Images) -> Iterator[Place]:
    """Networks that nobody uses are gone at once."""
    yield from docker_place(tmp_path, instance, docker_images, idle=0.2)


def net(place: Place, execution: str, **rest: Any) -> str:
    """The network of a container of an execution, which has ended then."""
    launch = place.launch("true", execution=execution, **rest)
    program = place.backend.start(launch)
    list(program.output())
    assert program.wait().code == 0
    found = joined(place, launch)
    place.backend.remove(launch.lease)
    return found


def joined(place: Place, launch: Launch) -> str:
    """Whose network a container is in: that of another, or its own."""
    found = place.backend._engine.inspect(place.backend._name(launch))
    mode: str = found["HostConfig"]["NetworkMode"]
    return mode if mode.startswith("container:") else f"container:{found['Id']}"


def holders(api: docker.APIClient, instance: str) -> list[str]:
    return [one["Id"] for one in api.containers(all=True, filters={"label": f"{HOLDS}={instance}"})]


class Running:
    """A container that runs until it is told to end."""

    def __init__(self, place: Place, **rest: Any) -> None:
        self.place = place
        self.launch: Launch = place.launch("sleep 300", **rest)
        self.program: Program = place.backend.start(self.launch)
        self.net = joined(place, self.launch)

    def end(self) -> None:
        self.place.backend.remove(self.launch.lease)


def test_from_the_second_on_containers_of_an_execution_use_one_network(containers: Place, execution: str):
    first, *others = [net(containers, execution) for _ in range(4)]
    assert first not in others
    assert len(set(others)) == 1


def test_one_that_is_alone_costs_no_second_container(containers: Place, execution: str, api: docker.APIClient, instance: str):
    net(containers, execution)
    assert holders(api, instance) == []


def test_what_runs_at_the_same_time_shares_nothing(containers: Place, execution: str):
    net(containers, execution)
    shared = Running(containers, execution=execution)
    beside = [Running(containers, execution=execution) for _ in range(2)]
    assert len({one.net for one in (shared, *beside)}) == 3
    for one in (shared, *beside):
        one.end()
    assert net(containers, execution) == shared.net


def test_another_execution_has_another_network(containers: Place, execution: str):
    other = next(_executions)
    nets = [net(containers, name) for name in (execution, other, execution, other)]
    assert len(set(nets)) == 4


@pytest.mark.parametrize(
    "rest",
    [
        {"options": {"networkMode": "bridge"}},
        {"options": {"networkMode": "none"}},
        {"options": {"extraHosts": ["db:10.0.0.9"]}},
        {"options": {"portBindings": ["127.0.0.1::80"]}},
        {"trusted": False},
    ],
)
def test_what_asks_for_a_network_of_its_own_gets_it(containers: Place, execution: str, rest: dict[str, Any]):
    shared = [net(containers, execution) for _ in range(2)][1]
    assert net(containers, execution, **rest) != shared
    assert net(containers, execution) == shared


def test_a_shared_network_leads_out_as_an_own_one_does(containers: Place, execution: str):
    look = "ip -o addr show eth0 | wc -l; ip route | grep -c default; grep -c . /etc/resolv.conf; hostname | wc -c"
    assert len({tuple(containers.run(look, execution=execution)[0]) for _ in range(3)}) == 1


def test_a_network_goes_when_nobody_has_used_it_for_a_while(short: Place, execution: str, api: docker.APIClient, instance: str):
    net(short, execution)
    user = Running(short, execution=execution)
    # Longer than it would be kept unused.
    assert net(short, execution) != user.net
    assert len(holders(api, instance)) == 1
    user.end()
    until(lambda: not holders(api, instance))
    assert net(short, execution) != user.net


def test_an_agent_that_ends_removes_what_nobody_uses(containers: Place, execution: str, api: docker.APIClient, instance: str):
    other = next(_executions)
    for name in (execution, other):
        net(containers, name)
    net(containers, other)
    user = Running(containers, execution=execution)
    containers.backend.close()
    assert len(holders(api, instance)) == 1
    user.end()
    containers.backend.close()
    assert holders(api, instance) == []


def test_a_new_agent_goes_on_with_a_network_in_use_and_removes_the_rest(
    containers: Place, execution: str, api: docker.APIClient, instance: str, tmp_path: Path
):
    other = next(_executions)
    for name in (execution, other):
        net(containers, name)
    net(containers, other)
    user = Running(containers, execution=execution)
    assert len(holders(api, instance)) == 2
    again = DockerBackend(instance)
    assert again.left() == (user.launch.lease,)
    assert len(holders(api, instance)) == 1
    beside = net(Place(again, tmp_path, containers.image), execution)
    program = again.start(replace(user.launch, expected=True))
    assert program.joined
    program.stop(0)
    user.end()
    assert net(Place(again, tmp_path, containers.image), execution) == user.net != beside
    again.close()
    assert holders(api, instance) == []


def test_a_network_that_was_taken_away_is_made_anew(containers: Place, execution: str, api: docker.APIClient, instance: str):
    nets = [net(containers, execution) for _ in range(2)]
    for holder in holders(api, instance):
        api.remove_container(holder, force=True)
    nets += [net(containers, execution) for _ in range(2)]
    assert len(set(nets)) == 3
    assert nets[2] == nets[3]


def test_a_network_that_vanishes_while_a_container_starts_is_not_missed(containers: Place, execution: str, api: docker.APIClient, instance: str):
    net(containers, execution)
    told: list[str] = []

    def take_away() -> None:
        told.append("begun")
        for holder in holders(api, instance):
            api.remove_container(holder, force=True)

    lines, end = containers.run("echo ran", execution=execution, begun=take_away)
    assert (lines, end.code, told) == ([("stdout", "ran")], 0, ["begun"])


def test_where_no_network_can_be_made_each_has_its_own(containers: Place, api: docker.APIClient, instance: str):
    assert len({net(containers, "no name for a container") for _ in range(3)}) == 3
    assert holders(api, instance) == []


def test_a_network_that_cannot_be_started_is_given_up(execution: str, api: docker.APIClient, instance: str, docker_images: Images):
    engine = NothingStarts()
    networks = Networks(engine, instance)
    with networks.one_for(execution) as first:
        assert first is None
    with networks.one_for(execution) as second:
        assert second
        with pytest.raises(EngineError, match="no more today"):
            second.ready()
        assert not networks.stands(second)
    with networks.one_for(execution) as third:
        assert third is None
    networks.close()
    engine.close()
    assert holders(api, instance) == []


class NothingStarts(Engine):
    """A daemon that makes containers, and starts none."""

    def start(self, container: str) -> None:
        raise EngineError("no more today")


def test_one_that_cannot_start_fails_the_same_in_a_shared_network(containers: Place, execution: str):
    shared = [net(containers, execution) for _ in range(2)][1]
    begun: list[str] = []
    with pytest.raises(NotStarted, match="unable to find user nobody-knows"):
        containers.run("true", execution=execution, options={"user": "nobody-knows"}, begun=lambda: begun.append("begun"))
    assert begun == ["begun"]
    assert net(containers, execution) == shared


def test_an_image_with_the_name_of_ours_is_not_taken_for_it(containers: Place, execution: str, api: docker.APIClient, instance: str):
    api.tag(containers.image, pause.REPOSITORY, pause.TAG)
    for _ in range(2):
        net(containers, execution)
    (holder,) = holders(api, instance)
    image = api.inspect_image(api.inspect_container(holder)["Image"])
    assert image["Size"] < 1000


def test_what_holds_a_network_can_do_nothing(containers: Place, execution: str, api: docker.APIClient, instance: str):
    for _ in range(2):
        net(containers, execution)
    (holder,) = holders(api, instance)
    host = api.inspect_container(holder)["HostConfig"]
    assert (host["CapDrop"], host["ReadonlyRootfs"], host["SecurityOpt"]) == (["ALL"], True, ["no-new-privileges"])


def test_a_port_of_the_host_leads_into_the_container(containers: Place):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    launch = containers.launch("echo ready; echo hello | nc -l -p 80", options={"portBindings": [f"127.0.0.1:{port}:80"]})
    lines = containers.backend.start(launch).output()
    assert next(lines).text == "ready"

    def said() -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                return connection.recv(100)
        except OSError:
            return b""

    until(lambda: said() == b"hello\n")
    containers.backend.remove(launch.lease)


def test_devices_that_the_daemon_does_not_have_are_told_with_its_words(tmp_path: Path, instance: str, docker_images: Images):
    requests = [{"driver": "headgate-none", "count": -1, "capabilities": [["gpu"]]}]
    for place in docker_place(tmp_path, instance, docker_images, allow=frozenset({"device_requests"})):
        with pytest.raises(NotStarted, match=r'could not select device driver "headgate-none" with capabilities: \[\[gpu\]\]'):
            place.run("true", options={"deviceRequests": requests})


def test_one_that_is_not_to_be_resumed_is_lost_with_its_agent(containers: Place, api: docker.APIClient):
    launch = containers.launch("sleep 300", options={"resume": False})
    containers.backend.start(launch)
    with pytest.raises(NotStarted, match="resume: false"):
        containers.again(launch)
    assert containers.backend.left() == ()


def test_one_that_is_not_to_be_deleted_stays_and_is_nobodys_job(containers: Place, api: docker.APIClient):
    ended = containers.launch("echo said", options={"delete": False})
    list(containers.backend.start(ended).output())
    runs = containers.launch("sleep 300", options={"delete": False})
    containers.backend.start(runs)
    assert containers.backend.left() == (runs.lease,)
    assert texts(containers.again(ended).output()) == [("stdout", "said")]
    for launch in (ended, runs):
        containers.backend.remove(launch.lease)
        (kept,) = api.containers(all=True, filters={"name": containers.backend._name(launch)})
        assert kept["State"] == "exited"
        api.remove_container(kept["Id"], v=True)
    assert containers.backend.left() == ()


class TestNotTrusted:
    """The strict profile."""

    def test_it_has_no_rights_and_no_network(self, containers: Place):
        look = "id -u; id -g; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; ls /sys/class/net"
        lines, _ = containers.run(look, trusted=False)
        none = "0" * 16
        assert [text for _, text in lines] == ["65532", "65532", f"CapEff:\t{none}", f"CapBnd:\t{none}", "NoNewPrivs:\t1", "Seccomp:\t2", "lo"]

    def test_it_writes_into_its_files_and_its_scratch_only(self, containers: Place):
        script = "cat in; echo more >> in; mkdir d; echo new > d/out; echo x > /tmp/x && echo scratch; echo y > /y || echo no; echo $HOME"
        launch = containers.launch(script, trusted=False)
        (launch.work / "in").write_text("text\n")
        program = containers.backend.start(launch)
        assert [text for stream, text in texts(program.output()) if stream == "stdout"] == ["text", "scratch", "no", "/tmp"]
        program.collect("")
        assert (launch.work / "in").read_text() == "text\nmore\n"
        assert (launch.work / "d/out").read_text() == "new\n"
        containers.backend.remove(launch.lease)

    def test_nothing_of_it_stays(self, containers: Place, api: docker.APIClient):
        launch = containers.launch("true", trusted=False)
        list(containers.backend.start(launch).output())
        (found,) = api.containers(all=True, filters={"name": containers.backend._name(launch)})
        (volume,) = [mount["Name"] for mount in found["Mounts"] if mount["Type"] == "volume"]
        containers.backend.remove(launch.lease)
        assert volume not in {one["Name"] for one in api.volumes()["Volumes"] or ()}

    def test_its_limits_are_small_and_smaller_ones_count(self, containers: Place, api: docker.APIClient):
        asked = {"memory": {"memory": "64MB", "memorySwap": "-1", "oomKillDisable": True}, "cpu": {"cpus": 0.5}, "shmSize": "2GB"}
        found = []
        for options in ({}, asked):
            launch = containers.launch("true", trusted=False, options=options)
            containers.backend.start(launch)
            host = api.inspect_container(containers.backend._name(launch))["HostConfig"]
            found.append([host[name] for name in ("Memory", "MemorySwap", "NanoCpus", "ShmSize", "PidsLimit", "OomScoreAdj", "IpcMode", "OomKillDisable")])
            assert host["Ulimits"] == [{"Name": "nofile", "Hard": 1024, "Soft": 1024}]
            containers.backend.remove(launch.lease)
        assert found[0][:-1] == [1 << 30, 1 << 30, 10**9, 64 << 20, 256, 500, "private"]
        assert found[1][:-1] == [64 << 20, 64 << 20, 5 * 10**8, 64 << 20, 256, 500, "private"]
        assert not found[0][-1]
        assert not found[1][-1]

    @pytest.mark.parametrize(
        ("user", "is_"), [("0", "65532 65532"), ("root", "65532 65532"), ("ann", "65532 65532"), ("4321", "4321 4321"), ("4321:0", "4321 4321"), ("7:8", "7 8")]
    )
    def test_it_is_never_root(self, containers: Place, user: str, is_: str):
        assert containers.run("echo $(id -u) $(id -g); touch made", trusted=False, options={"user": user})[0] == [("stdout", is_)]

    def test_it_has_a_network_where_the_runner_allows_that(self, tmp_path: Path, instance: str, docker_images: Images):
        for place in docker_place(tmp_path, instance, docker_images, allow=frozenset({"strict_network"})):
            assert place.run("ls /sys/class/net", trusted=False)[0] == [("stdout", "eth0"), ("stdout", "lo")]
            assert place.run("ls /sys/class/net", trusted=False, options={"networkMode": "none"})[0] == [("stdout", "lo")]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"privileged": True}, "privileged"),
            ({"volumes": ["/:/host"]}, "volumes"),
            ({"networkMode": "host"}, "host network"),
            ({"networkMode": "other"}, "the network other"),
            ({"deviceRequests": [{"count": 1}]}, "device requests"),
            ({"portBindings": ["80"]}, "port bindings"),
            ({"wait": False}, "wait: false"),
            ({"delete": False}, "delete: false"),
        ],
    )
    def test_nobody_can_allow_it_more(self, tmp_path: Path, instance: str, docker_images: Images, options: dict[str, Any], words: str):
        everything = frozenset({"privileged", "volumes", "host_network", "device_requests", "strict_network"})
        for place in docker_place(tmp_path, instance, docker_images, allow=everything):
            with pytest.raises(NotStarted, match=f"work that is not trusted may not have {words}"):
                place.run("true", trusted=False, options=options)
