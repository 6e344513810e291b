"""Functions, filters and tests of the registry, as a run calls them: with their price, their place, and the user's errors made of what they meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from service.expressions.errors import ExpressionError, Refused
from service.expressions.limits import Budget
from service.expressions.registry import Entry, entries
from service.expressions.stack import roomy
from service.expressions.values import is_list, is_long, kind

#: What a filter or function meets when a value isn't what it was written for; the user's value, so the user's error.
_MISFITS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)
_CALL = 4  #: steps


class Calls:
    """The part of a run that calls plugins."""

    __slots__ = ()

    budget: Budget
    at: Callable[[int, Refused], ExpressionError]  #: `Run.at`

    def function(self, place: int, name: str, /, *args: Any, **named: Any) -> Any:
        """`name(…)`."""
        return self._apply(place, entries()["function", name], args, named)

    def filter(self, place: int, name: str, value: Any, /, *args: Any, **named: Any) -> Any:
        """`value | name(…)`."""
        return self._apply(place, entries()["filter", name], (value, *args), named)

    def test(self, place: int, name: str, value: Any, /, *args: Any, **named: Any) -> bool:
        """`value is name`."""
        return bool(self._apply(place, entries()["test", name], (value, *args), named))

    def _apply(self, place: int, entry: Entry, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        try:
            self.budget.spend(_CALL)
            for value in (*args, *named.values()):
                self._charge(value)
            work: Callable[..., Any] = partial(entry.run, self) if entry.wants_call else entry.run
            result = self._roomy(work, args, named) if any(map(is_long, (*args, *named.values()))) else work(*args, **named)
            self._charge(result)
        except Refused as refused:
            raise self.at(place, refused) from None
        except ExpressionError:
            raise
        except _MISFITS:
            what = ", ".join(kind(value) for value in (*args, *named.values())) or "no argument"
            raise self.at(place, Refused(f"`{entry.signature}` can't work with {what} of this form")) from None
        return result

    def _roomy(self, work: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        self.budget.room()
        return roomy(work, *args, **named)

    def _charge(self, value: Any) -> None:
        """What goes into a function and comes out of it has its price."""
        if isinstance(value, str):
            self.budget.text(len(value))
        elif isinstance(value, Mapping) or is_list(value):
            self.budget.spend(len(value))
