"""Logs that are files of their attempts (`logToFile`), in place of entries of the log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import BinaryIO, cast

from service.actions.kit import Kit
from service.engine.execution import Execution
from service.store import logs
from service.store.codec import iso, new_id
from service.store.logs import Line

_HELD = 1 << 20  #: bytes of a file that is not on a disk while it is made


def put(kit: Kit, execution: Execution, task: str, task_run: str, attempt: int, lines: Iterable[Line]) -> str:
    """Stores the log of an attempt as a file; gives its URI. Each time it is another one: of two that are made at once, neither is cut off by the other."""
    name = f".log/attempt-{attempt}-{new_id()[-8:]}.log"
    with tempfile.SpooledTemporaryFile(_HELD) as held:
        for line in lines:
            held.write(f"{iso(line.time)} {line.level} {line.message}\n".encode("utf-8", "replace"))
        held.seek(0)
        return kit.storage.put(execution.namespace, execution.flow, execution.id, task, task_run, name, cast("BinaryIO", held))


def of_attempt(kit: Kit, execution: Execution, task: str, task_run: str, attempt: int) -> str:
    """Makes the file of what a runner has sent so far, which stays in the log until the attempt has ended."""

    def lines() -> Iterable[Line]:
        after = 0
        while True:
            with kit.database.read() as session:
                found = logs.page(session, execution.id, after=after, task_run=task_run)
            if not found:
                return
            after = found[-1].chunk
            yield from (entry.line for entry in found if entry.attempt == attempt)

    return put(kit, execution, task, task_run, attempt, lines())
