"""Who wants to know what was committed. In-process, best effort: a subscriber that missed something asks the database.

Topics are pairs: `("execution", id)`, `("jobs", "")`, `("events", "")`, `("statuses", "")`, `("deliveries", "")`, `("commit", sha)`.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

_log = logging.getLogger("headgate.store")

Topic = tuple[str, str]
Listener = Callable[[Topic], None]


class Hub:
    """Publishes topics to listeners. Listeners are called in the writer's thread: they only set flags or hand over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[Topic, set[Listener]] = defaultdict(set)

    def listen(self, topic: Topic, listener: Listener) -> Callable[[], None]:
        """Calls `listener` for this topic until the returned function is called."""
        with self._lock:
            self._listeners[topic].add(listener)

        def stop() -> None:
            with self._lock:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]

        return stop

    def publish(self, topics: Iterable[Topic]) -> None:
        """Tells the listeners of each topic once."""
        for topic in dict.fromkeys(topics):
            with self._lock:
                listeners = tuple(self._listeners.get(topic, ()))
            for listener in listeners:
                try:
                    listener(topic)
                except Exception:  # noqa: BLE001 - the writer's tick: one listener's fault is neither its, nor the others'
                    _log.exception("who listens to %s failed", topic)
