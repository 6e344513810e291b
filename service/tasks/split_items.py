"""Parts a file: as a task, and as the first of the three tasks that a ForEachItem is, which has no name of its own in the language."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any, BinaryIO, ClassVar, cast

import re2
from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask

MOST, MOST_OPEN = 100_000, 1_000  #: parts of a file: that are made one after another, and that rows go to in turn
LONGEST = 16 << 20  #: bytes of a row
_CHUNK = 1 << 20
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_SIZE = re.compile(r"([0-9]+) *([KMG]?B?)")


class SplitItems(ServerTask):
    """Stores the parts of a file: so many `rows` each, parts of about so many `bytes`, a number of `partitions` that rows go to in turn, or one for each value
    of the first group of `regex_pattern`; a row each where nothing is said. The output `splits` is a file with their URIs."""

    items: Any
    rows: Any = None
    bytes: Any = None
    partitions: Any = None
    separator: Any = "\n"
    regex_pattern: Any = None

    def run(self, ask: ServerAsk) -> Done:
        splits, _ = ask.files.write("splits.ion", _parted(ask, ask.text(self.items).strip(), self))
        return Done({"splits": splits})


class Split(ServerTask):
    """Parts a file: so many `rows` each, parts of about so many `bytes`, a number of `partitions` that rows go to in turn, or one for each value of the first
    group of `regexPattern`."""

    TYPE = "io.kestra.plugin.core.storage.Split"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Split",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uris": "The parts."}

    from_: Dynamic[Text] = Field(alias="from", description="The file: a URI.")
    rows: Any = Field(None, description="The number of rows of a part.")
    bytes: Any = Field(None, description="About the size of a part: 10MB.")
    partitions: Any = Field(None, description="The number of parts; rows go to them in turn.")
    separator: Text = Field("\n", description="What ends a row.")
    regex_pattern: Text | None = Field(None, description="Rows go to a part by what the first group matches; those without a match are left out.")

    def run(self, ask: ServerAsk) -> Done:
        if self.rows is None and self.bytes is None and self.partitions is None and self.regex_pattern is None:
            raise TaskFailed("one of `rows`, `bytes`, `partitions` and `regexPattern` must say how the file is parted")
        return Done({"uris": _parted(ask, ask.text(self.from_).strip(), self)})


def _parted(ask: ServerAsk, uri: str, how: SplitItems | Split) -> list[str]:
    """The URIs of the parts."""
    separator = ask.text(how.separator).encode()
    if not separator:
        raise TaskFailed("`separator` is empty")
    with ask.files.open(uri) as content:
        return [ask.files.put(f"{number}.part", part) for number, part in enumerate(_parts(ask, how, _rows(content, separator)))]


def _parts(ask: ServerAsk, how: SplitItems | Split, rows: Iterator[bytes]) -> Iterator[BinaryIO]:
    if how.regex_pattern is not None:
        yield from _sorted(rows, _pattern(ask.text(how.regex_pattern)))
    elif how.partitions is not None:
        yield from _dealt(rows, _number(ask, "partitions", how.partitions))
    elif how.bytes is not None:
        yield from _cut(rows, most_bytes=_size(ask.text(str(how.bytes))))
    else:
        yield from _cut(rows, most_rows=1 if how.rows is None else _number(ask, "rows", how.rows))


def _rows(content: IO[bytes], separator: bytes) -> Iterator[bytes]:
    """Row by row, each with its separator; the last one as it is."""
    left = b""
    while chunk := content.read(_CHUNK):
        *whole, left = (left + chunk).split(separator)
        yield from (row + separator for row in whole)
        if len(left) > LONGEST:
            raise TaskFailed(f"a row of the file is longer than {LONGEST:,} bytes: is `separator` right?")
    if left:
        yield left


def _cut(rows: Iterator[bytes], most_rows: int = 0, most_bytes: int = 0) -> Iterator[BinaryIO]:
    """One part after another."""
    number, row = 0, next(rows, None)
    while row is not None:
        number += 1
        if number > MOST:
            raise TaskFailed(f"the file has more than {MOST:,} parts: that is the limit; take larger ones")
        with tempfile.SpooledTemporaryFile(_CHUNK) as part:
            count = size = 0
            while row is not None and not (count and ((most_rows and count >= most_rows) or (most_bytes and size + len(row) > most_bytes))):
                part.write(row)
                count, size, row = count + 1, size + len(row), next(rows, None)
            part.seek(0)
            yield cast("BinaryIO", part)


def _dealt(rows: Iterator[bytes], number: int) -> Iterator[BinaryIO]:
    """Rows in turn to each part; those that get none are none."""
    return _gathered((index % number, row) for index, row in enumerate(rows))


def _sorted(rows: Iterator[bytes], pattern: Any) -> Iterator[BinaryIO]:
    """Rows by a value in them; those without one are left out."""
    found = ((pattern.search(row.decode("utf-8", "replace")), row) for row in rows)
    return _gathered((match[1], row) for match, row in found if match is not None and match[1] is not None)


def _gathered(rows: Iterator[tuple[Any, bytes]]) -> Iterator[BinaryIO]:
    with ExitStack() as open:
        parts: dict[Any, Any] = {}
        for key, row in rows:
            if key not in parts:
                if len(parts) >= MOST_OPEN:
                    raise TaskFailed(f"the rows go to more than {MOST_OPEN:,} parts at once: that is the limit")
                parts[key] = open.enter_context(tempfile.SpooledTemporaryFile(_CHUNK // 16))
            parts[key].write(row)
        for part in parts.values():
            part.seek(0)
            yield cast("BinaryIO", part)


def _number(ask: ServerAsk, name: str, value: Any) -> int:
    rendered = ask.typed(value)
    text = str(rendered).strip()
    if isinstance(rendered, bool) or not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST:
        raise TaskFailed(f"`{name}` is `{text[:80]}`: it must be a whole number from 1 to {MOST:,}")
    return int(text)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None or not int(found[1]):
        raise TaskFailed(f"`bytes` is `{text[:80]}`: it must be a size such as 10MB")
    return int(found[1]) * _UNITS[found[2] if found[2].endswith("B") or not found[2] else found[2] + "B"]


def _pattern(text: str) -> Any:
    """RE2's, which takes no longer than the rows are long."""
    try:
        found = re2.compile(text)
    except re2.error as wrong:
        raise TaskFailed(f"`regexPattern` is no regular expression: {wrong}") from wrong
    if not found.groups:
        raise TaskFailed("`regexPattern` has no group: rows are parted by the value of its first one")
    return found
