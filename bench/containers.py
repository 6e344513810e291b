"""A program in a container and as a process, from its launch until nothing of it is left, beside the same through the bare engine and the bare system;
containers of one execution one after the other; and what a container prints, on its way to the service."""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import docker

from bench.figure import Figure, interleaved, seconds
from runners.agent import Agent, Timing
from runners.backend import Backend, Backends, Launch
from runners.backends.docker import DockerBackend
from runners.backends.process import ProcessBackend
from runners.memory import MemoryService
from runners.protocol import Job, Lease, LogLine, Result, RunnerInfo
from runners.tasks.docker_run import Run

IMAGE, ARGV = "headgate-bench/box:1", ("/bin/busybox", "true")
AT_ONCE, TOGETHER = 4, 8
IN_A_ROW, ROWS = 10, 3
#: What is printed in all, and of how many lines the time is told.
LINES, TOLD = 200_000, 50_000
_numbers = count(1)


def run() -> Iterator[Figure]:
    """Milliseconds of one; and of one of several at once."""
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        process = ProcessBackend(Path(folder), "bench")
        took = interleaved({"bare": (20, _spawn), "ours": (20, lambda: _program(process, Path(folder), ("/bin/true",)))})
        yield Figure("process, a program that does nothing", took["ours"] * 1e3, "ms", took["bare"] * 1e3)
        backend = DockerBackend("bench")
        busybox = shutil.which("busybox")
        if backend.available() is not None or busybox is None:
            return
        client = docker.from_env()
        try:
            client.api.import_image_from_data(_box(busybox), repository=IMAGE.partition(":")[0], tag="1")
            took = interleaved({"bare": (1, lambda: _bare(client.api)), "ours": (1, lambda: _program(backend, Path(folder), ARGV))})
            yield Figure("container, a program that does nothing", took["ours"] * 1e3, "ms", took["bare"] * 1e3)
            ways = {"bare": partial(_bare, client.api), "ours": partial(_program, backend, Path(folder), ARGV)}
            together = {name: min(_at_once(way) for _ in range(2)) for name, way in ways.items()}
            yield Figure(f"container, {AT_ONCE} at once", together["ours"] / TOGETHER * 1e3, "ms", together["bare"] / TOGETHER * 1e3)
            yield from _rows(client.api, backend, Path(folder))
            yield from _printing(client.api, backend, Path(folder))
        finally:
            client.close()
            backend.close()


def _at_once(work: Callable[[], object]) -> float:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return seconds(lambda: list(pool.map(lambda _: work(), range(TOGETHER))))


def _rows(api: docker.APIClient, backend: DockerBackend, folder: Path) -> Iterator[Figure]:
    """Containers of one execution; the floor is the same number of bare cycles with a network each, and then with one that all of them join."""

    def ours() -> None:
        execution = f"bench-execution{next(_numbers)}"
        for _ in range(IN_A_ROW):
            _program(backend, folder, ARGV, execution)

    def bare() -> None:
        for _ in range(IN_A_ROW):
            _bare(api)

    def joined() -> None:
        holder = api.create_container(IMAGE, ["/bin/busybox", "sleep", "1000"], host_config=api.create_host_config(network_mode="bridge"))["Id"]
        api.start(holder)
        for _ in range(IN_A_ROW):
            _bare(api, f"container:{holder}")
        api.remove_container(holder, force=True)

    took = {name: min(times) for name, times in _in_turn({"bare": bare, "ours": ours, "joined": joined}).items()}
    yield Figure(f"{IN_A_ROW} containers of one execution, beside bare ones with a network each", took["ours"] * 1e3, "ms", took["bare"] * 1e3)
    yield Figure(f"{IN_A_ROW} containers of one execution, beside bare ones in one network", took["ours"] * 1e3, "ms", took["joined"] * 1e3)


def _in_turn(works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROWS):
        for name, work in works.items():
            took[name].append(seconds(work))
    return took


class _Counting(MemoryService):
    """Takes lines that count up from 1, and keeps none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0

    def log(self, lease: Lease, lines: tuple[LogLine, ...]) -> None:
        for line in lines:
            if line.number == self.counted:
                assert line.message == str(self.counted + 1), line
                self.counted += 1


def _printing(api: docker.APIClient, backend: DockerBackend, folder: Path) -> Iterator[Figure]:
    """A container that prints as fast as it can, through an agent; the floor is the SDK that reads the same and makes nothing of it."""
    argv = ["/bin/busybox", "seq", "1", str(LINES)]
    bare = min(seconds(partial(_read, api, argv)) for _ in range(ROWS))
    service, stop = _Counting(), threading.Event()
    agent = Agent(service, service, RunnerInfo("bench", "host", "1"), folder / "agent", Backends([backend]), timing=Timing(wait=0.2, flush=0.05))
    thread = threading.Thread(target=agent.run, args=(stop,))
    thread.start()
    try:
        _printed(service)
        before = _resident()
        with _Peak() as peak:
            took = min(seconds(partial(_printed, service)) for _ in range(ROWS))
    finally:
        stop.set()
        thread.join()
    yield Figure(f"{TOLD:,} of {LINES:,} lines that a container prints, none lost", took / LINES * TOLD * 1e3, "ms", bare / LINES * TOLD * 1e3)
    yield Figure("memory that it takes more while these come", max(0.0, peak.most - before), "MB")


def _printed(service: _Counting) -> None:
    service.counted = 0
    lease = Lease(f"bench{next(_numbers)}", 1, 0)
    spec = {"containerImage": IMAGE, "commands": ["/bin/busybox", "seq", "1", str(LINES)], "networkMode": "bridge"}
    service.offer(Job(lease, "printing", "bench", "flow", "task", Run.TYPE, spec))
    outcome = service.ended(lease.task_run)
    assert (outcome.result, service.counted) == (Result.SUCCESS, LINES), outcome


def _read(api: docker.APIClient, argv: list[str]) -> None:
    made = api.create_container(IMAGE, argv, host_config=api.create_host_config(network_mode="bridge"))["Id"]
    api.start(made)
    assert sum(piece.count(b"\n") for piece in api.logs(made, stream=True, follow=True, timestamps=True)) == LINES
    assert api.wait(made)["StatusCode"] == 0
    api.remove_container(made)


class _Peak:
    """The most memory of this process, in megabytes, while it is open."""

    def __enter__(self) -> _Peak:
        self.most, self._over = _resident(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, _resident())


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() / 2**20


def _program(backend: Backend, folder: Path, argv: tuple[str, ...], execution: str = "") -> None:
    lease = Lease(f"bench{next(_numbers)}", 1, 1)
    own, work = folder / lease.key, folder / lease.key / "work"
    work.mkdir(parents=True)
    options = {"networkMode": "bridge"} if isinstance(backend, DockerBackend) and not execution else {}
    program = backend.start(Launch(lease, 0, argv, {}, work, own, image=IMAGE, options=options, execution=execution))
    for _ in program.batches():
        pass
    assert program.wait().code == 0
    backend.remove(lease)


def _spawn() -> None:
    subprocess.run(("/bin/true",), check=True, capture_output=True)


def _bare(api: docker.APIClient, network: str = "bridge") -> None:
    made = api.create_container(IMAGE, list(ARGV), host_config=api.create_host_config(network_mode=network))
    api.start(made["Id"])
    assert api.wait(made["Id"])["StatusCode"] == 0
    api.logs(made["Id"])
    api.remove_container(made["Id"])


def _box(busybox: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(Path(busybox).resolve(), "bin/busybox")
        for name in ("tmp", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
    return packed.getvalue()
