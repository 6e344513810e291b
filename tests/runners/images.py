"""Images for tests, made without any registry from the static busybox of this machine."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass

import pytest
from docker.errors import ImageNotFound

from tests.require import need
from tests.support import daemon

PASSWD = b"root:x:0:0:root:/:/bin/sh\nann:x:1234:1235:Ann:/tmp:/bin/sh\n"


@dataclass(frozen=True)
class Images:
    """`plain` runs as root, `user` as `ann` (1234:1235), `entry` has an entry point that fails."""

    plain: str = "headgate-test/plain:1"
    user: str = "headgate-test/user:1"
    entry: str = "headgate-test/entry:1"


CHANGES = {"plain": 'CMD ["/bin/sh"]', "user": "USER ann", "entry": 'ENTRYPOINT ["/bin/false"]'}


@pytest.fixture(scope="session")
def docker_images() -> Images:
    """A daemon that answers, and the images."""
    client = daemon.needed()
    busybox = shutil.which("busybox")
    if busybox is None:
        need("docker", "there is no busybox to make images of")
    images = Images()
    try:
        for kind, change in CHANGES.items():
            name = getattr(images, kind)
            try:
                client.inspect_image(name)
            except ImageNotFound:
                repository, _, tag = name.partition(":")
                client.import_image_from_data(_root(busybox), repository=repository, tag=tag, changes=[change])
    finally:
        client.close()
    return images


def _root(busybox: str) -> bytes:
    names = subprocess.run((busybox, "--list"), capture_output=True, text=True, check=True).stdout.split()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(os.path.realpath(busybox), "bin/busybox")
        for name in names:
            if name != "busybox":
                archive.addfile(_entry(f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox"))
        archive.addfile(_entry("tmp", type=tarfile.DIRTYPE, mode=0o1777))
        archive.addfile(_entry("etc/passwd", size=len(PASSWD)), io.BytesIO(PASSWD))
    return packed.getvalue()


def _entry(name: str, **fields: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry
