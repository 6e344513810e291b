"""What flowables keep, as long as there is room: the values of a loop are read from the database once, not at each of its ten thousand events."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from service.store import task_runs
from service.store.database import Session

_MOST = 200_000  #: entries of all lists together


class Kept:
    """Used by one thread. What is kept changes only when a group begins anew, and is forgotten here then."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Any] = OrderedDict()
        self._entries = 0

    def of(self, session: Session, run: str) -> Any:
        """What a task run keeps; None where that is nothing."""
        if run in self._found:
            self._found.move_to_end(run)
            return self._found[run]
        found = task_runs.kept(session, run)
        if found is not None:
            self._found[run] = found
            self._entries += _entries(found)
            while self._entries > _MOST and len(self._found) > 1:
                self._entries -= _entries(self._found.popitem(last=False)[1])
        return found

    def forget(self, run: str) -> None:
        """A task run keeps something else now."""
        if run in self._found:
            self._entries -= _entries(self._found.pop(run))


def _entries(kept: Any) -> int:
    return len(kept) if isinstance(kept, list) else 1
