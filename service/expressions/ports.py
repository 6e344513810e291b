"""The world as expressions see it: nothing here reads a clock or draws a random number, it is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service.expressions.errors import Refused

RunJq = Callable[[str, str, float], tuple[list[str], float]]

#: What `secret` gives where nobody is to see one.
HIDDEN = "******"


def _no_token(_size: int) -> bytes:
    raise Refused("random values are not available here")


def _no_cipher(_key: bytes, _nonce: bytes, _data: bytes) -> bytes:
    raise Refused("ciphers are not available here")


def _no_port() -> int:
    raise Refused("free ports are not known here")


def no_jq(_program: str, _text: str, _seconds: float) -> tuple[list[str], float]:
    """Where there is none."""
    raise Refused("`jq` is not available here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What functions may use.

    `now` gives an aware time. `secret` gives a secret's text and raises KeyError for one that is missing or not granted; it is also the place where
    a rendered secret gets known to the masking; it gives HIDDEN where nobody is to see one. `zone` is the default time zone (IANA name or offset). `envs`
    holds the instance's variables by lower-case name. `token` gives that many random bytes. `jq` runs a jq program over a JSON text for so many
    seconds at most, and gives all its results as JSON texts, with the seconds of work that they took; it raises Refused.
    `free_port` gives a port of this machine on which nothing listens.
    `seal` encrypts by AES-GCM: key (16, 24 or 32 bytes), nonce (12 bytes) and text to ciphertext with its tag; `unseal` gives the text again, or None where
    the key is another one or something was changed.
    """

    now: Callable[[], datetime]
    secret: Callable[[str], str]
    zone: str = "UTC"
    envs: Mapping[str, str] = field(default_factory=dict)
    token: Callable[[int], bytes] = _no_token
    jq: RunJq = no_jq
    free_port: Callable[[], int] = _no_port
    seal: Callable[[bytes, bytes, bytes], bytes] = _no_cipher
    unseal: Callable[[bytes, bytes, bytes], bytes | None] = _no_cipher
