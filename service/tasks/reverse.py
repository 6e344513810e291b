"""Turns the rows of a stored file round."""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, ClassVar, cast

from pydantic import Field

from runners.fields import Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask

_LONGEST = 16 << 20  #: bytes of a row
_CHUNK = 1 << 20


class Reverse(ServerTask):
    """Makes a file with the rows of another, the last one first."""

    TYPE = "io.kestra.plugin.core.storage.Reverse"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Reverse",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "The new file."}

    from_: Text = Field(alias="from", description="The file: a URI.")
    separator: Text = Field("\n", description="What ends a row.")
    charset: Text = Field("UTF-8", description="The charset that the separator is written in.")

    def run(self, ask: ServerAsk) -> Done:
        separator = _encoded(ask.text(self.separator), ask.text(self.charset).strip())
        with ask.files.open(ask.text(self.from_).strip()) as content, tempfile.TemporaryFile() as source, tempfile.SpooledTemporaryFile(_CHUNK) as turned:
            shutil.copyfileobj(content, source, _CHUNK)
            for row in _backwards(source, separator):
                turned.write(row + separator)
            turned.seek(0)
            return Done({"uri": ask.files.put("reversed.tmp", cast("Any", turned))})


def _encoded(separator: str, charset: str) -> bytes:
    try:
        name = codecs.lookup(charset).name
        found = separator.encode({"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(name, name))
    except (LookupError, ValueError):
        raise TaskFailed(f"`charset` is `{charset[:60]}`: there is no charset of that name that has the separator") from None
    if not found:
        raise TaskFailed("`separator` is empty")
    return found


def _backwards(content: IO[bytes], separator: bytes) -> Iterator[bytes]:
    """The rows, last first, each without its separator. What stands behind the last separator is a row unless it is empty."""
    at = content.seek(0, 2)
    left, last = b"", True
    while at > 0:
        size = min(_CHUNK, at)
        at -= size
        content.seek(at)
        left, *rows = (content.read(size) + left).split(separator)
        for row in reversed(rows):
            if row or not last:
                yield row
            last = False
        if len(left) > _LONGEST:
            raise TaskFailed(f"a row of the file is longer than {_LONGEST:,} bytes: is `separator` right?")
    if left or not last:
        yield left
