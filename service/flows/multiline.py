"""Texts of several lines in YAML, moved to other columns without a change of what they say."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Line ends as YAML counts them.
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_HEADER = re.compile(r"(?P<style>[|>])(?P<signs>[-+0-9]*)(?P<rest>.*)", re.DOTALL)
#: Line ends that are a part of the text they stand in.
_KEPT = "\x85\u2028\u2029"


def moved(raw: str, by: int, least: int) -> str:
    """A plain or quoted text with its further lines moved to the right (or left), but not left of `least`: the white space around its line breaks means
    nothing."""
    first, *others = BREAK.split(raw)
    written = [_trimmed(first, raw[0])]
    for number, (line, end) in enumerate(zip(others, _ends(raw), strict=True), 1):
        content = line.lstrip(" \t")
        column = max(len(line) - len(content) + by, least) if content else 0
        written.append(end + " " * column + (_trimmed(content, raw[0]) if number < len(others) else content))
    return "".join(written)


class Block(NamedTuple):
    """A block scalar at its new place, how much of the raw text it stands for, and whether it keeps the line breaks at its end."""

    text: str
    length: int
    keeps: bool


def block(raw: str, parent: int, to: int, step: int, ends_the_file: bool) -> Block:
    """A block scalar whose parent moves from one column to another. The blank lines at its end are left out.

    Without a line break at the end of the file there is none at the end of its last text; it is written `|-`, so that the one which comes now does not
    change it.
    """
    header, *lines = BREAK.split(raw)
    found = _HEADER.match(header)
    assert found is not None
    signs = found["signs"]
    digits = signs.strip("-+")
    old, new = (parent + int(digits), to + int(digits)) if digits else (_indentation(lines), to + step)
    last = max((number for number, line in enumerate(lines, 1) if not _blank(line, old)), default=0)
    if last == len(lines) > 0 and ends_the_file:
        signs = digits + "-"
    moved_lines = ["" if _blank(line, old) else " " * new + line[old:] for line in lines[:last]]
    text = found["style"] + signs + found["rest"].rstrip() + "".join(end + line for end, line in zip(_ends(raw), moved_lines, strict=False))
    stops = [match.start() for match in BREAK.finditer(raw)] + [len(raw)]
    return Block(text, stops[last], "+" in signs)


def _ends(raw: str) -> list[str]:
    return [found[0] if found[0] in _KEPT else "\n" for found in BREAK.finditer(raw)]


def _trimmed(line: str, style: str) -> str:
    """Without the white space at its end, unless a backslash before it may make that a part of the text."""
    trimmed = line.rstrip(" \t")
    return line if style == '"' and trimmed.endswith("\\") else trimmed


def _blank(line: str, indentation: int) -> bool:
    return len(line) <= indentation and not line.strip(" ")


def _indentation(lines: list[str]) -> int:
    """Of a block scalar that does not say its own."""
    deepest = 0
    for line in lines:
        spaces = len(line) - len(line.lstrip(" "))
        deepest = max(deepest, spaces)
        if spaces < len(line):
            break
    return deepest
