"""The beginning of a file as a page shows it: rows of Ion, text line by line, pictures and PDF whole. No more of it is read than is shown."""

from __future__ import annotations

import base64
import codecs
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from runners.ion import IonError, rows
from service.errors import Invalid, TooLarge
from service.store.codec import iso

FIRST, MOST = 100, 5_000  #: rows that are shown where nobody says how many, and at most
_TEXT = 2_000_000  #: bytes of a text that are looked at
LARGEST = 10_000_000  #: bytes of a picture
_PICTURES = frozenset({"jpg", "jpeg", "png", "svg", "gif", "bmp", "webp"})
#: Codecs of Python that are no encoding of a file, or that take their time.
_NO_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"})


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown: a list of values, a text, or base64. `truncated`: there is more. `most` is how many rows it may have."""

    extension: str
    type: str
    content: Any
    truncated: bool
    most: int


def preview(name: str, stream: BinaryIO, size: int, most: int | None = None, encoding: str | None = None) -> Preview:
    """Of a file by the extension of its name. Raises Invalid for an encoding that there is none of, and for what is no Ion; TooLarge for a picture."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    most = FIRST if most is None else min(most, MOST)
    if extension in _PICTURES or extension == "pdf":
        return Preview(extension, "PDF" if extension == "pdf" else "IMAGE", _whole(stream, size), truncated=False, most=most)
    text, cut = _text(stream, _codec(encoding))
    if extension == "ion":
        found, more = _rows(text, most, cut=cut)
        return Preview(extension, "LIST", found, more, most)
    lines = text.splitlines(keepends=True)
    return Preview(extension, "MARKDOWN" if extension == "md" else "TEXT", "".join(lines[:most]), cut or len(lines) > most, most)


def _codec(encoding: str | None) -> codecs.CodecInfo:
    try:
        found = codecs.lookup(encoding or "utf-8")
    except (LookupError, ValueError):
        found = None
    # Codecs that turn bytes into bytes are in the same list; only this says which.
    if found is None or found.name.replace("_", "-") in _NO_ENCODINGS or not getattr(found, "_is_text_encoding", True):
        raise Invalid(f"there is no encoding `{(encoding or '')[:60]}`; there are UTF-8, UTF-16, ISO-8859-1, windows-1252 and many more")
    return found


def _text(stream: BinaryIO, codec: codecs.CodecInfo) -> tuple[str, bool]:
    """The beginning of a file, and whether there is more of it. What is no text in this encoding is shown as such."""
    content = stream.read(_TEXT + 1)
    cut = len(content) > _TEXT
    decoder = codec.incrementaldecoder
    if decoder is None:
        return codec.decode(content[:_TEXT], "replace")[0], cut
    return decoder("replace").decode(content[:_TEXT], final=not cut).removeprefix("\ufeff"), cut


def _rows(text: str, most: int, *, cut: bool) -> tuple[list[Any], bool]:
    if cut:
        text = text[: text.rfind("\n") + 1] or text  # each value has a line of its own
    found: list[Any] = []
    try:
        for value in rows(text):
            if len(found) == most:
                return found, True
            found.append(_plain(value))
    except IonError as wrong:
        if not cut:
            raise Invalid(f"the file is not Ion: {wrong}") from None
    return found, cut


def _plain(value: Any) -> Any:
    """A value of Ion in JSON."""
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case Decimal():
            return float(value) if value.is_finite() else str(value)
        case datetime():
            return iso(value) if value.tzinfo is not None else value.isoformat()
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
    return value


def _whole(stream: BinaryIO, size: int) -> str:
    if size > LARGEST:
        raise TooLarge(f"the file has {size:,} bytes; of this kind no more than {LARGEST:,} are shown. It can be downloaded.")
    return base64.b64encode(stream.read(LARGEST)).decode()
