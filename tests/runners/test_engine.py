"""Where no daemon is: the engine says so, and leaves nothing open."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.engine import Engine

_ANSWERS = {
    "an error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno",
    "something else": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
    "other JSON": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "a list": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    "nothing": b"",
}


@pytest.fixture(params=["no socket", "no port", *_ANSWERS])
def nobody(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address at which there is no daemon."""
    if request.param == "no socket":
        yield f"unix://{tmp_path}/docker.sock"
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        if request.param == "no port":
            listener.close()
            yield address
            return

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(_ANSWERS[request.param])

        thread = threading.Thread(target=answer)
        thread.start()
        yield address
        thread.join()


def test_it_says_so_and_leaves_no_socket_open(nobody: str) -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert Engine(nobody).problem()
        gc.collect()
    assert [str(warning.message) for warning in said if issubclass(warning.category, ResourceWarning)] == []
