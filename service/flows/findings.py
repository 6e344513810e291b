"""The problems of one file, collected while it is read."""

from __future__ import annotations

from service.flows.problems import MOST, Problem, Severity, escaped
from service.flows.source import Place

_KEPT, _KEPT_ERRORS = 1_000, 2_000
_ENOUGH = 2 * MOST
_LONGEST_MESSAGE = 600


class Findings:
    """Collects the problems of one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._errors = 0
        self._said: set[tuple[str, int, int, str]] = set()

    def add(self, code: str, place: Place, message: str, hint: str | None = None, severity: Severity = Severity.ERROR) -> None:
        """One more problem, at a place of this file. A hostile file may have any number of them; far past the cap they are no longer kept."""
        if self.full(severity):
            return
        said = (code, place.line, place.column, message)
        if said in self._said:
            return  # of a default, or what an alias repeats: it stands in the file once
        self._said.add(said)
        self._errors += severity is Severity.ERROR
        message, hint = escaped(message, _LONGEST_MESSAGE), escaped(hint, _LONGEST_MESSAGE) if hint else hint
        self.problems.append(Problem(code, severity, self.path, place.line, place.column, message, hint, place.end_line, place.end_column))

    def full(self, severity: Severity) -> bool:
        """Whether no more of that kind are kept."""
        return len(self.problems) > (_KEPT_ERRORS if severity is Severity.ERROR else _KEPT)

    @property
    def failed(self) -> bool:
        """Whether any of them is an error."""
        return self._errors > 0

    @property
    def enough(self) -> bool:
        """Whether there are more errors than anybody will be shown, so that it is not worth looking further."""
        return self._errors >= _ENOUGH
