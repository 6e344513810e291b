"""Where the values behind `secret('NAME')` come from, and what of them is to be hidden."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

#: The names of what is secret by itself inside of a secret that is a JSON object: `fromJson(secret('DB')).password` is how flows read it.
_TELLING = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://")
_LONGEST = 100_000  #: characters of a secret that is looked into


class Secrets(Protocol):
    """A store of secrets that can only be read."""

    def get(self, name: str) -> str | None:
        """The value, or None where there is none. Raises `errors.Invalid` for one that is there but can't be read; the message never holds it."""


def hidden(value: str) -> Iterator[str]:
    """What of a secret must not be seen: the value, and where that is a JSON object, the passwords, tokens and keys in it. Its other texts are users, hosts
    and the like; hiding these everywhere would blot out half of every log."""
    yield value
    if not value.lstrip().startswith("{") or len(value) > _LONGEST:
        return
    try:
        yield from _told(json.loads(value), telling=False)
    except (ValueError, RecursionError):
        return


def _told(value: Any, *, telling: bool) -> Iterator[str]:
    """The texts and numbers under telling names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _told(inner, telling=telling or _TELLING.search(name) is not None)
    elif isinstance(value, list):
        for inner in value:
            yield from _told(inner, telling=telling)
    elif telling and isinstance(value, str | int | float) and not isinstance(value, bool) and not _ADDRESS.match(str(value)):
        yield str(value)
