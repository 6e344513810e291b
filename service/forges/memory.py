"""A Sender that keeps what it was told: for tests, and for running without a forge."""

from __future__ import annotations

from collections import deque
from threading import Lock

from service.forges import Access, Answer, Sent
from webhooks.report import Request


class MemorySender:
    """Answers `Sent`, unless told otherwise with `answer_next`. `calls` holds every call, `sent` those that were taken."""

    def __init__(self) -> None:
        self.calls: list[tuple[Request, Access]] = []
        self.sent: list[tuple[Request, Access]] = []
        self._answers: deque[Answer] = deque()
        self._lock = Lock()

    def answer_next(self, *answers: Answer) -> None:
        """The next calls get these answers, in order."""
        self._answers.extend(answers)

    def send(self, request: Request, access: Access) -> Answer:
        with self._lock:
            answer = self._answers.popleft() if self._answers else Sent()
            self.calls.append((request, access))
            if isinstance(answer, Sent):
                self.sent.append((request, access))
            return answer

    def close(self) -> None:
        """Nothing is open."""
