"""What can be wrong with a template, and how it is said: with its place, and with the name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

#: The words of an error, or what makes them: looking for the name that was meant may cost more than all the rest.
Message = str | Callable[[], str]

#: Hostile data may hold a million keys, or keys of a million characters; a suggestion is not worth reading them all.
_NAMES_LOOKED_AT = 500
_LONGEST_NAME = 80


class ExpressionError(ValueError):
    """A template that can't be read or rendered: the user's mistake.

    `line` and `column` count from 1 inside the template's text. `path` says where in a nested value the template stands (map keys and list indexes),
    empty for a single template. `template` is its text.
    """

    def __init__(self, message: Message, line: int = 1, column: int = 1, template: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__()
        self._message = message
        self.line = line
        self.column = column
        self.template = template
        self.path = path

    @property
    def message(self) -> str:
        """What is wrong. Put into words when it is first asked for: `??` and `is defined` throw many of them away."""
        if not isinstance(self._message, str):
            self._message = self._message()
        return self._message

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}"
        return f"{self.message} ({where})"

    def under(self, key: str | int) -> ExpressionError:
        """The same error, seen from one level further out in a nested value."""
        self.path = (key, *self.path)
        return self


class UndefinedError(ExpressionError):
    """A name, key or index that isn't there. The only error that `??`, `???`, `default` and `is defined` forgive."""


class Refused(ValueError):
    """Raised by operators, filters and functions, which don't know where they stand; the run adds the place."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message

    def __str__(self) -> str:
        return self.message if isinstance(self.message, str) else self.message()


class Absent(Refused):
    """Like `Refused`, for what becomes an `UndefinedError`."""


def error_at(template: str, offset: int, message: Message, kind: type[ExpressionError] = ExpressionError) -> ExpressionError:
    """An error with the line and column of a character offset."""
    line = template.count("\n", 0, offset) + 1
    column = offset - (template.rfind("\n", 0, offset) + 1) + 1
    return kind(message, line, column, template)


def nearest(name: str, known: Iterable[Any]) -> str | None:
    """The known name that was probably meant."""
    names = [each for each in islice(known, _NAMES_LOOKED_AT) if isinstance(each, str) and len(each) <= _LONGEST_NAME]
    by_case = {each.lower(): each for each in names}
    if name.lower() in by_case:
        return by_case[name.lower()]
    close = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(name: str, known: Iterable[Any]) -> str:
    """The end of a sentence: a suggestion, or nothing."""
    found = nearest(name, known)
    return f"; did you mean `{found}`?" if found else ""
