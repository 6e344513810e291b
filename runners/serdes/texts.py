"""Files as text: any charset that Python knows, a bounded line, and the place of what can't be read."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from runners.protocol import Unusable

LONGEST = 16 << 20  #: characters of one line
_CHUNK = 1 << 20


def charset_of(name: str) -> str:
    """Python's name of a charset. Raises Unusable for one that it does not know."""
    try:
        codec = codecs.lookup(name.strip())
        "".encode(codec.name)
    except (LookupError, ValueError):
        raise Unusable(f"`charset` is `{name[:60]}`: there is no charset of that name; UTF-8, ISO-8859-1 and windows-1252 are some") from None
    return codec.name


def opened(source: Path, charset: str) -> IO[str]:
    """A file to be read. A mark of the byte order before the first character is passed over."""
    name = charset_of(charset)
    return source.open("r", encoding="utf-8-sig" if name == "utf-8" else name, newline="")


def lines(source: Path, charset: str) -> Iterator[str]:
    """Line by line, each with its end, whatever that is. Raises Unusable for bytes that are no text, and for a line without end."""
    number = 0
    with opened(source, charset) as content:
        while line := _read(content, source, charset):
            number += 1
            if len(line) > LONGEST:
                raise Unusable(f"line {number:,} is longer than {LONGEST:,} characters: that is the limit")
            yield line


def _read(content: IO[str], source: Path, charset: str) -> str:
    try:
        return content.readline(LONGEST + 1)
    except UnicodeError:
        raise Unusable(_place(source, charset)) from None


def chunks(source: Path, charset: str) -> Iterator[str]:
    """Piece by piece. Raises Unusable for bytes that are no text."""
    with opened(source, charset) as content:
        try:
            while chunk := content.read(_CHUNK):
                yield chunk
        except UnicodeError:
            raise Unusable(_place(source, charset)) from None


def _place(source: Path, charset: str) -> str:
    """Where the first byte stands that is no text: the file is read again, for that is rare."""
    name = charset_of(charset)
    decoder, line = codecs.getincrementaldecoder(name)(), 1
    with source.open("rb") as content:
        try:
            while chunk := content.read(_CHUNK):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as wrong:
            line += wrong.object[: wrong.start].decode(name, "replace").count("\n")
            return f"line {line:,}: the byte 0x{wrong.object[wrong.start]:02X} is no {charset} text; `charset` says what the file is written in"
        except UnicodeError:  # UTF-16 without a mark of its byte order
            pass
    return f"the file is no {charset} text; `charset` says what it is written in"


def unwritable(wrong: UnicodeEncodeError, charset: str, number: int) -> Unusable:
    """A character that a charset does not have."""
    return Unusable(f"row {number:,}: the character {wrong.object[wrong.start]!r} can't be written in {charset}; `charset` may name another")


def character(name: str, text: str) -> str:
    """A property that is one character. Raises Unusable."""
    if len(text) != 1 or text in "\r\n":
        raise Unusable(f"`{name}` is {text[:20]!r}; it must be one character")
    return text
