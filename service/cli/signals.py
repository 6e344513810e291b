"""What a command has started must not outlive it: signals that would end it at once end it through `finally` instead."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block Ctrl-C raises KeyboardInterrupt, as ever, and SIGTERM and SIGHUP raise SystemExit. What is ignored already stays so (nohup)."""
    before = {number: handler for number in (signal.SIGINT, *_ENDING) if (handler := signal.getsignal(number)) is not signal.SIG_IGN}

    def handle(number: int, _frame: FrameType | None) -> None:
        # Once: while things are being ended a second signal must not leave them behind. A second Ctrl-C is a person who will not wait.
        for each in before:
            signal.signal(each, signal.SIG_IGN if each in _ENDING else signal.default_int_handler)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
