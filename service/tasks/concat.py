"""Joins stored files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask, optional_text

_MOST = 10_000
_CHUNK = 1 << 20


class Concat(ServerTask):
    """Joins files into one, in the order in which they are named."""

    TYPE = "io.kestra.plugin.core.storage.Concat"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Concat",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "The new file."}

    files: Dynamic[Any] = Field(description="The files: a list of URIs, or JSON text of one.")
    separator: Text | None = Field(None, description="What stands between two files.")
    extension: Text = Field(".tmp", description="The extension of the new file.")

    def run(self, ask: ServerAsk) -> Done:
        between = b"" if self.separator is None else ask.text(self.separator).encode()
        extension = optional_text(ask, self.extension) or ""
        with tempfile.SpooledTemporaryFile(_CHUNK) as whole:
            for number, uri in enumerate(_uris(ask.typed(self.files))):
                if number:
                    whole.write(between)
                with ask.files.open(uri) as content:
                    shutil.copyfileobj(content, whole, _CHUNK)
            whole.seek(0)
            return Done({"uri": ask.files.put(f"concat{extension}", cast("Any", whole))})


def _uris(found: Any) -> list[str]:
    if isinstance(found, str):
        try:
            found = json.loads(found) if found.strip().startswith("[") else [found]
        except ValueError as wrong:
            raise TaskFailed(f"`files` is no JSON: {wrong}") from None
    if isinstance(found, Mapping):
        found = list(found.values())
    if not isinstance(found, list) or not all(isinstance(uri, str) for uri in found):
        raise TaskFailed("`files` must be a list of URIs")
    if len(found) > _MOST:
        raise TaskFailed(f"`files` has {len(found):,} entries; the limit is {_MOST:,}")
    return [uri.strip() for uri in found]
