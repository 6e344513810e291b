"""What was made of texts, kept up to a weight.

Counting entries would not do: what is compiled from sixteen thousand characters can take four megabytes, and anybody who may write a template can write
thousands of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")

_NOTHING: Any = object()


class Kept(Generic[V]):
    """Makes a thing of a text, and remembers it while there is room; an error is not remembered. Safe to use from many threads.

    There are two generations. What is asked for is or gets one of the young; when these weigh more than `room`, they become the old ones, and what was old
    and nobody has asked for since goes. So what is in use stays, at most twice the room is held, and no lock is needed: threads that meet do work twice, or
    forget to count something once.
    """

    __slots__ = ("_make", "_old", "_room", "_weigh", "_weight", "_young")

    def __init__(self, make: Callable[[str], V], weigh: Callable[[str, V], int], room: int) -> None:
        self._make, self._weigh, self._room = make, weigh, room
        self._young: dict[str, V] = {}
        self._old: dict[str, V] = {}
        self._weight = 0

    def __call__(self, text: str) -> V:
        """What is made of a text."""
        found: V = self._young.get(text, _NOTHING)
        if found is not _NOTHING:
            return found
        found = self._old.get(text, _NOTHING)
        if found is _NOTHING:
            found = self._make(text)
        if self._weight > self._room:
            self._old, self._young, self._weight = self._young, {}, 0
        self._young[text] = found
        self._weight += self._weigh(text, found)
        return found

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._young.keys() | self._old.keys())
