"""A figure: one measured number with its unit and, where one exists, the floor under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured cost; lower is better. `floor` is what the bare machine needs for the same (the same unit), if that was measured."""

    name: str
    value: float
    unit: str
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the floor it costs."""
        return self.value / self.floor if self.floor else None


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds that the fastest of `times` runs of `work` took: noise only ever adds."""
    return min(seconds(work) for _ in range(times))


def seconds(work: Callable[[], object]) -> float:
    """Seconds that one run of `work` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start
