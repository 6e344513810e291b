"""One text to be looked at, wherever it came from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Where flows live in a repository, unless a path is given.
FLOWS = ".flows"


@dataclass(frozen=True, slots=True)
class Text:
    """A text with the path it is shown under, or the reason (and what to do) why it is not read. `origin` is a commit's id, empty for files; `file` is where it
    could be written back."""

    path: str
    content: bytes = b""
    refused: tuple[str, str | None] | None = None
    origin: str = ""
    file: Path | None = None


def shown(name: str) -> str:
    """A name as it can be printed: bytes that are not UTF-8 come out as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
