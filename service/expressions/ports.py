"""The world as expressions see it: nothing here reads a clock or draws a random number, it is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.expressions.errors import Refused

#: What `secret` gives where nobody is to see one.
HIDDEN = "******"


def _no_token(_size: int) -> bytes:
    raise Refused("random values are not available here")


def _no_jq(_program: str, _value: Any) -> list[Any]:
    raise Refused("`jq` is not available here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What functions may use.

    `now` gives an aware time. `secret` gives a secret's text and raises KeyError for one that is missing or not granted; it is also the place where
    a rendered secret gets known to the masking; it gives HIDDEN where nobody is to see one. `zone` is the default time zone (IANA name or offset). `envs`
    holds the instance's variables by lower-case name. `token` gives that many random bytes. `jq` runs a jq program over plain data and gives all its results,
    in bounded time; it raises Refused.
    """

    now: Callable[[], datetime]
    secret: Callable[[str], str]
    zone: str = "UTC"
    envs: Mapping[str, str] = field(default_factory=dict)
    token: Callable[[int], bytes] = _no_token
    jq: Callable[[str, Any], list[Any]] = _no_jq
