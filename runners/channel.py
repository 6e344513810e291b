"""Messages between the agent and a child of it: JSON with its length before it, over a socket.

JSON and nothing that builds objects: what a child says is looked at like anybody's.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

#: The longest message, in bytes.
CAP = 64 << 20

_LENGTH = struct.Struct("!I")


class TooLong(Exception):
    """A message is longer than the cap. The message is for the user."""

    def __init__(self) -> None:
        super().__init__(f"more than {CAP >> 20} MiB were handed over at once; put them into a file")


def send(channel: socket.socket, message: Any) -> None:
    """Sends a message; raises TooLong before anything is sent, and OSError when the other side is gone."""
    body = json.dumps(message).encode()
    if len(body) > CAP:
        raise TooLong
    channel.sendall(_LENGTH.pack(len(body)) + body)


def receive(channel: socket.socket) -> Any:
    """The next message; None when the other side is gone, also half-way. Raises TooLong and ValueError for what is no message."""
    head = _exactly(channel, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > CAP:
        raise TooLong
    body = _exactly(channel, length)
    return None if body is None else json.loads(body)


def _exactly(channel: socket.socket, size: int) -> bytearray | None:
    data = bytearray()
    while len(data) < size:
        try:
            chunk = channel.recv(min(size - len(data), 1 << 20))
        except ConnectionError:
            return None
        if not chunk:
            return None
        data += chunk
    return data
