"""A station whose pushes are followed, and what tests of tasks over the files of namespaces write and look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.actions import serving
from service.loops import Runner
from service.loops.reconciler import Reconciler
from tests.support.commits import MAIN
from tests.support.station import Station

WRITTEN = "\n- {id: w, type: storage.Write, content: 'new {{ flow.id }}'}\n"


@contextmanager
def followed(station: Station) -> Iterator[None]:
    """Follows pushes in a thread, as the service does: tasks wait for that."""
    loop = Reconciler(station.kit)
    running = Runner(loop, station.database.hub)
    running.start()
    station.followed = True
    try:
        yield
    finally:
        station.followed = False
        running.stop()
        running.join(10)
        loop.close()


def upload(more: str, files: str = "{a.txt: '{{ outputs.w.uri }}'}", id: str = "up", namespace: str = "t") -> str:
    return f"- {{id: {id}, type: namespace.UploadFiles, namespace: {namespace}, filesMap: {files}{more}}}\n"


def does(type: str, files: str, more: str = "", namespace: str = "t") -> str:
    return f"\n- {{id: x, type: namespace.{type}, namespace: {namespace}, files: {files}{more}}}\n"


def tip(station: Station, name: str = "default") -> str:
    return station.git.refs(name)[MAIN]


def content(station: Station, path: str, name: str = "default") -> bytes | None:
    found: bytes | None = station.git.file(name, tip(station, name), path)
    return found


def count(station: Station, name: str = "default") -> int:
    """How many commits lead to the tip."""
    number, sha = 0, tip(station, name)
    while sha:
        number, parents = number + 1, station.git.commit(name, sha).parents
        sha = parents[0] if parents else ""
    return number


def said(station: Station, id: str) -> str:
    assert station.state(id) == "FAILED"
    return station.log(id, "ERROR")[0]


def claimed(station: Station) -> Any:
    job = station.database.write(serving.claim)
    assert job is not None
    return job
