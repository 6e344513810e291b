"""Files made in, and stored from, the working directory: an old task, whose work every script does by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import STORED_FILES, Dynamic, Text
from runners.protocol import Outcome, Result, Unusable
from runners.task import RunnerTask, Work


class LocalFiles(RunnerTask):
    """Makes `inputs` in the working directory, then stores what `outputs` match. Old: tasks have `inputFiles` and `outputFiles` of their own."""

    TYPE = "io.kestra.plugin.core.storage.LocalFiles"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.LocalFiles",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uris": "Stored files: path → URI."}

    inputs: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make: path → content or URI.")
    outputs: Dynamic[list[Text]] | None = Field(None, description="Globs of the files to store.")

    def run(self, work: Work) -> Outcome:
        """Makes them, stores them."""
        for name, content in (self.inputs or {}).items():
            if content is None:
                continue
            if content.startswith("file://"):
                raise Unusable("inputs: file:// is part of the language, but this version does not run it yet")
            if content.startswith(STORED_FILES):
                work.fetch(content.strip(), work.directory / name)
            else:
                work.write(name, content)
        stored: dict[str, str] = {}
        for pattern in self.outputs or ():
            found = work.upload(pattern)
            if not found:
                work.log("WARN", f"outputs: nothing matches {pattern!r}")
            stored |= found
        return Outcome(Result.SUCCESS, outputs={"uris": stored})
