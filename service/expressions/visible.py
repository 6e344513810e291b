"""What a run sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.expressions.run import Run


class Visible(Mapping[str, Any]):
    """A run's own names over its scope."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, name: str) -> Any:
        for names in reversed(self._run.locals):
            if name in names:
                return names[name]
        return self._run.scope[name]

    def __iter__(self) -> Iterator[str]:
        seen = dict.fromkeys(name for names in self._run.locals for name in names)
        yield from seen
        yield from (name for name in self._run.scope if name not in seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)
