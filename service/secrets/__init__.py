"""Where the values behind `secret('NAME')` come from."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """A store of secrets that can only be read."""

    def get(self, name: str) -> str | None:
        """The value, or None where there is none. Raises `errors.Invalid` for one that is there but can't be read; the message never holds it."""
