"""All names that a template sees at one moment: what `render()` hands on, and what `_context` stands for."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import Any

#: The name under which a template gets all others, to hand them to a macro, which sees none by itself.
CONTEXT = "_context"


class Visible(Mapping[str, Any]):
    """The template's own names over its scope. Nothing of the scope is read before it is asked for."""

    def __init__(self, own: Sequence[Mapping[str, Any]], scope: Mapping[str, Any]) -> None:
        self._own = tuple(own)
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        for names in reversed(self._own):
            if name in names:
                return names[name]
        return self._scope[name]

    def __iter__(self) -> Iterator[str]:
        seen = dict.fromkeys(name for names in self._own for name in names)
        yield from seen
        yield from (name for name in self._scope if name not in seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _there(self) -> dict[str, Any]:
        """All of it, read; without a name of the scope that turns out not to be there when it is asked for."""
        return {name: self[name] for name in self if name in self}

    def items(self) -> ItemsView[str, Any]:
        """Names and values."""
        return self._there().items()

    def values(self) -> ValuesView[Any]:
        """The values."""
        return self._there().values()
