"""A program in a container and as a process, from its launch until nothing of it is left, beside the same through the bare engine and the bare system."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import docker

from bench.figure import Figure, interleaved, seconds
from runners.backend import Backend, Launch
from runners.backends.docker import DockerBackend
from runners.backends.process import ProcessBackend
from runners.protocol import Lease

IMAGE, ARGV = "headgate-bench/box:1", ("/bin/busybox", "true")
AT_ONCE, TOGETHER = 4, 8
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
        finally:
            client.close()
            backend.close()


def _at_once(work: Callable[[], object]) -> float:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return seconds(lambda: list(pool.map(lambda _: work(), range(TOGETHER))))


def _program(backend: Backend, folder: Path, argv: tuple[str, ...]) -> None:
    lease = Lease(f"bench{next(_numbers)}", 1, 1)
    own, work = folder / lease.key, folder / lease.key / "work"
    work.mkdir(parents=True)
    options = {"networkMode": "bridge"} if isinstance(backend, DockerBackend) else {}
    program = backend.start(Launch(lease, 0, argv, {}, work, own, image=IMAGE, options=options))
    for _ in program.batches():
        pass
    assert program.wait().code == 0
    backend.remove(lease)


def _spawn() -> None:
    subprocess.run(("/bin/true",), check=True, capture_output=True)


def _bare(api: docker.APIClient) -> None:
    made = api.create_container(IMAGE, list(ARGV), host_config=api.create_host_config(network_mode="bridge"))
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
