"""Archives of what a cache keeps: a tar in gzip, which says when it was made. Unpacked by the workspace's own loop, as everything is."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from runners.protocol import Unusable
from runners.workspace import matching

_CHUNK = 1 << 18


def pack(root: Path, patterns: Iterable[str], into: BinaryIO) -> None:
    """The regular files below a folder that match one of the globs."""
    with gzip.GzipFile(fileobj=into, mode="wb", compresslevel=1, mtime=time.time()) as zipped, tarfile.open(fileobj=zipped, mode="w|") as archive:
        for name, file in matching(root, patterns):
            entry, found = tarfile.TarInfo(name), os.fstat(file.fileno())
            entry.size, entry.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
            archive.addfile(entry, file)


def stamp(packed: BinaryIO) -> int:
    """When it was made, in seconds since the epoch: gzip's own header says so."""
    packed.seek(0)
    head = packed.read(8)
    packed.seek(0)
    return int.from_bytes(head[4:8], "little")


def unzipped(packed: BinaryIO) -> Iterator[bytes]:
    """The tar, piece by piece; raises Unusable for what is damaged."""
    reader = zlib.decompressobj(wbits=31)
    try:
        while chunk := packed.read(_CHUNK):
            while chunk:
                yield reader.decompress(chunk, _CHUNK)
                chunk = reader.unconsumed_tail
    except zlib.error as problem:
        raise Unusable(f"the archive is damaged: {problem}") from problem


def digest(root: Path, patterns: Iterable[str]) -> str:
    """Tells one state of the matching files from another."""
    found = hashlib.sha256()
    for name, file in matching(root, patterns):
        content = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            content.update(chunk)
        found.update(f"{content.hexdigest()} {name}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()
