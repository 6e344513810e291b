"""Commit messages that ask for nothing to run."""

from __future__ import annotations

import re

_MARK = re.compile(r"\[(?:skip ci|ci skip|no ci|skip headgate)\]", re.IGNORECASE)
_TRAILER = re.compile(r"skip-checks:[ \t]*true", re.IGNORECASE)
_LONGEST = 65_536


def skips(message: str) -> bool:
    """Whether a commit says that its push should start nothing: `[skip ci]` and its kin anywhere, or the trailer `skip-checks: true`."""
    text = message[:_LONGEST]
    return bool(_MARK.search(text)) or any(_TRAILER.fullmatch(line.strip()) for line in _trailers(text))


def _trailers(text: str) -> list[str]:
    """The lines of the last paragraph, which is never the subject."""
    lines = text.rstrip().splitlines()
    start = next((number for number in range(len(lines) - 1, -1, -1) if not lines[number].strip()), None)
    return [] if start is None else lines[start + 1 :]
