"""Random names."""

from __future__ import annotations

from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind

_VERSION_4, _VARIANT = 0x40, 0x80
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_URL_SAFE = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: KSUIDs count seconds from 2014 on, so that 32 bits last until 2150.
_KSUID_EPOCH = 1_400_000_000
_USUAL, _LONGEST, _LARGEST_ALPHABET = 21, 1_000, 256
#: Random bytes for one character: so many that no character is likelier than another by any measure, without drawing again.
_DRAWN = 8


@function("uuid")
def uuid(call: Run) -> str:
    """A random UUID.

    {{ uuid() | length }} -> 36
    """
    random = _version_4(call)
    digits = random.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@function("id")
def id_(call: Run) -> str:
    """A random UUID in a short form: 22 letters and digits.

    {{ id() | length }} -> 22
    """
    return _base62(_version_4(call), 22)


@function("ksuid")
def ksuid(call: Run) -> str:
    """A random name of 27 letters and digits that sorts by the second in which it was made.

    {{ ksuid() | length }} -> 27
    {{ ksuid() | slice(0, 4) }} -> 2dGw
    """
    seconds = int(call.ports.now().timestamp()) - _KSUID_EPOCH
    return _base62((seconds & 0xFFFF_FFFF).to_bytes(4, "big") + call.ports.token(16), 27)


@function("nanoId")
def nano_id(call: Run, length: Any = None, alphabet: Any = None) -> str:
    """Random characters of an alphabet: 21 letters, digits, `-` and `_`, if not told otherwise.

    {{ nanoId() | length }} -> 21
    {{ nanoId(5, 'a') }} -> aaaaa
    {{ nanoId(length=1000) | length }} -> 1000
    """
    length, alphabet = _USUAL if length is None else length, _URL_SAFE if alphabet is None else alphabet
    if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= _LONGEST:
        raise Refused(f"the length of `nanoId` is a whole number from 1 to {_LONGEST:,}, not {length if _is_short(length) else kind(length)}")
    if not isinstance(alphabet, str) or not 1 <= len(alphabet) <= _LARGEST_ALPHABET:
        raise Refused(f"the alphabet of `nanoId` is a text of 1 to {_LARGEST_ALPHABET} characters")
    random = call.ports.token(_DRAWN * length)
    draws = (int.from_bytes(random[at : at + _DRAWN], "big") for at in range(0, _DRAWN * length, _DRAWN))
    return "".join(alphabet[draw % len(alphabet)] for draw in draws)


def _is_short(length: Any) -> bool:
    return isinstance(length, int) and not isinstance(length, bool) and abs(length) < 10**18


def _version_4(call: Run) -> bytes:
    random = bytearray(call.ports.token(16))
    random[6] = random[6] & 0x0F | _VERSION_4
    random[8] = random[8] & 0x3F | _VARIANT
    return bytes(random)


def _base62(value: bytes, length: int) -> str:
    number, digits = int.from_bytes(value, "big"), []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
