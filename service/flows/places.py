"""From a place inside a YAML scalar's text to the place in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from service.flows.problems import lines_of
from service.flows.source import Place, Source, at, behind

#: Longer texts that are folded or escaped are not walked through; their problems stand where they begin.
_LONGEST = 6_000
_LINE_ENDS = re.compile(r"[ \t]{0,200}[\r\n]")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.DOTALL)


def inside(source: Source, event: Any, line: int, column: int, width: int = 1) -> Place:
    """Where line and column (from 1) of a scalar's text stand in the file that it was read from."""
    place = _inside(source, event, line, column)
    return at(place.line, place.column, width)


def _inside(source: Source, event: Any, line: int, column: int) -> Place:
    value: str = event.value
    if event.style == "|":
        return _in_block(source, event, line, column)
    start, end = event.start_mark, event.end_mark
    quote = 1 if event.style else 0
    as_written = start.line == end.line and source.text.startswith(value, start.index + quote)
    if len(value) > _LONGEST and not as_written:
        return at(start.line + 1, start.column + 1)
    before = lines_of(value)[: line - 1] if line > 1 else ()
    offset = min(sum(len(text) + 1 for text in before) + column - 1, len(value))
    if as_written:
        return at(start.line + 1, start.column + 1 + quote + offset)
    return _aligned(source.text, event, value, offset)


def _in_block(source: Source, event: Any, line: int, column: int) -> Place:
    """The content's lines are the file's lines, shifted to the right."""
    number = event.start_mark.line + line
    content = _content(event.value)
    text = content[line - 1] if line <= len(content) else ""
    written = source.lines[number] if number < len(source.lines) else ""
    return at(number + 1, len(written) - len(text) + column if written.endswith(text) else 1)


@lru_cache(maxsize=2)
def _content(value: str) -> Sequence[str]:
    """The lines of the text that is looked at now: it may be long, and have many problems."""
    return lines_of(value)


def _aligned(source: str, event: Any, value: str, offset: int) -> Place:
    """Walks text and file side by side: folded line breaks, indentation, escapes and doubled quotes take more room in the file."""
    at_source, end = event.start_mark.index, event.end_mark.index
    while event.style in ('"', "'") and at_source < end and source[at_source] != event.style:
        at_source += 1  # an anchor stands before the quote
    if event.style == ">":
        at_source = source.find("\n", at_source) + 1
    elif event.style:
        at_source += 1
    elif source[at_source : at_source + 1] == "&":
        at_source = source.find(value[:1], at_source + len(event.anchor or "") + 1)
    for character in value[:offset]:
        at_source = _step(source, at_source, end, character, event.style)
    if not value[offset : offset + 1].isspace():
        at_source = _settled(source, at_source, end, event.style)
    return behind(source[:at_source])


_CONTINUED = re.compile(r"\\\r?\n[ \t]*")


def _settled(source: str, index: int, end: int, style: str) -> int:
    """Past what stands for nothing, or for what came before: folded breaks, and in double quotes escaped ones."""
    while index < end and source[index] in " \t\r\n":
        index += 1
    match = _CONTINUED.match(source, index) if style == '"' else None
    return match.end() if match else index


def _step(source: str, index: int, end: int, character: str, style: str) -> int:
    """Past the characters of the file that stand for one character of the text."""
    if style == '"' and source[index : index + 1] == "\\":
        while continued := _CONTINUED.match(source, index):
            index = continued.end()
        match = _ESCAPE.match(source, index)
        return match.end() if match else index + 1
    if style == "'" and source.startswith("''", index):
        return index + 2
    if character in " \n" and source[index : index + 1].isspace():
        return _past_space(source, index, end, character)
    while index < end and source[index] != character and source[index] in " \t\r\n":
        index += 1
    return index + 1


def _past_space(source: str, index: int, end: int, character: str) -> int:
    """One character of white space, or all of it where a line was folded."""
    folded = source[index] in "\r\n" if character == " " else source[index] != "\n"
    if character == " " and not folded:
        folded = _LINE_ENDS.match(source, index, end) is not None
    if not folded:
        return index + 1
    while index < end and source[index] in " \t\r\n":
        index += 1
    return index
