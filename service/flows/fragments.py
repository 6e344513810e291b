"""Where words stand in a flow's text: the lines around them, with the words marked."""

from __future__ import annotations

import re

_MOST, _AROUND, _LONGEST = 3, 1, 300


def fragments(text: str, words: str) -> list[str]:
    """Up to three places with a line before and behind; what was found stands between `[mark]` and `[/mark]`."""
    if not words:
        return []
    lines = text.splitlines()
    wanted = re.compile(re.escape(words), re.IGNORECASE)
    found: list[str] = []
    shown = -1
    for number, line in enumerate(lines):
        if number <= shown or not wanted.search(line):
            continue
        shown = number + _AROUND
        around = (_cut(part, wanted) for part in lines[max(0, number - _AROUND) : shown + 1])
        found.append("\n".join(wanted.sub(lambda match: f"[mark]{match[0]}[/mark]", part) for part in around))
        if len(found) == _MOST:
            break
    return found


def _cut(line: str, wanted: re.Pattern[str]) -> str:
    """A long line's part around what was found."""
    if len(line) <= _LONGEST:
        return line
    match = wanted.search(line)
    start = max(0, match.start() - _LONGEST // 2) if match else 0
    return line[start : start + _LONGEST]
