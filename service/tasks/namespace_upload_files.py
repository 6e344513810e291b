"""Writes files of a namespace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, BinaryIO, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import ServerAsk, TaskFailed
from service.tasks import Done, ServerTask, matching, texts

_CONFLICTS = ("OVERWRITE", "ERROR", "SKIP")


class UploadFiles(ServerTask):
    """Writes files of a namespace: those that other tasks have stored, or those of a WorkingDirectory. All of them are one commit on the live branch, whose
    author names the execution; it starts nothing. Where nothing differs, there is no commit."""

    TYPE = "io.kestra.plugin.core.namespace.UploadFiles"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTPUTS: ClassVar[Mapping[str, str]] = {"files": "The files that were written: path → URI."}

    namespace: Text = Field(description="The namespace; it must be of the flow's repository, or of none.")
    files: Dynamic[list[Text]] | Text | None = Field(
        None, description="Globs of files of the working directory that it shares; where there is none, of the flow's commit."
    )
    files_map: Dynamic[dict[str, Text]] | None = Field(None, description="Files: path → URI; or text that renders to such a map in JSON.")
    destination: Text = Field("/", description="The folder that the files go to.")
    conflict: Text = Field("OVERWRITE", description="What becomes of a file that is there already: OVERWRITE, ERROR (nothing is written) or SKIP.")

    @property
    def gathers(self) -> Any:
        return self.files

    def run(self, ask: ServerAsk) -> Done:
        if self.files is None and self.files_map is None:
            raise TaskFailed("`files` or `filesMap` must say which files are meant")
        conflict = ask.text(self.conflict).strip().upper()
        if conflict not in _CONFLICTS:
            raise TaskFailed(f"`conflict` is `{conflict[:60]}`; it must be one of {', '.join(_CONFLICTS)}")
        folder = ask.text(self.destination).strip().strip("/")
        found = self._matched(ask) | self._mapped(ask)
        tree = ask.tree(ask.text(self.namespace).strip())
        return Done({"files": dict(tree.write({f"{folder}/{path.lstrip('/')}": opened for path, opened in found.items()}, conflict))})

    def _matched(self, ask: ServerAsk) -> dict[str, Callable[[], BinaryIO]]:
        if self.files is None:
            return {}
        meant = matching("files", texts(ask, "files", self.files))
        found: dict[str, Callable[[], BinaryIO]] = {path: partial(ask.files.open, uri) for path, uri in ask.files.directory().items() if meant(path)}
        if not found:
            ask.log("WARN", "files: nothing matches")
        return found

    def _mapped(self, ask: ServerAsk) -> dict[str, Callable[[], BinaryIO]]:
        found = ask.typed(self.files_map)
        if isinstance(found, str):
            found = _read(found)
        if found is not None and not (isinstance(found, Mapping) and all(isinstance(uri, str) for uri in found.values())):
            raise TaskFailed("`filesMap` must be a map of paths and URIs")
        return {path: partial(ask.files.open, uri.strip()) for path, uri in (found or {}).items()}


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise TaskFailed("`filesMap` is text, and no JSON") from None
