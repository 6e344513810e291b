"""Names that nobody else has. The random bytes come from the ports."""

from __future__ import annotations

from service.expressions.registry import function
from service.expressions.run import Run

_VERSION_4, _VARIANT = 0x40, 0x80


@function("uuid")
def uuid(call: Run) -> str:
    """A random UUID.

    {{ uuid() | length }} -> 36
    """
    random = bytearray(call.ports.token(16))
    random[6] = random[6] & 0x0F | _VERSION_4
    random[8] = random[8] & 0x3F | _VARIANT
    digits = random.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
