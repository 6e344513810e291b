"""Plain values over a pipe: JSON with four bytes of length before it.

JSON alone has no bytes, no dates and no classes of ours; those travel as `{NUL: name, …}`: NUL is in no Git path, so no
mapping of ours can be taken for one. Lists inside a value class come back as tuples.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from service.git import values

#: No frame is longer: what answers more is asked in parts.
LARGEST = 256 * 1024 * 1024
_TAG = "\0"
_LENGTH = struct.Struct(">I")
_CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (values.Change, values.BadEntry, values.TreeDiff, values.CommitInfo, values.Step, values.History)
}


class Broken(Exception):
    """The other end is gone or talks nonsense."""


def dumps(value: Any) -> bytes:
    """One frame."""
    text = json.dumps(value, default=_plain, ensure_ascii=True, separators=(",", ":")).encode()
    if len(text) > LARGEST:
        raise Broken(f"an answer of {len(text)} bytes")
    return _LENGTH.pack(len(text)) + text


def read(receive: Callable[[int], bytes]) -> Any:
    """The next frame's value; `receive(n)` gives exactly n bytes, or fewer at the end. Raises Broken."""
    head = receive(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise Broken("ended")
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST:
        raise Broken(f"a frame of {length} bytes")
    body = receive(length)
    if len(body) < length:
        raise Broken("ended in the middle of an answer")
    return json.loads(body, object_hook=_whole)


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {_TAG: "b", "v": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {_TAG: "t", "v": value.isoformat()}
    if isinstance(value, Path):
        return {_TAG: "p", "v": str(value)}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        return {_TAG: type(value).__name__, "v": [getattr(value, field.name) for field in fields(value)]}
    raise TypeError(f"{type(value).__name__} can't cross the pipe")


def _whole(mapping: dict[str, Any]) -> Any:
    tag = mapping.get(_TAG)
    if tag is None:
        return mapping
    value = mapping["v"]
    match tag:
        case "b":
            return base64.b64decode(value)
        case "t":
            return datetime.fromisoformat(value)
        case "p":
            return Path(value)
        case _:
            return _CLASSES[tag](*(tuple(part) if isinstance(part, list) else part for part in value))
