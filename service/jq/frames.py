"""One value as JSON with its length before it: what the service and its jq processes say to each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_LENGTH = 4


class Broken(Exception):
    """The other side ended in the middle, or before."""


def dumps(value: Any) -> bytes:
    """A frame."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return len(body).to_bytes(_LENGTH, "big") + body


def read(receive: Callable[[int], bytes]) -> Any:
    """The next value; `receive` gives as many bytes as it is asked for, or fewer at the end. Raises Broken."""
    head = receive(_LENGTH)
    size = int.from_bytes(head, "big")
    body = receive(size) if len(head) == _LENGTH else b""
    if len(head) < _LENGTH or len(body) < size:
        raise Broken
    return json.loads(body)
