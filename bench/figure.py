"""A figure: one measured number with its unit and, where one exists, the floor under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

_ROUNDS = 7


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


def interleaved(works: Mapping[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """Seconds per call of each work, which is done so many times a round: the median of rounds in which all take their turn."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_ROUNDS):
        for name, (each, work) in works.items():
            times[name].append(seconds(partial(_repeat, work, each)) / each)
    return {name: median(found) for name, found in times.items()}


def _repeat(work: Callable[[], object], each: int) -> None:
    for _ in range(each):
        work()
