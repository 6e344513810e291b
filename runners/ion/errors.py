"""What can be wrong with an Ion text."""

from __future__ import annotations


class IonError(ValueError):
    """A text that is not Ion, or more of it than may be read. `line` and `column` count from 1; 0 where there is no place."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.message} at line {self.line}, column {self.column}" if self.line else self.message


def error_at(text: str, offset: int, message: str) -> IonError:
    """An error with the line and column of a character offset."""
    return IonError(message, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
