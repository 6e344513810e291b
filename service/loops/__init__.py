"""The loops: each looks for work, does some of it, and says how long it may sleep. `run` gives each a thread, wakes it by topics, and keeps it alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.store.codec import now
from service.store.hub import Hub, Topic

_log = logging.getLogger("headgate.loops")

#: A wake-up may be missed by a crash between commit and publication of a sibling; nothing waits longer than this for it.
LONGEST = 5.0


class Loop(Protocol):
    """One loop. `topics` wake it early."""

    name: str
    topics: Sequence[Topic]

    def tick(self, moment: datetime) -> float:
        """Does what is due at `moment`; returns how many seconds it may sleep, 0 when there is more to do."""


class Runner:
    """A loop in a thread of its own."""

    def __init__(self, loop: Loop, hub: Hub) -> None:
        self._loop, self._woken, self._ended = loop, threading.Event(), threading.Event()
        self._unlisten = [hub.listen(topic, lambda _: self._woken.set()) for topic in loop.topics]
        self._thread = threading.Thread(target=self._run, name=loop.name, daemon=True)

    @property
    def name(self) -> str:
        """The loop's."""
        return self._loop.name

    @property
    def alive(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the tick that is running."""
        self._ended.set()
        self._woken.set()
        for unlisten in self._unlisten:
            unlisten()

    def join(self, timeout: float) -> None:
        """Waits for the end."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            self._woken.clear()
            try:
                delay = self._loop.tick(now())
                failures = 0
            except Exception:  # noqa: BLE001 - one of the three places: a loop's tick
                if self._ended.is_set():
                    return
                failures += 1
                delay = min(30.0, 0.5 * 2**failures)
                _log.exception("%s: a tick failed; trying again in %.1f s", self._loop.name, delay)
                self._ended.wait(delay)
                continue
            if delay > 0:
                self._woken.wait(min(delay, LONGEST))
