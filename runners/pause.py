"""A program that does nothing for ever, as an image of a few hundred bytes that needs no registry: a container of it holds a network for others.

The program is written here, instruction by instruction, for the processors that daemons run on. The image is one file; its layer's digest
is known beforehand, so that an image of that name which somebody else has made is not mistaken for ours.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping

#: The image's name, and the program in it.
REPOSITORY, TAG, PROGRAM = "headgate-pause", "1", "/pause"

#: By the daemon's word for the processor: ELF's number of it, and the instructions.
_CODE: Mapping[str, tuple[int, bytes]] = {
    # mov eax, 34 (pause); syscall; jmp to the first
    "amd64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # mov x0…x4, 0; mov x8, 73 (ppoll: no files, no end); svc 0; b to the first
    "arm64": (183, struct.pack("<8I", 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800004, 0xD2800928, 0xD4000001, 0x17FFFFF9)),
}
_BASE = 0x400000


def layer(processor: str) -> bytes | None:
    """The image's only layer, as a tar file, the same bytes each time; None for a processor that has no program."""
    if processor not in _CODE:
        return None
    program, packed = _elf(*_CODE[processor]), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(PROGRAM.lstrip("/"))
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return packed.getvalue()


def digest(content: bytes) -> str:
    """What a daemon calls a layer."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _elf(machine: int, code: bytes) -> bytes:
    """A static program of one segment, which begins with its first instruction."""
    size = 64 + 56 + len(code)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return head + segment + code
