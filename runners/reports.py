"""What an attempt says: numbered, filtered, masked, capped, and sent in chunks.

Numbers are the contract with the service: the same entry always has the same number, so that a chunk may be sent twice and a restarted
agent may say everything again. That holds because a program's lines come back in the same order (`backend`), and what was said around
them is kept by the caller (`aside`) and put back (`resume`).

Entries wait here while the service is away. Above a few megabytes `say` blocks, which stops the reading of the program's output: that
stands on disk, or with the Docker daemon, and can wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runners.protocol import LogLine, Rejected, Unreachable

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
_OTHER_LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR", "NOTICE": "INFO"}

#: Longest entry and largest log, in bytes.
LINE_CAP = 64 << 10
LOG_CAP = 64 << 20

_CHUNK_LINES, _CHUNK_BYTES = 1000, 1 << 19
_HELD_BYTES = 8 << 20
_BATCH = 1000
#: What an entry takes besides its text, about.
_OVERHEAD = 64
_MUCH = 200


def level(name: str) -> str:
    """One of LEVELS; names of other logging systems are read, unknown ones are INFO."""
    upper = name.strip().upper()
    known = _OTHER_LEVELS.get(upper, upper)
    return known if known in LEVELS else "INFO"


@dataclass(frozen=True, slots=True)
class Caps:
    """Bytes per entry and per log."""

    line: int = LINE_CAP
    log: int = LOG_CAP


class Report:
    """The log of one attempt. `first` is the number of the first entry that the service does not have yet; `full` is called when much waits."""

    def __init__(
        self,
        send: Callable[[tuple[LogLine, ...]], None],
        mask: Callable[[str], str],
        *,
        mask_all: Callable[[Sequence[str]], Sequence[str]] | None = None,
        least: str | None = None,
        first: int = 0,
        caps: Caps | None = None,
        full: Callable[[], None] = lambda: None,
    ) -> None:
        self._send, self._first, self._caps, self._full = send, first, caps or Caps(), full
        self._mask_all = mask_all or (lambda texts: [mask(text) for text in texts])
        self._least = LEVELS.index(level(least)) if least else 0
        self._held: deque[LogLine] = deque()
        self._held_bytes = 0
        self._next = 0
        self._bytes = 0
        self._dropped = 0
        self._last: list[str] = []
        self._aside: list[LogLine] | None = []
        self._mark = (0, 0)
        self._room = threading.Condition()
        self._sending = threading.Lock()
        self._abandoned = False

    def say(self, grade: str, message: str, time: datetime | None = None) -> None:
        """Adds an entry. Blocks while too much waits to be sent."""
        self.say_all(grade, (message,), time)

    def say_all(self, grade: str, messages: Sequence[str], time: datetime | None = None) -> None:
        """Adds entries of one time. What a full log does not take costs next to nothing."""
        known = level(grade)
        if LEVELS.index(known) < self._least:
            return
        for start in range(0, len(messages), _BATCH):
            if self._bytes > self._caps.log:
                with self._room:
                    self._dropped += len(messages) - start
                return
            self._say(known, self._mask_all(messages[start : start + _BATCH]), time or datetime.now(UTC))

    def last(self, message: str) -> None:
        """Something to say when all else has been said, however full the log is."""
        self._last.append(message)

    def _say(self, grade: str, texts: Sequence[str], time: datetime) -> None:
        with self._room:
            for at, text in enumerate(texts):
                if self._held_bytes > _HELD_BYTES:
                    self._wait_for_room()
                if self._bytes > self._caps.log:
                    self._dropped += len(texts) - at
                    return
                self._add(grade, self._cut(text), time)
                if self._bytes > self._caps.log:
                    self._add("WARN", f"the log is full ({self._caps.log >> 20} MiB); further lines are counted and dropped", datetime.now(UTC))

    def mark(self) -> None:
        """From here on, what is said is kept for `aside`."""
        with self._room:
            self._aside, self._mark = [], (self._next, self._bytes)

    def aside(self) -> list[LogLine]:
        """What was said since `mark`, to be stored by the caller. A program's own lines follow, and are not kept."""
        with self._room:
            kept, self._aside = self._aside or [], None
            return kept

    def resume(self, entries: Sequence[LogLine]) -> None:
        """Puts back what an agent before us said since `mark`, in place of what we said. A program's own lines follow."""
        with self._room:
            self._next, self._bytes = self._mark
            self._held = deque(entry for entry in self._held if entry.number < self._next)
            self._held_bytes = sum(_size(entry.message) for entry in self._held)
            self._aside = None
            for entry in entries:
                self._add(entry.level, entry.message, entry.time)

    def flush(self) -> bool:
        """Sends what waits; False when the service is away and some is left. May raise Gone and Refused."""
        with self._sending:
            while chunk := self._chunk():
                try:
                    self._send(chunk)
                except Unreachable:
                    return False
                except Rejected:
                    # It will not take this chunk tomorrow either; the numbers show the gap.
                    self._sent(chunk)
                else:
                    self._sent(chunk)
            return True

    @property
    def waiting(self) -> int:
        """How many entries wait to be sent."""
        return len(self._held)

    def finish(self) -> None:
        """Says how much was dropped. The last entries."""
        with self._room:
            while self._last:
                self._add("WARN", self._last.pop(0), datetime.now(UTC))
            if self._dropped:
                self._add("WARN", f"{self._dropped} lines were dropped: the log is over {self._caps.log >> 20} MiB", datetime.now(UTC))
                self._dropped = 0

    def abandon(self) -> None:
        """Nobody wants this any more: nothing waits, nothing blocks, nothing is sent."""
        with self._room:
            self._abandoned = True
            self._held.clear()
            self._held_bytes = 0
            self._room.notify_all()

    def _wait_for_room(self) -> None:
        while self._held_bytes > _HELD_BYTES and not self._abandoned:
            self._room.wait(1.0)

    def _add(self, grade: str, text: str, time: datetime) -> None:
        entry = LogLine(self._next, time, grade, text)
        self._next += 1
        self._bytes += _size(text)
        if self._aside is not None:
            self._aside.append(entry)
        if entry.number >= self._first and not self._abandoned:
            self._held.append(entry)
            self._held_bytes += _size(text)
            if len(self._held) == _MUCH:
                self._full()

    def _chunk(self) -> tuple[LogLine, ...]:
        chunk: list[LogLine] = []
        size = 0
        with self._room:
            for entry in self._held:
                if len(chunk) == _CHUNK_LINES or size > _CHUNK_BYTES:
                    break
                chunk.append(entry)
                size += len(entry.message)
        return tuple(chunk)

    def _sent(self, chunk: tuple[LogLine, ...]) -> None:
        with self._room:
            while self._held and self._held[0].number <= chunk[-1].number:
                self._held_bytes -= _size(self._held.popleft().message)
            self._room.notify_all()

    def _cut(self, text: str) -> str:
        """At most the cap in bytes. Masked before: half a secret is not recognised."""
        if len(text) * 4 <= self._caps.line or len(encoded := text.encode("utf-8", "replace")) <= self._caps.line:
            return text
        return encoded[: self._caps.line].decode("utf-8", "ignore") + f" … [cut: the line is longer than {self._caps.line >> 10} KiB]"


def _size(text: str) -> int:
    return len(text) + _OVERHEAD
