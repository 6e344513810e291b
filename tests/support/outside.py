"""Parts of the service that take their time, watched: the one thread that writes the database must never wait for them."""

from __future__ import annotations

import threading
from typing import Any


class Outside:
    """A part with every call looked at: none may come from the writer. Templates, Git, secrets and files can each take seconds, in which nothing else
    is stored: no push, no beat, no end of a job. What was called there anyway stands in `trespasses`."""

    def __init__(self, part: Any, trespasses: list[str]) -> None:
        self._part, self._trespasses = part, trespasses

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._watched(found) if callable(found) else found

    def _watched(self, function: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            if threading.current_thread().name == "writer":
                self._trespasses.append(f"{type(self._part).__name__}.{function.__name__}")
            return function(*args, **named)

        return call
