"""Server-sent events, read as the standard of the web reads them (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_LINE = re.compile(r"\r\n|\n|\r")
#: Characters of one line, or of one event.
LONGEST = 1_000_000


class TooLong(Exception):
    """A line or an event without an end."""


@dataclass(slots=True)
class Event:
    """One event. `retry` is in milliseconds."""

    id: str | None = None
    name: str | None = None
    data: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    retry: int | None = None
    size: int = 0

    def take(self, line: str) -> None:
        """Reads one line of it."""
        self.size += len(line) + 1
        if self.size > LONGEST:
            raise TooLong
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match key:
            case "":
                self.comments.append(value)
            case "data":
                self.data.append(value)
            case "event":
                self.name = value
            case "id" if "\0" not in value:
                self.id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value[:18])


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream, as they come. One that is not ended by an empty line is none. An event without an id has that of the one before.
    Raises TooLong."""
    event, last = Event(), None
    for line in _lines(pieces):
        if line:
            event.take(line)
            continue
        last = event.id = event.id if event.id is not None else last
        if event.data:
            yield event
        event = Event()


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest: list[str] = []
    size, returned = 0, False
    for piece in pieces:
        text = decoder.decode(piece)
        if not text:
            continue
        # A line that was ended by \r at the end of a piece is not ended again by the \n that begins the next.
        text, returned = (text[1:] if returned and text[0] == "\n" else text), text.endswith("\r")
        *whole, open_ = _LINE.split(text)
        for line in whole:
            yield "".join((*rest, line))
            rest, size = [], 0
        rest.append(open_)
        size += len(open_)
        if size > LONGEST:
            raise TooLong
